import type { Tlv } from '@sallyport/der';
import { attempt, isUniversal, MalformedError, members, sequence, TAG, whole } from './asn1.ts';
import type { UntrustedCertificate } from './certificate.ts';
import { type DistinguishedName, nameKeyOf, parseLevelKey } from './distinguished-name.ts';
import { type GeneralName, generalNamesIn } from './general-names.ts';
import { accessUris } from './information-access.ts';
import { PKIX } from './oids.ts';

const MAX_POINTS = 64;

/** RFC 5280 section 4.2.1.13 ReasonFlags: bit n stands for reason n; bit 0 is unused. */
export const ALL_REASONS = 0b1_1111_1110;

/** RFC 5280 section 4.2.1.13 DistributionPointName. */
export type PointName =
  | { readonly kind: 'full'; readonly names: readonly GeneralName[] }
  /** The key of one level below the name of the CRL issuer. */
  | { readonly kind: 'relative'; readonly level: string };

/** RFC 5280 section 4.2.1.13. */
export interface DistributionPoint {
  readonly name: PointName | null;
  readonly reasons: number;
  /** The directory names in cRLIssuer; null if the certificate's issuer issues the CRL. */
  readonly crlIssuer: readonly DistinguishedName[] | null;
}

/** The flags in a ReasonFlags BIT STRING under any tag. */
export function parseReasons(tlv: Tlv): number {
  const [unused = 8, first = 0, second = 0] = tlv.value;
  if (tlv.constructed || unused > 7 || tlv.value.length > 3) {
    throw new MalformedError('reasons are no short BIT STRING');
  }
  const bits = (first << 8) | second;
  let flags = 0;
  for (let bit = 1; bit < 9; bit += 1) if ((bits & (0x8000 >> bit)) !== 0) flags |= 1 << bit;
  return flags;
}

/** DistributionPointName, out of the context tag around it. */
export function parsePointName(wrapper: Tlv): PointName {
  const inner = whole(wrapper.value, 'distribution point name');
  if (inner.tagClass !== 'context' || inner.tag > 1 || !inner.constructed) {
    throw new MalformedError('distribution point name of unknown form');
  }
  if (inner.tag === 1) return { kind: 'relative', level: parseLevelKey(inner) };
  return { kind: 'full', names: generalNamesIn(inner, 'distribution point name') };
}

function parsePoint(tlv: Tlv): DistributionPoint {
  const fields = sequence(tlv, 'a distribution point');
  const name = fields.context(0);
  const reasons = fields.context(1);
  const issuer = fields.context(2);
  fields.end();
  if (name === undefined && issuer === undefined) {
    throw new MalformedError('a distribution point names neither place nor issuer');
  }
  const issuers = issuer === undefined ? null : generalNamesIn(issuer, 'cRLIssuer');
  return {
    name: name === undefined ? null : parsePointName(name),
    reasons: reasons === undefined ? ALL_REASONS : parseReasons(reasons),
    crlIssuer: issuers?.flatMap((one) => (one.kind === 'directory' ? [one.name] : [])) ?? null,
  };
}

function parseDistributionPoints(value: Buffer): DistributionPoint[] {
  const tlv = whole(value, 'distribution points');
  if (!isUniversal(tlv, TAG.sequence)) {
    throw new MalformedError('distribution points are no SEQUENCE');
  }
  const points = members(tlv, 'distribution points', MAX_POINTS).map(parsePoint);
  if (points.length === 0) throw new MalformedError('distribution points are empty');
  return points;
}

/** The certificate's own points; `malformed` leaves no way to know which CRL speaks about it. */
export function distributionPointsOf(
  certificate: UntrustedCertificate,
  oid: string = PKIX.crlDistributionPoints,
): readonly DistributionPoint[] | 'malformed' {
  const extension = certificate.extensions.raw.get(oid);
  if (extension === undefined) return [];
  const parsed = attempt(() => parseDistributionPoints(extension.value));
  return 'reason' in parsed ? 'malformed' : parsed.value;
}

/** What two point names have in common is one of these; a relative name is below `issuer`. */
export function pointKeys(name: PointName, issuer: DistinguishedName): string[] {
  if (name.kind === 'relative') return [`directory ${nameKeyOf([...issuer.keys, name.level])}`];
  return name.names.map(generalNameKey);
}

/** Equal general names have equal keys. */
function generalNameKey(name: GeneralName): string {
  switch (name.kind) {
    case 'directory':
      return `directory ${name.name.key}`;
    case 'ip':
      return `ip ${name.octets.toString('hex')}`;
    case 'other':
      // Not read, so not known to be equal to anything.
      return 'other';
    default:
      return `${name.kind} ${name.value}`;
  }
}

/** Where the revocation facts about one certificate can be had. */
export interface RevocationPlaces {
  /** URIs of CRLs, full ones before deltas; http, https and ldap in the order of the certificate. */
  readonly crls: readonly string[];
  readonly ocsp: readonly string[];
}

/** Reads crlDistributionPoints, freshestCRL and authorityInfoAccess (RFC 5280 section 4.2); fetches nothing. */
export function revocationPlaces(certificate: UntrustedCertificate): RevocationPlaces {
  const crls = [PKIX.crlDistributionPoints, PKIX.freshestCrl].flatMap((oid) => {
    const points = distributionPointsOf(certificate, oid);
    return points === 'malformed' ? [] : points.flatMap(urisOf);
  });
  return { crls: [...new Set(crls)], ocsp: accessUris(certificate, 'authority', 'ocsp') };
}

function urisOf({ name }: DistributionPoint): string[] {
  if (name?.kind !== 'full') return [];
  return name.names.flatMap((one) => (one.kind === 'uri' ? [one.value] : []));
}
