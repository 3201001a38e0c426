import type { Tlv } from '@sallyport/der';
import { isUniversal, MalformedError, members, sequence, TAG, wholeSequence } from './asn1.ts';
import { cleanDnsName, type GeneralName, parseGeneralName } from './general-names.ts';

const MAX_SUBTREES = 1024;

/** RFC 5280 section 4.2.1.10. An empty list does not constrain. */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** One bits, then zero bits: anything else is no CIDR mask. */
function isMask(mask: Buffer): boolean {
  const bits = [...mask].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits);
}

function isDnsBase(value: string): boolean {
  if (value === '') return true;
  const name = value.startsWith('.') ? value.slice(1) : value;
  return !name.includes('*') && cleanDnsName(name) !== null;
}

function isMailBase(value: string): boolean {
  if (value === '') return true;
  const at = value.lastIndexOf('@');
  return at !== 0 && isDnsBase(value.slice(at + 1)) && !value.endsWith('@');
}

/** A base that cannot be understood would be a constraint that does not constrain: refuse it. */
function checkBase(base: GeneralName): GeneralName {
  const isGood =
    base.kind === 'ip'
      ? (base.octets.length === 8 || base.octets.length === 32) &&
        isMask(base.octets.subarray(base.octets.length / 2))
      : base.kind === 'dns'
        ? isDnsBase(base.value)
        : base.kind === 'rfc822'
          ? isMailBase(base.value)
          : // RFC 5280 section 4.2.1.10: a host or a domain; a whole URI would exclude nothing.
            base.kind !== 'uri' || (base.value !== '' && isDnsBase(base.value));
  if (!isGood) throw new MalformedError(`a name constraint has a malformed ${base.kind} base`);
  return base;
}

function parseSubtrees(tlv: Tlv): GeneralName[] {
  const list = members(tlv, 'a list of subtrees', MAX_SUBTREES);
  if (list.length === 0) throw new MalformedError('a list of subtrees is empty');
  return list.map((subtree) => {
    if (!isUniversal(subtree, TAG.sequence)) throw new MalformedError('a subtree is no SEQUENCE');
    const fields = sequence(subtree, 'a subtree');
    const base = checkBase(parseGeneralName(fields.any('its base')));
    // minimum is 0 by default and maximum absent (RFC 5280 section 4.2.1.10).
    fields.end();
    return base;
  });
}

/** Parses the extension's value. Throws MalformedError or DerError. */
export function parseNameConstraints(value: Buffer): NameConstraints {
  const fields = wholeSequence(value, 'nameConstraints');
  const permitted = fields.context(0);
  const excluded = fields.context(1);
  fields.end();
  if (permitted === undefined && excluded === undefined) {
    throw new MalformedError('nameConstraints is empty');
  }
  return {
    permitted: permitted === undefined ? [] : parseSubtrees(permitted),
    excluded: excluded === undefined ? [] : parseSubtrees(excluded),
  };
}
