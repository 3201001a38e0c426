import { OID } from './oids.ts';
import { der } from './writer.ts';

/** A subject in parts; written from the most significant to the least: DC, C, ST, L, O, OU, CN. */
export interface SubjectRequest {
  /** RFC 2247 components, top first: `['us', 'acme', 'marketing']`. */
  readonly dc?: readonly string[] | undefined;
  readonly c?: string | undefined;
  readonly st?: string | undefined;
  readonly l?: string | undefined;
  readonly o?: string | undefined;
  /** Most significant first. */
  readonly ou?: string | readonly string[] | undefined;
  readonly cn?: string | undefined;
}

const MAX_ATTRIBUTE_CHARACTERS = 64; // RFC 5280 appendix A.1 ub-common-name and its like

function attribute(oid: string, value: string): Buffer {
  if (value.length === 0 || value.length > MAX_ATTRIBUTE_CHARACTERS || /\p{Cc}/u.test(value)) {
    throw new RangeError('a subject attribute is empty, too long or has control characters');
  }
  // RFC 5280 appendix A.1: countryName is a PrintableString of two letters; DC is IA5String.
  const isCountry = oid === OID.countryName;
  if (isCountry && !/^[A-Z]{2}$/.test(value)) throw new RangeError('a country is two capitals');
  const text = isCountry
    ? der.printableString(value)
    : oid === OID.domainComponent
      ? der.ia5String(value)
      : der.utf8String(value);
  return der.setOf([der.sequence(der.oid(oid), text)]);
}

/** DER Name. @throws RangeError for values that RFC 5280 does not allow. */
export function encodeSubject(subject: SubjectRequest): Buffer {
  const units = typeof subject.ou === 'string' ? [subject.ou] : (subject.ou ?? []);
  const pairs: [string, string | undefined][] = [
    ...(subject.dc ?? []).map((value): [string, string] => [OID.domainComponent, value]),
    [OID.countryName, subject.c],
    [OID.stateOrProvinceName, subject.st],
    [OID.localityName, subject.l],
    [OID.organizationName, subject.o],
    ...units.map((value): [string, string] => [OID.organizationalUnitName, value]),
    [OID.commonName, subject.cn],
  ];
  const levels = pairs.flatMap(([oid, value]) =>
    value === undefined ? [] : [attribute(oid, value)],
  );
  return der.sequence(...levels);
}
