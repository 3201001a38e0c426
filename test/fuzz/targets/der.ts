import assert from 'node:assert/strict';
import {
  DerReader,
  elementLength,
  nullIfMalformed,
  octetStringContent,
  oidContent,
  oidToString,
  readAll,
  readOnly,
  readTlv,
  type Tlv,
} from '@sallyport/der';
import { cmsOf, corpusIdentities, corpusMessages, objectsIn, vectorSeeds } from '../corpus.ts';
import { mutateBer } from '../mutate-message.ts';
import type { Target } from '../target.ts';

const MAX_WALK = 500;

type ReaderName =
  | 'boolean'
  | 'integer'
  | 'bitString'
  | 'octetString'
  | 'null'
  | 'oid'
  | 'enumerated'
  | 'time';

const READERS: ReadonlyMap<number, ReaderName> = new Map([
  [1, 'boolean'],
  [2, 'integer'],
  [3, 'bitString'],
  [4, 'octetString'],
  [5, 'null'],
  [6, 'oid'],
  [10, 'enumerated'],
  [23, 'time'],
  [24, 'time'],
]);

function checkValue(tlv: Tlv): void {
  if (tlv.tagClass !== 'universal') return;
  if (tlv.tag === 6 && !tlv.constructed) {
    const text = nullIfMalformed(() => oidToString(tlv.value));
    if (text !== null) assert.ok(oidContent(text).equals(tlv.value), 'OID does not round-trip');
  }
  if (tlv.tag === 4) {
    const pieces = nullIfMalformed(() => octetStringContent(tlv));
    const length = pieces?.reduce((sum, piece) => sum + piece.length, 0) ?? 0;
    assert.ok(length <= tlv.value.length, 'an OCTET STRING grew');
  }
  const read = READERS.get(tlv.tag);
  if (read === undefined) return;
  nullIfMalformed(() => new DerReader(tlv.bytes)[read]());
  nullIfMalformed(() => new DerReader(tlv.bytes, { strict: true })[read]());
}

function walk(tlv: Tlv, left: { count: number }, depth: number): void {
  left.count -= 1;
  if (left.count < 0 || depth > 40) return;
  checkValue(tlv);
  if (!tlv.constructed) return;
  const children = nullIfMalformed(() => readAll(tlv.value));
  if (children === null) return;
  const joined = Buffer.concat(children.map((child) => child.bytes));
  assert.ok(joined.equals(tlv.value), 'children are not what the element holds');
  for (const child of children) walk(child, left, depth + 1);
}

function checkDer(bytes: Buffer): string {
  const first = nullIfMalformed(() => readTlv(bytes));
  nullIfMalformed(() => elementLength(bytes));
  const strict = nullIfMalformed(() => readOnly(bytes, { strict: true }));
  nullIfMalformed(() => readAll(bytes));
  if (first === null) {
    assert.equal(strict, null, 'DER that is no BER');
    return 'malformed';
  }
  assert.ok(first.bytes.equals(bytes.subarray(0, first.bytes.length)));
  assert.equal(first.value.length + first.header + (first.indefinite ? 2 : 0), first.bytes.length);
  walk(first, { count: MAX_WALK }, 0);
  return strict === null ? 'ber' : 'der';
}

/** The bounded reader of BER and DER. */
export function derTarget(): Target {
  const identities = corpusIdentities().map(({ name, certificate }) => ({
    name,
    bytes: certificate.der,
  }));
  const seeds = [
    ...cmsOf(corpusMessages()),
    ...identities,
    ...objectsIn(vectorSeeds('smime/openssl-cms')),
  ];
  return { name: 'der', share: 10, seeds, mutate: mutateBer, check: checkDer };
}
