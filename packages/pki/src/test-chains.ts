import { createHash } from 'node:crypto';
import { der } from '@sallyport/der';
import type { UntrustedCertificate } from './certificate.ts';
import type { Crl } from './crl.ts';
import type { KeyUsage } from './extensions.ts';
import { PKIX } from './oids.ts';
import {
  certificate,
  crl,
  deltaOf,
  entry,
  extension,
  keyUsage,
  nameOf,
  newKey,
  type Party,
  uriPoint,
} from './test-authority.ts';

/** Chains for the differential test: good ones, with a few fields of each certificate changed. */

export interface Scene {
  readonly anchor: UntrustedCertificate;
  readonly intermediates: readonly UntrustedCertificate[];
  readonly leaves: readonly UntrustedCertificate[];
  /** Null where revocation is not checked. */
  readonly crls: readonly Crl[] | null;
  readonly purpose: 'any' | 'email-sign' | 'email-encrypt';
  /** What was changed, a sentence a leaf. */
  readonly words: readonly string[];
}

const LEAVES = 6;
const POLICIES = ['2.999.1', '2.999.2', '2.999.3'] as const;

/** The same numbers for the same seed, on every machine. */
class Dice {
  #state: Buffer;

  constructor(seed: number) {
    this.#state = createHash('sha256').update(String(seed)).digest();
  }

  below(limit: number): number {
    this.#state = createHash('sha256').update(this.#state).digest();
    return this.#state.readUInt32BE(0) % limit;
  }

  isOnce(times: number): boolean {
    return this.below(times) === 0;
  }

  one<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }
}

/** An extension that stands in a certificate by the name of the change that put it there. */
type Fields = Map<string, Buffer>;

function oids(...list: string[]): Buffer {
  return der.sequence(...list.map((oid) => der.oid(oid)));
}

function basic(isCa: boolean, length: number | null, isCritical: boolean): Buffer {
  const flag = isCa ? [der.boolean(true)] : [];
  const value = der.sequence(...flag, ...(length === null ? [] : [der.integer(length)]));
  return extension(PKIX.basicConstraints, value, isCritical ? 'critical' : 'plain');
}

function altNames(...names: Buffer[]): Buffer {
  return extension(PKIX.subjectAltName, der.sequence(...names));
}

const mail = (text: string) => der.implicit(1, der.ia5String(text));
const host = (text: string) => der.implicit(2, der.ia5String(text));
const uri = (text: string) => der.implicit(6, der.ia5String(text));
const ip = (...octets: number[]) => der.implicit(7, der.octetString(Buffer.from(octets)));
const directory = (cn: string) => der.explicit(4, nameOf(cn));

const SUBTREES: readonly [Buffer, ...Buffer[]] = [
  mail('bravo.example'),
  mail('.bravo.example'),
  mail('a@bravo.example'),
  host('bravo.example'),
  host('mx.bravo.example'),
  uri('bravo.example'),
  uri('.bravo.example'),
  ip(192, 0, 2, 0, 255, 255, 255, 0),
  directory('Leaf'),
];

const NAMES: readonly [Buffer, ...Buffer[]] = [
  mail('a@bravo.example'),
  mail('b@mx.bravo.example'),
  mail('A@BRAVO.example'),
  mail('a@alpha.example'),
  host('bravo.example'),
  host('mx.bravo.example'),
  host('alpha.example'),
  uri('http://bravo.example/'),
  uri('http://mx.bravo.example/x'),
  ip(192, 0, 2, 1),
  ip(198, 51, 100, 1),
  directory('Leaf'),
  directory('Other'),
];

function nameConstraints(dice: Dice): Buffer {
  const list = () =>
    Array.from({ length: 1 + dice.below(2) }, () => der.sequence(dice.one(SUBTREES)));
  const parts = [];
  if (!dice.isOnce(3)) parts.push(der.explicit(0, ...list()));
  if (dice.isOnce(2) || parts.length === 0) parts.push(der.explicit(1, ...list()));
  const isCritical = dice.isOnce(2) ? 'critical' : 'plain';
  return extension(PKIX.nameConstraints, der.sequence(...parts), isCritical);
}

function policies(dice: Dice): Buffer {
  const list = [...POLICIES].filter(() => dice.isOnce(2));
  if (list.length === 0 || dice.isOnce(4)) list.push(PKIX.anyPolicy as never);
  const value = der.sequence(...list.map((oid) => der.sequence(der.oid(oid))));
  return extension(PKIX.certificatePolicies, value);
}

function mappings(dice: Dice): Buffer {
  const pair = der.sequence(der.oid(dice.one(POLICIES)), der.oid(dice.one(POLICIES)));
  return extension(PKIX.policyMappings, der.sequence(pair), 'critical');
}

function policyConstraints(dice: Dice): Buffer {
  const parts = [];
  if (!dice.isOnce(3)) parts.push(der.implicit(0, der.integer(dice.below(3))));
  if (dice.isOnce(2) || parts.length === 0) {
    parts.push(der.implicit(1, der.integer(dice.below(3))));
  }
  return extension(PKIX.policyConstraints, der.sequence(...parts), 'critical');
}

const CA_USAGES: readonly [readonly KeyUsage[], ...(readonly KeyUsage[])[]] = [
  ['keyCertSign'],
  ['cRLSign'],
  ['digitalSignature'],
  ['keyCertSign', 'cRLSign', 'digitalSignature'],
];

const LEAF_USAGES: readonly [readonly KeyUsage[], ...(readonly KeyUsage[])[]] = [
  ['digitalSignature'],
  ['nonRepudiation'],
  ['keyEncipherment'],
  ['keyAgreement'],
  ['digitalSignature', 'keyAgreement'],
];

const EKUS: readonly [string, ...string[]] = [
  PKIX.emailProtection,
  PKIX.serverAuth,
  PKIX.anyExtendedKeyUsage,
];

type Change = readonly [string, (fields: Fields, dice: Dice) => void];

const COMMON: readonly [Change, ...Change[]] = [
  ['policies', (fields, dice) => fields.set('policies', policies(dice))],
  ['critical unknown', (fields) => fields.set('odd', extension('2.999.9', der.null(), 'critical'))],
  ['plain unknown', (fields) => fields.set('odd', extension('2.999.9', der.null()))],
  [
    'extended usage',
    (fields, dice) => fields.set('eku', extension(PKIX.extendedKeyUsage, oids(dice.one(EKUS)))),
  ],
  [
    'wrong issuer key id',
    (fields) => {
      const id = der.sequence(der.implicit(0, der.octetString(Buffer.alloc(20, 9))));
      fields.set('aki', extension(PKIX.authorityKeyIdentifier, id));
    },
  ],
];

const OF_CA: readonly [Change, ...Change[]] = [
  ...COMMON,
  ['no basicConstraints', (fields) => fields.delete('basic')],
  ['no CA', (fields) => fields.set('basic', basic(false, null, true))],
  ['plain CA', (fields) => fields.set('basic', basic(true, null, false))],
  ['path length', (fields, dice) => fields.set('basic', basic(true, dice.below(2), true))],
  ['no usage', (fields) => fields.delete('usage')],
  ['usage', (fields, dice) => fields.set('usage', keyUsage(...dice.one(CA_USAGES)))],
  ['name constraints', (fields, dice) => fields.set('names', nameConstraints(dice))],
  ['name constraints', (fields, dice) => fields.set('names', nameConstraints(dice))],
  ['mappings', (fields, dice) => fields.set('mappings', mappings(dice))],
  ['policy constraints', (fields, dice) => fields.set('constraints', policyConstraints(dice))],
  [
    'inhibit any',
    (fields, dice) => {
      const value = der.integer(dice.below(3));
      fields.set('inhibit', extension(PKIX.inhibitAnyPolicy, value, 'critical'));
    },
  ],
];

const OF_LEAF: readonly [Change, ...Change[]] = [
  ...COMMON,
  ['usage', (fields, dice) => fields.set('usage', keyUsage(...dice.one(LEAF_USAGES)))],
  ['CA leaf', (fields) => fields.set('basic', basic(true, null, true))],
  ['one name', (fields, dice) => fields.set('san', altNames(dice.one(NAMES)))],
  ['two names', (fields, dice) => fields.set('san', altNames(dice.one(NAMES), dice.one(NAMES)))],
];

function change(fields: Fields, changes: readonly [Change, ...Change[]], dice: Dice): string {
  const count = dice.one([0, 0, 1, 1, 2]);
  const words: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const [word, apply] = dice.one(changes);
    apply(fields, dice);
    words.push(word);
  }
  return words.join(', ') || 'nothing';
}

const LONG_AGO = new Date('2021-01-01T00:00:00Z');

function makeCa(dice: Dice, cn: string, issuer: Party | null): { ca: Party; words: string } {
  const fields: Fields = new Map([
    ['basic', basic(true, null, true)],
    ['usage', keyUsage('keyCertSign', 'cRLSign')],
    [
      'policies',
      extension(PKIX.certificatePolicies, der.sequence(der.sequence(der.oid(PKIX.anyPolicy)))),
    ],
  ]);
  const words = issuer === null ? 'nothing' : change(fields, OF_CA, dice);
  const isLate = issuer !== null && dice.isOnce(25);
  const isForged = issuer !== null && dice.isOnce(25);
  const signer = isForged ? { ...issuer, privateKey: newKey() } : issuer;
  const ca = certificate({
    cn,
    extensions: [...fields.values()],
    ...(signer === null ? {} : { issuer: signer }),
    ...(isLate ? { notAfter: LONG_AGO } : {}),
  });
  return { ca, words: `${words}${isLate ? ', expired' : ''}${isForged ? ', forged' : ''}` };
}

const POINT = 'http://crl.example/1';

function makeLeaf(dice: Dice, issuer: Party): { leaf: UntrustedCertificate; words: string } {
  const fields: Fields = new Map([
    ['usage', keyUsage('digitalSignature', 'keyEncipherment', 'keyAgreement')],
  ]);
  if (dice.isOnce(3)) {
    const points = der.sequence(der.sequence(uriPoint(POINT)));
    fields.set('points', extension(PKIX.crlDistributionPoints, points));
  }
  const words = change(fields, OF_LEAF, dice);
  const isForged = dice.isOnce(20);
  const { certificate: leaf } = certificate({
    cn: dice.one(['Leaf', 'Leaf', 'leaf', 'Other']),
    issuer: isForged ? { ...issuer, privateKey: newKey() } : issuer,
    extensions: [...fields.values()],
    ...(dice.isOnce(20) ? { notAfter: LONG_AGO } : {}),
  });
  return { leaf, words: `${words}${isForged ? ', forged' : ''}` };
}

function makeCrls(dice: Dice, issuer: Party, below: readonly UntrustedCertificate[]): Crl[] {
  if (dice.isOnce(10)) return [];
  const entries = below
    .filter(() => dice.isOnce(5))
    .map(({ serial }) => entry({ serial, reason: dice.one([0, 1, 4, 6]) }));
  const extensions: Buffer[] = [];
  if (dice.isOnce(6)) {
    const fields = dice.one([
      [uriPoint(POINT)],
      [der.implicit(1, der.boolean(true))],
      [der.implicit(2, der.boolean(true))],
      [der.implicit(3, der.namedBits([1, 2]))],
    ]);
    const value = der.sequence(...fields);
    extensions.push(extension(PKIX.issuingDistributionPoint, value, 'critical'));
  }
  if (dice.isOnce(15)) extensions.push(extension('2.999.8', der.null(), 'critical'));
  const signer = dice.isOnce(15) ? { ...issuer, privateKey: newKey() } : issuer;
  const nextUpdate = dice.isOnce(15) ? '2026-05-15T00:00:00Z' : '2026-07-01T00:00:00Z';
  const hasDelta = dice.isOnce(5);
  // OpenSSL uses a delta only where the full list says that there is one.
  const freshest = extension(PKIX.freshestCrl, der.sequence(der.sequence(uriPoint(POINT))));
  const ofFull = hasDelta ? [...extensions, freshest] : extensions;
  const full = crl({ issuer: signer, entries, extensions: ofFull, nextUpdate, number: 5 });
  if (!hasDelta) return [full];
  const changed = below
    .filter(() => dice.isOnce(3))
    .map(({ serial }) => entry({ serial, reason: dice.one([1, 8]) }));
  const delta = crl({
    issuer,
    entries: changed,
    extensions: [...extensions, deltaOf(dice.one([4, 5, 6]))],
    number: 7,
    thisUpdate: '2026-05-20T00:00:00Z',
  });
  return [full, delta];
}

/** One anchor, up to three CAs in a line, some leaves of the last one. */
export function makeScene(seed: number): Scene {
  const dice = new Dice(seed);
  const root = makeCa(dice, 'Root', null).ca;
  const cas: Party[] = [];
  const changes: string[] = [];
  for (let left = dice.below(4); left > 0; left -= 1) {
    const cn = dice.isOnce(6) ? (cas.at(-1)?.certificate.commonNames[0] ?? 'CA') : `CA ${left}`;
    const { ca, words } = makeCa(dice, cn, cas.at(-1) ?? root);
    cas.push(ca);
    changes.push(words);
  }
  const made = Array.from({ length: LEAVES }, () => makeLeaf(dice, cas.at(-1) ?? root));
  const leaves = made.map(({ leaf }) => leaf);
  const below = (index: number) => {
    const next = cas[index];
    return next === undefined ? leaves : [next.certificate];
  };
  const crls = [root, ...cas].flatMap((ca, index) => makeCrls(dice, ca, below(index)));
  return {
    anchor: root.certificate,
    intermediates: cas.map((ca) => ca.certificate),
    leaves,
    crls: dice.isOnce(2) ? crls : null,
    purpose: dice.one(['any', 'any', 'email-sign', 'email-encrypt']),
    words: made.map(({ words }) => `CAs: ${changes.join(' / ')}; leaf: ${words}`),
  };
}
