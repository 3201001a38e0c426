import type { SignatureTypeName } from './sign-layer.ts';

/** RFC 3183 section 3.1.2 and 7: the arc id-sti. */
const ID_STI = '1.2.840.113549.1.9.16.9';
const NAMES: Readonly<Record<string, SignatureTypeName>> = {
  [`${ID_STI}.1`]: 'originator',
  [`${ID_STI}.2`]: 'domain',
  [`${ID_STI}.3`]: 'additional-attributes',
  [`${ID_STI}.4`]: 'review',
};

/** The word for a signature type, or the OID itself where we know none. */
export function signatureTypeName(oid: string): SignatureTypeName | string {
  return NAMES[oid] ?? oid;
}
