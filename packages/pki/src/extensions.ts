import type { Tlv } from '@sallyport/der';
import {
  booleanOf,
  countOf,
  isUniversal,
  MalformedError,
  members,
  namedBits,
  oidOf,
  sequence,
  TAG,
  whole,
  wholeSequence,
} from './asn1.ts';
import { type GeneralName, parseGeneralNames } from './general-names.ts';
import { type NameConstraints, parseNameConstraints } from './name-subtrees.ts';
import { PKIX } from './oids.ts';

const MAX_EXTENSIONS = 64;
const MAX_POLICIES = 256;

/** RFC 5280 section 4.2.1.3, in bit order. */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof KEY_USAGES)[number];

/** The bit of each usage, for writing. */
export function keyUsageBit(usage: KeyUsage): number {
  return KEY_USAGES.indexOf(usage);
}

/** One extension as it stands in the certificate. */
export interface RawExtension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

/** RFC 5280 section 4.2.1.11; null where the field is absent. */
interface PolicyConstraints {
  readonly requireExplicitPolicy: number | null;
  readonly inhibitPolicyMapping: number | null;
}

export interface Extensions {
  readonly raw: ReadonlyMap<string, RawExtension>;
  readonly unknownCritical: readonly string[];
  readonly subjectKeyId: Buffer | null;
  readonly authorityKeyId: Buffer | null;
  readonly keyUsage: ReadonlySet<KeyUsage> | null;
  readonly extendedKeyUsage: readonly string[] | null;
  readonly subjectAltNames: readonly GeneralName[];
  readonly isCa: boolean;
  readonly pathLength: number | null;
  readonly nameConstraints: NameConstraints | null;
  readonly policyConstraints: PolicyConstraints | null;
  /** RFC 5280 section 4.2.1.14: certificates below for which anyPolicy still counts. */
  readonly inhibitAnyPolicy: number | null;
  readonly policies: readonly string[] | null;
  readonly policyMappings: readonly (readonly [string, string])[];
}

/** Critical extensions that `validatePath` acts on; every other critical one is refused. */
const ACTED_ON: ReadonlySet<string> = new Set<string>([
  PKIX.keyUsage,
  PKIX.subjectAltName,
  PKIX.basicConstraints,
  PKIX.nameConstraints,
  PKIX.certificatePolicies,
  PKIX.policyMappings,
  PKIX.policyConstraints,
  PKIX.extendedKeyUsage,
  PKIX.inhibitAnyPolicy,
]);

function parseExtension(tlv: Tlv): RawExtension {
  const fields = sequence(tlv, 'an extension');
  const oid = oidOf(fields.need(TAG.oid, 'its identifier'), 'extension identifier');
  const flag = fields.maybe(TAG.boolean);
  const critical = flag !== undefined && booleanOf(flag, 'critical');
  const value = fields.need(TAG.octetString, 'its value');
  fields.end();
  if (value.constructed) throw new MalformedError('an extension has a constructed value');
  return { oid, critical, value: value.value };
}

/** Extensions of a certificate, CRL, CRL entry or OCSP response: each at most once. */
export function parseExtensionList(tlv: Tlv): Map<string, RawExtension> {
  const map = new Map<string, RawExtension>();
  if (!isUniversal(tlv, TAG.sequence)) throw new MalformedError('extensions are no SEQUENCE');
  for (const member of members(tlv, 'extensions', MAX_EXTENSIONS)) {
    const extension = parseExtension(member);
    // RFC 5280 section 4.2: one instance each; which of two would count is anyone's guess.
    if (map.has(extension.oid)) throw new MalformedError(`extension ${extension.oid} stands twice`);
    map.set(extension.oid, extension);
  }
  if (map.size === 0) throw new MalformedError('extensions are empty');
  return map;
}

function parseKeyUsage(value: Buffer): Set<KeyUsage> {
  const tlv = whole(value, 'keyUsage');
  if (!isUniversal(tlv, TAG.bitString)) throw new MalformedError('keyUsage is no BIT STRING');
  const bits = namedBits(tlv, 'keyUsage');
  return new Set(KEY_USAGES.filter((_, bit) => bits.has(bit)));
}

function parseBasicConstraints(value: Buffer): { isCa: boolean; pathLength: number | null } {
  const fields = wholeSequence(value, 'basicConstraints');
  const flag = fields.maybe(TAG.boolean);
  const length = fields.maybe(TAG.integer);
  fields.end();
  const isCa = flag !== undefined && booleanOf(flag, 'cA');
  return { isCa, pathLength: length === undefined ? null : countOf(length, 'pathLenConstraint') };
}

function parseOids(value: Buffer, what: string): string[] {
  const list = members(whole(value, what), what, MAX_POLICIES).map((tlv) => oidOf(tlv, what));
  if (list.length === 0) throw new MalformedError(`${what} is empty`);
  return list;
}

function parseKeyId(value: Buffer): Buffer {
  const tlv = whole(value, 'subjectKeyIdentifier');
  if (!isUniversal(tlv, TAG.octetString) || tlv.constructed) {
    throw new MalformedError('subjectKeyIdentifier is no OCTET STRING');
  }
  return tlv.value;
}

/** The keyIdentifier of authorityKeyIdentifier, which CRLs have as well (RFC 5280 section 5.2.1). */
export function parseAuthorityKeyId(value: Buffer): Buffer | null {
  const fields = wholeSequence(value, 'authorityKeyIdentifier');
  const keyId = fields.context(0);
  fields.context(1);
  fields.context(2);
  fields.end();
  return keyId === undefined ? null : keyId.value;
}

function parsePolicies(value: Buffer): string[] {
  return members(whole(value, 'certificatePolicies'), 'certificatePolicies', MAX_POLICIES).map(
    (tlv) => oidOf(sequence(tlv, 'a policy').need(TAG.oid, 'its identifier'), 'policy'),
  );
}

function parseMappings(value: Buffer): [string, string][] {
  return members(whole(value, 'policyMappings'), 'policyMappings', MAX_POLICIES).map((tlv) => {
    const fields = sequence(tlv, 'a policy mapping');
    const from = oidOf(fields.need(TAG.oid, 'issuer policy'), 'policy');
    const to = oidOf(fields.need(TAG.oid, 'subject policy'), 'policy');
    fields.end();
    return [from, to];
  });
}

function parsePolicyConstraints(value: Buffer): PolicyConstraints {
  const fields = wholeSequence(value, 'policyConstraints');
  const explicit = fields.context(0);
  const mapping = fields.context(1);
  fields.end();
  return {
    requireExplicitPolicy:
      explicit === undefined ? null : countOf(explicit, 'requireExplicitPolicy'),
    inhibitPolicyMapping: mapping === undefined ? null : countOf(mapping, 'inhibitPolicyMapping'),
  };
}

function parseInhibitAnyPolicy(value: Buffer): number {
  const tlv = whole(value, 'inhibitAnyPolicy');
  if (!isUniversal(tlv, TAG.integer)) throw new MalformedError('inhibitAnyPolicy is no INTEGER');
  return countOf(tlv, 'inhibitAnyPolicy');
}

function summarise(raw: ReadonlyMap<string, RawExtension>): Extensions {
  const read = <T>(oid: string, parse: (value: Buffer) => T): T | null => {
    const extension = raw.get(oid);
    return extension === undefined ? null : parse(extension.value);
  };
  const basic = read(PKIX.basicConstraints, parseBasicConstraints);
  return {
    raw,
    unknownCritical: [...raw.values()]
      .filter(({ oid, critical }) => critical && !ACTED_ON.has(oid))
      .map(({ oid }) => oid),
    subjectKeyId: read(PKIX.subjectKeyIdentifier, parseKeyId),
    authorityKeyId: read(PKIX.authorityKeyIdentifier, parseAuthorityKeyId),
    keyUsage: read(PKIX.keyUsage, parseKeyUsage),
    extendedKeyUsage: read(PKIX.extendedKeyUsage, (value) => parseOids(value, 'extendedKeyUsage')),
    subjectAltNames:
      read(PKIX.subjectAltName, (value) =>
        parseGeneralNames(whole(value, 'subjectAltName'), 'subjectAltName'),
      ) ?? [],
    isCa: basic?.isCa ?? false,
    pathLength: basic?.pathLength ?? null,
    nameConstraints: read(PKIX.nameConstraints, parseNameConstraints),
    policyConstraints: read(PKIX.policyConstraints, parsePolicyConstraints),
    inhibitAnyPolicy: read(PKIX.inhibitAnyPolicy, parseInhibitAnyPolicy),
    policies: read(PKIX.certificatePolicies, parsePolicies),
    policyMappings: read(PKIX.policyMappings, parseMappings) ?? [],
  };
}

/** Parses `[3] EXPLICIT Extensions`, or nothing. Throws MalformedError or DerError. */
export function parseExtensions(wrapper: Tlv | undefined): Extensions {
  return summarise(
    wrapper === undefined ? new Map() : parseExtensionList(whole(wrapper.value, 'extensions')),
  );
}
