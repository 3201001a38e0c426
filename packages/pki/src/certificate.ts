import { createHash, type KeyObject } from 'node:crypto';
import { decodeTime, type Tlv } from '@sallyport/der';
import { type Mailbox, parseMailbox } from '@sallyport/mail';
import { type AlgorithmIdentifier, parseAlgorithm } from './algorithms.ts';
import {
  attempt,
  type Fields,
  integerOf,
  isUniversal,
  MalformedError,
  octetsOfBits,
  STRICT,
  sequence,
  TAG,
  wholeSequence,
} from './asn1.ts';
import {
  commonNamesOf,
  type DistinguishedName,
  parseName,
  type RelativeName,
  valuesOf,
} from './distinguished-name.ts';
import { type Extensions, type KeyUsage, parseExtensions } from './extensions.ts';
import { formatIp, type GeneralName } from './general-names.ts';
import type { NameConstraints } from './name-subtrees.ts';
import { PKIX } from './oids.ts';
import { checkPublicKey, type KeyCheck, parsePublicKeyInfo } from './public-key.ts';

/** Longer is no certificate that mail needs. */
export const MAX_CERTIFICATE_BYTES = 64 * 1024;
const MAX_SERIAL_BYTES = 64;

/**
 * A certificate that has been read and nothing more: nobody has vouched for a word of it.
 * It satisfies the structural certificate type of cms.
 */
export interface UntrustedCertificate {
  readonly der: Buffer;
  /** The bytes that the issuer signed. */
  readonly tbs: Buffer;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Buffer;
  readonly version: 1 | 2 | 3;
  /** Content octets of the INTEGER. */
  readonly serial: Buffer;
  /** DER Name. */
  readonly issuer: Buffer;
  /** DER Name. */
  readonly subject: Buffer;
  readonly issuerName: DistinguishedName;
  readonly subjectName: DistinguishedName;
  /** The subject's levels, most significant first. */
  readonly subjectNames: readonly RelativeName[];
  readonly commonNames: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  readonly subjectKeyId: Buffer | null;
  readonly authorityKeyId: Buffer | null;
  readonly keyUsage: ReadonlySet<KeyUsage> | null;
  readonly extendedKeyUsage: readonly string[] | null;
  readonly subjectAltNames: readonly GeneralName[];
  /** From subjectAltName; emailAddress of the subject counts only if there is none (RFC 8550 section 3). */
  readonly rfc822Names: readonly string[];
  /** SmtpUTF8Mailbox of RFC 9598. */
  readonly smtpUtf8Names: readonly string[];
  /** Both kinds of addresses, as far as they are mailboxes. */
  readonly mailboxes: readonly Mailbox[];
  /** As written, lower case. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly isCa: boolean;
  readonly pathLength: number | null;
  readonly nameConstraints: NameConstraints | null;
  readonly unknownCritical: readonly string[];
  readonly extensions: Extensions;
  /** Rules of RFC 5280 section 4 that it breaks and that no path may contain. */
  readonly profileFaults: readonly string[];
  /** SHA-256 of `der`, hexadecimal. */
  readonly fingerprint: string;
  /** Kind and strength of the subject's key; computed once. */
  checkKey(): KeyCheck;
  /** Throws Error if the key is of a kind or strength that is not accepted. */
  publicKey(): KeyObject;
}

export type Certificate = UntrustedCertificate;

/** RFC 5280 section 6.1: a certificate whose subject is its issuer. */
export function isSelfIssued(certificate: UntrustedCertificate): boolean {
  return certificate.subjectName.key === certificate.issuerName.key;
}

export type ParsedCertificate =
  | { readonly kind: 'certificate'; readonly value: UntrustedCertificate }
  | { readonly kind: 'malformed'; readonly reason: string };

interface TbsFields {
  readonly version: 1 | 2 | 3;
  readonly serial: Buffer;
  readonly algorithm: AlgorithmIdentifier;
  readonly issuerName: DistinguishedName;
  readonly subjectName: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly spki: Buffer;
  readonly extensions: Extensions;
}

function parseVersion(fields: Fields): 1 | 2 | 3 {
  const wrapper = fields.context(0);
  if (wrapper === undefined) return 1;
  const inner = wrapper.value;
  if (inner.length !== 3 || inner[0] !== TAG.integer || inner[1] !== 1) {
    throw new MalformedError('version is no small INTEGER');
  }
  const number = (inner[2] ?? 0) + 1;
  if (number === 1 || number === 2 || number === 3) return number;
  throw new MalformedError(`version ${number} is unknown`);
}

function parseValidity(tlv: Tlv): { notBefore: Date; notAfter: Date } {
  const fields = sequence(tlv, 'validity');
  const notBefore = decodeTime(fields.any('notBefore'), STRICT);
  const notAfter = decodeTime(fields.any('notAfter'), STRICT);
  fields.end();
  return { notBefore, notAfter };
}

function parseTbs(tlv: Tlv): TbsFields {
  const fields = sequence(tlv, 'TBSCertificate');
  const version = parseVersion(fields);
  const serial = integerOf(fields.need(TAG.integer, 'serial'), 'serial', MAX_SERIAL_BYTES);
  const algorithm = parseAlgorithm(fields.need(TAG.sequence, 'signature'), 'signature algorithm');
  const issuerName = parseName(fields.need(TAG.sequence, 'issuer'));
  const validity = parseValidity(fields.need(TAG.sequence, 'validity'));
  const subjectName = parseName(fields.need(TAG.sequence, 'subject'));
  const { der: spki } = parsePublicKeyInfo(fields.need(TAG.sequence, 'public key'));
  const uniqueIds = [fields.context(1), fields.context(2)].some((id) => id !== undefined);
  const wrapper = fields.context(3);
  fields.end();
  if (uniqueIds && version === 1) throw new MalformedError('unique identifiers need version 2');
  // RFC 5280 section 4.1.2.9.
  if (wrapper !== undefined && version !== 3) throw new MalformedError('extensions need version 3');
  const extensions = parseExtensions(wrapper);
  return { version, serial, algorithm, issuerName, subjectName, ...validity, spki, extensions };
}

/** RFC 5280 section 4: what makes a certificate unfit for every path, whoever signed it. */
function profileFaultsOf({ extensions, subjectName }: TbsFields): string[] {
  const { keyUsage, isCa, pathLength, policies, policyMappings } = extensions;
  const rules: [boolean, string][] = [
    [!isCa && keyUsage?.has('keyCertSign') === true, 'may sign certificates but is no CA'],
    [!isCa && pathLength !== null, 'has a path length but is no CA'],
    [!isCa && extensions.nameConstraints !== null, 'constrains names but is no CA'],
    [isCa && subjectName.rdns.length === 0, 'is a CA without a name'],
    [
      isCa && pathLength !== null && keyUsage?.has('keyCertSign') === false,
      'has a path length but may not sign certificates',
    ],
    [policies !== null && new Set(policies).size !== policies.length, 'names a policy twice'],
    [policyMappings.flat().includes(PKIX.anyPolicy), 'maps a policy from or to anyPolicy'],
  ];
  return rules.flatMap(([broken, text]) => (broken ? [text] : []));
}

function namesOf({ extensions, subjectName }: TbsFields) {
  const names = extensions.subjectAltNames;
  const inSan = names.flatMap((name) => (name.kind === 'rfc822' ? [name.value] : []));
  const smtpUtf8Names = names.flatMap((name) => (name.kind === 'smtp-utf8' ? [name.value] : []));
  const isInSan = inSan.length + smtpUtf8Names.length > 0;
  const rfc822Names = isInSan ? inSan : valuesOf(subjectName, PKIX.emailAddress);
  const mailboxes = [...rfc822Names, ...smtpUtf8Names].flatMap((text) => parseMailbox(text) ?? []);
  return {
    subjectAltNames: names,
    rfc822Names,
    smtpUtf8Names,
    mailboxes,
    dnsNames: names.flatMap((name) => (name.kind === 'dns' ? [name.value.toLowerCase()] : [])),
    ipAddresses: names.flatMap((name) =>
      name.kind === 'ip' ? [formatIp(name.octets) ?? `#${name.octets.toString('hex')}`] : [],
    ),
  };
}

function keyOf(spki: Buffer): Pick<UntrustedCertificate, 'checkKey' | 'publicKey'> {
  let known: KeyCheck | null = null;
  const checkKey = (): KeyCheck => {
    known ??= checkPublicKey(spki);
    return known;
  };
  return {
    checkKey,
    publicKey: () => {
      const check = checkKey();
      if (check.kind === 'ok') return check.key;
      throw new Error(`the certificate's key is not accepted: ${check.reason}`);
    },
  };
}

function parse(der: Buffer): UntrustedCertificate {
  const outer = wholeSequence(der, 'certificate');
  const tbs = outer.need(TAG.sequence, 'TBSCertificate');
  const algorithmTlv = outer.need(TAG.sequence, 'signatureAlgorithm');
  const signatureAlgorithm = parseAlgorithm(algorithmTlv, 'signature algorithm');
  const signatureTlv = outer.any('signature');
  outer.end();
  if (!isUniversal(signatureTlv, TAG.bitString))
    throw new MalformedError('signature is no BIT STRING');
  const fields = parseTbs(tbs);
  // RFC 5280 section 4.1.1.2: only the inner algorithm is signed; the outer one must be the same.
  if (!fields.algorithm.der.equals(signatureAlgorithm.der)) {
    throw new MalformedError('the two signature algorithm fields differ');
  }
  const { extensions, issuerName, subjectName } = fields;
  return {
    der,
    tbs: tbs.bytes,
    signatureAlgorithm,
    signature: octetsOfBits(signatureTlv, 'signature'),
    version: fields.version,
    serial: fields.serial,
    issuer: issuerName.der,
    subject: subjectName.der,
    issuerName,
    subjectName,
    subjectNames: subjectName.rdns,
    commonNames: commonNamesOf(subjectName),
    notBefore: fields.notBefore,
    notAfter: fields.notAfter,
    spki: fields.spki,
    subjectKeyId: extensions.subjectKeyId,
    authorityKeyId: extensions.authorityKeyId,
    keyUsage: extensions.keyUsage,
    extendedKeyUsage: extensions.extendedKeyUsage,
    ...namesOf(fields),
    isCa: extensions.isCa,
    pathLength: extensions.pathLength,
    nameConstraints: extensions.nameConstraints,
    unknownCritical: extensions.unknownCritical,
    extensions,
    profileFaults: profileFaultsOf(fields),
    fingerprint: createHash('sha256').update(der).digest('hex'),
    ...keyOf(fields.spki),
  };
}

const MAX_CACHED = 256;

/**
 * Partners' certificates come again and again, and to take one apart costs more than to check a
 * signature with it. What its bytes say never changes; whether it is valid is asked anew each time.
 */
const cache = new Map<string, ParsedCertificate>();

/** Parses one DER certificate (RFC 5280 section 4.1); bytes after it are an error. Never throws for bytes. */
export function parseCertificate(der: Buffer): ParsedCertificate {
  if (der.length > MAX_CERTIFICATE_BYTES) {
    return { kind: 'malformed', reason: `longer than ${MAX_CERTIFICATE_BYTES} bytes` };
  }
  const name = der.toString('latin1');
  const known = cache.get(name);
  if (known !== undefined) return known;
  // A copy: a slice would keep the whole message that it came in.
  const result = attempt(() => parse(Buffer.from(der)));
  if ('reason' in result) return { kind: 'malformed', reason: result.reason };
  if (cache.size >= MAX_CACHED) cache.clear();
  const parsed: ParsedCertificate = { kind: 'certificate', value: result.value };
  cache.set(name, parsed);
  return parsed;
}
