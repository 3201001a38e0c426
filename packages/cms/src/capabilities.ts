import { DerReader, der, nullIfMalformed, OID, readOnly, type Tlv } from '@sallyport/der';
import { CONTENT_ALGORITHMS, type ContentName, contentByOid } from './algorithms.ts';
import {
  KDF_BY_OID,
  type Kdf,
  KEMS,
  type KemName,
  kemByOid,
  OAEP_HASHES,
  type OaepHash,
  WRAP_BY_OID,
  WRAPS,
  type WrapName,
} from './algorithms-keys.ts';
import { readOaep } from './read-oaep.ts';
import { isAbsentOrNull, readAlgorithm, readIssuerAndSerial, stringValue } from './read-parts.ts';
import type { CertificateReference } from './views.ts';

/** Entries that are looked at; a longer list is taken for its first ones, the preferred. */
const MAX_CAPABILITIES = 100;
/** Longer than any list in use, and short enough to be kept for each signer. */
const MAX_CAPABILITIES_BYTES = 4 * 1024;

/** One thing that a signer says its software can do (RFC 8551 section 2.5.2). */
export type Capability =
  | { readonly kind: 'content'; readonly name: ContentName }
  /** Content encryption that this engine never writes. */
  | { readonly kind: 'other-content'; readonly name: string }
  | { readonly kind: 'rsa-pkcs1v15' }
  | { readonly kind: 'rsa-oaep'; readonly hash: OaepHash; readonly mgf1Hash: OaepHash }
  /** RFC 5753 section 6 and RFC 8418 section 8: the parameters name the key wrap. */
  | { readonly kind: 'ecdh'; readonly kdf: Kdf; readonly wrap: WrapName }
  | { readonly kind: 'kem'; readonly name: KemName }
  /** Known by name, and of no weight for encryption. */
  | { readonly kind: 'other'; readonly name: string }
  | { readonly kind: 'unknown'; readonly oid: string };

/** By name, so that a list of nothing else is not taken for one that is silent. */
const OTHER_CONTENT: ReadonlyMap<string, string> = new Map([
  [OID.desEde3Cbc, 'des-ede3-cbc'],
  ['1.2.840.113549.3.2', 'rc2-cbc'],
  ['1.3.14.3.2.7', 'des-cbc'],
  ['1.2.840.113533.7.66.10', 'cast5-cbc'],
  ['1.2.410.200004.1.4', 'seed-cbc'],
  ['1.2.392.200011.61.1.1.1.2', 'camellia128-cbc'],
  ['1.2.392.200011.61.1.1.1.3', 'camellia192-cbc'],
  ['1.2.392.200011.61.1.1.1.4', 'camellia256-cbc'],
  ['2.16.840.1.101.3.4.1.7', 'aes128-ccm'],
  ['2.16.840.1.101.3.4.1.27', 'aes192-ccm'],
  ['2.16.840.1.101.3.4.1.47', 'aes256-ccm'],
]);

const OTHERS: ReadonlyMap<string, string> = new Map([
  [OID.preferBinaryInside, 'prefer-binary-inside'],
  ['1.2.840.113549.1.9.16.3.8', 'zlib-compression'], // RFC 3274 section 1.2.4
  [OID.sha256WithRsa, 'rsa-sha256'],
  [OID.sha384WithRsa, 'rsa-sha384'],
  [OID.sha512WithRsa, 'rsa-sha512'],
  [OID.sha1WithRsa, 'rsa-sha1'],
  [OID.rsassaPss, 'rsa-pss'],
  [OID.ecdsaWithSha256, 'ecdsa-sha256'],
  [OID.ecdsaWithSha384, 'ecdsa-sha384'],
  [OID.ecdsaWithSha512, 'ecdsa-sha512'],
  [OID.ed25519, 'ed25519'],
  [OID.mlDsa65, 'ml-dsa-65'],
  [OID.mlDsa87, 'ml-dsa-87'],
]);

/**
 * Reads SMIMECapabilities (RFC 8551 section 2.5.2): the value of the signed attribute, or of the
 * certificate extension (RFC 4262 section 2). What is unknown, or known with parameters that are
 * not, stays in its place as `unknown`.
 *
 * @returns null if the bytes are no such list, or longer than 4 KiB.
 */
export function readCapabilities(value: Buffer): readonly Capability[] | null {
  if (value.length > MAX_CAPABILITIES_BYTES) return null;
  return nullIfMalformed(() => {
    const outer = new DerReader(value);
    const list = outer.sequence();
    outer.end();
    const capabilities: Capability[] = [];
    while (!list.isAtEnd && capabilities.length < MAX_CAPABILITIES) {
      const { oid, parameters } = readAlgorithm(list);
      capabilities.push(capabilityOf(oid, parameters));
    }
    return capabilities;
  });
}

function capabilityOf(oid: string, parameters: Tlv | null): Capability {
  const foreign = OTHER_CONTENT.get(oid);
  if (foreign !== undefined) return { kind: 'other-content', name: foreign };
  const other = OTHERS.get(oid);
  if (other !== undefined) return { kind: 'other', name: other };
  const kdf = KDF_BY_OID.get(oid);
  const known =
    kdf === undefined
      ? (simpleOf(oid, parameters) ?? oaepOf(oid, parameters))
      : agreementOf(kdf, parameters);
  return known ?? { kind: 'unknown', oid };
}

// RFC 8551 section 2.5.2: no parameters where none differ, and never NULL. Some write NULL.
function simpleOf(oid: string, parameters: Tlv | null): Capability | null {
  if (!isAbsentOrNull(parameters)) return null;
  const content = contentByOid(oid);
  if (content !== null) return { kind: 'content', name: content };
  const kem = kemByOid(oid);
  if (kem !== null) return { kind: 'kem', name: kem };
  return oid === OID.rsaEncryption ? { kind: 'rsa-pkcs1v15' } : null;
}

function agreementOf(kdf: Kdf, parameters: Tlv | null): Capability | null {
  if (parameters === null) return null;
  const algorithm = nullIfMalformed(() => readAlgorithm(new DerReader(parameters.bytes)));
  if (algorithm === null || !isAbsentOrNull(algorithm.parameters)) return null;
  const wrap = WRAP_BY_OID.get(algorithm.oid);
  return wrap === undefined ? null : { kind: 'ecdh', kdf, wrap };
}

// RFC 4055 section 4.1: an empty SEQUENCE is SHA-1 for both. With a label it is not what we write.
function oaepOf(oid: string, parameters: Tlv | null): Capability | null {
  if (oid !== OID.rsaesOaep || parameters === null) return null;
  const oaep = nullIfMalformed(() => readOaep(parameters));
  if (oaep === null || oaep.label.length > 0) return null;
  return { kind: 'rsa-oaep', hash: oaep.hash, mgf1Hash: oaep.mgf1Hash };
}

/** What this engine can announce of itself: everything that it knows by its encoding. */
export type OwnCapability = Exclude<
  Capability,
  { kind: 'other-content' } | { kind: 'other' } | { kind: 'unknown' }
>;

/** SMIMECapabilities in the order given: the preferred first (RFC 8551 section 2.5.2). */
export function encodeCapabilities(capabilities: readonly OwnCapability[]): Buffer {
  return der.sequence(...capabilities.map(encodeCapability));
}

function encodeCapability(capability: OwnCapability): Buffer {
  switch (capability.kind) {
    case 'content':
      return der.sequence(der.oid(CONTENT_ALGORITHMS[capability.name].oid));
    case 'kem':
      return der.sequence(der.oid(KEMS[capability.name].oid));
    case 'rsa-pkcs1v15':
      return der.sequence(der.oid(OID.rsaEncryption));
    case 'rsa-oaep':
      return der.sequence(der.oid(OID.rsaesOaep), oaepParameters(capability));
    case 'ecdh':
      return encodeAgreement(capability);
  }
}

function encodeAgreement({ kdf, wrap }: Extract<Capability, { kind: 'ecdh' }>): Buffer {
  for (const [oid, { kind, hash }] of KDF_BY_OID) {
    if (kind !== kdf.kind || hash !== kdf.hash) continue;
    return der.sequence(der.oid(oid), der.sequence(der.oid(WRAPS[wrap].oid)));
  }
  throw new RangeError(`no key agreement with ${kdf.kind} and ${kdf.hash}`);
}

function oaepParameters({ hash, mgf1Hash }: Extract<Capability, { kind: 'rsa-oaep' }>): Buffer {
  const identifier = (name: OaepHash): Buffer =>
    der.sequence(der.oid(OAEP_HASHES[name].oid), der.null());
  const mask = der.sequence(der.oid(OID.mgf1), identifier(mgf1Hash));
  // DER leaves defaults out: RFC 8017 section A.2.1 has SHA-1 for both.
  return der.sequence(
    ...(hash === 'sha1' ? [] : [der.explicit(0, identifier(hash))]),
    ...(mgf1Hash === 'sha1' ? [] : [der.explicit(1, mask)]),
  );
}

/** A capability in a few words, for people. */
export function formatCapability(capability: Capability): string {
  switch (capability.kind) {
    case 'content':
    case 'other-content':
    case 'kem':
    case 'other':
      return capability.name;
    case 'rsa-pkcs1v15':
      return 'rsa-pkcs1v15';
    case 'rsa-oaep':
      return `rsa-oaep ${capability.hash} mgf1-${capability.mgf1Hash}`;
    case 'ecdh':
      return `ecdh ${capability.kdf.kind}-${capability.kdf.hash} wrap-${capability.wrap}`;
    case 'unknown':
      return capability.oid;
  }
}

/**
 * Reads SMIMEEncryptionKeyPreference (RFC 8551 section 2.5.3): the certificate that the signer
 * wants mail encrypted to.
 *
 * @returns null if the bytes are no such value.
 */
export function readKeyPreference(value: Buffer): CertificateReference | null {
  if (value.length > MAX_CAPABILITIES_BYTES) return null;
  return nullIfMalformed(() => {
    const tlv = readOnly(value);
    if (tlv.tagClass !== 'context') return null;
    // The three arms are IMPLICIT: IssuerAndSerialNumber, RecipientKeyIdentifier, SubjectKeyIdentifier.
    if (tlv.tag === 0) return readIssuerAndSerial(new DerReader(tlv));
    if (tlv.tag === 1) {
      return { kind: 'subjectKeyId', subjectKeyId: new DerReader(tlv).octetString() };
    }
    return tlv.tag === 2 ? { kind: 'subjectKeyId', subjectKeyId: stringValue(tlv) } : null;
  });
}

/** SMIMEEncryptionKeyPreference that names a certificate by issuer and serial number. */
export function encodeKeyPreference(certificate: {
  readonly issuer: Buffer;
  readonly serial: Buffer;
}): Buffer {
  return der.implicit(
    0,
    der.sequence(der.raw(certificate.issuer), der.integerContent(certificate.serial)),
  );
}
