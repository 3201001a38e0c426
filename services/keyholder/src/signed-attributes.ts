import { der, OID } from '@sallyport/der';
import type { DigestAlgorithm, KeyRecord, SignatureType, SignedAttribute } from '@sallyport/ipc';
import { encodeEssAttribute } from './ess-attributes.ts';

type FixedAttributes = NonNullable<KeyRecord['signedAttributes']>;

/** What a caller may say of a signature. */
export interface AttributeFacts {
  readonly digestAlgorithm: DigestAlgorithm;
  readonly digest: Buffer;
  readonly signatureTypes: readonly SignatureType[];
  readonly attributes: readonly SignedAttribute[];
  readonly signingTime: Date;
  readonly fixed: FixedAttributes;
  /** CMSAlgorithmProtection, the attribute's value; absent or null if it is not to be there. */
  readonly protection?: Buffer | null;
}

const DIGEST_BYTES: Readonly<Record<DigestAlgorithm, number>> = {
  sha256: 32,
  sha384: 48,
  sha512: 64,
};

// RFC 3183 section 3.1.2
const TYPE_OID: Readonly<Record<SignatureType, string>> = {
  originator: OID.originatorSig,
  domain: OID.domainSig,
  'additional-attributes': OID.addAttribSig,
  review: OID.reviewSig,
};

/** @returns why the facts may not be signed, or null. */
export function checkAttributeFacts(
  facts: Pick<AttributeFacts, 'digestAlgorithm' | 'digest' | 'signatureTypes' | 'attributes'>,
): string | null {
  const { signatureTypes: types, attributes } = facts;
  if (facts.digest.length !== DIGEST_BYTES[facts.digestAlgorithm]) {
    return `the digest is not one of ${facts.digestAlgorithm}`;
  }
  if (new Set(types).size !== types.length) return 'a signature type stands twice';
  // RFC 3183 section 3.1.2: beside id-sti-addAttribSig no other type may stand (DS-G4).
  if (types.includes('additional-attributes') && types.length > 1) {
    return 'additional-attributes must be the only signature type';
  }
  const kinds = attributes.map(({ kind }) => kind);
  if (new Set(kinds).size !== kinds.length) return 'an attribute stands twice';
  // RFC 2634 section 3.4: equivalent labels go with a label that they are equivalent to.
  if (kinds.includes('equivalent-labels') && !kinds.includes('security-label')) {
    return types.includes('additional-attributes')
      ? null // RFC 3183 section 3.3: equivalent to the label of an encapsulated SignerInfo
      : 'equivalent labels need a security label';
  }
  return checkEncodable(attributes);
}

/** What cannot be said in DER is refused before the intent is recorded. */
function checkEncodable(attributes: readonly SignedAttribute[]): string | null {
  try {
    for (const attribute of attributes) encodeEssAttribute(attribute);
    return null;
  } catch (error) {
    if (error instanceof RangeError) return `an attribute cannot be encoded: ${error.message}`;
    throw error;
  }
}

/**
 * The SignedAttributes as they are signed: DER SET OF, tag 0x31 (RFC 5652 section 5.4).
 *
 * SignatureType is the one attribute that makes a signature a domain's; with no type it is left out.
 */
export function composeSignedAttributes(facts: AttributeFacts): Buffer {
  const { fixed } = facts;
  const attributes = [
    attribute(OID.contentType, der.oid(OID.data)), // RFC 5652 section 11.1
    attribute(OID.messageDigest, der.octetString(facts.digest)), // RFC 5652 section 11.2
    attribute(OID.signingTime, der.time(facts.signingTime)), // RFC 5652 section 11.3
    attribute(OID.signingCertificateV2, fromBase64(fixed.signingCertificateV2)),
    attribute(OID.smimeCapabilities, fromBase64(fixed.smimeCapabilities)),
    ...facts.attributes.map((extra) => {
      const { oid, value } = encodeEssAttribute(extra);
      return attribute(oid, value);
    }),
  ];
  if (facts.signatureTypes.length > 0) {
    const types = facts.signatureTypes.map((type) => der.oid(TYPE_OID[type]));
    attributes.push(attribute(OID.signatureType, der.sequence(...types)));
  }
  if (fixed.encryptionKeyPreference !== null) {
    const preference = fromBase64(fixed.encryptionKeyPreference);
    attributes.push(attribute(OID.encryptionKeyPreference, preference));
  }
  if (facts.protection !== undefined && facts.protection !== null) {
    attributes.push(attribute(OID.cmsAlgorithmProtection, facts.protection)); // RFC 6211 section 2
  }
  return der.setOf(attributes);
}

/** RFC 5652 section 5.3: each of these attributes has exactly one value. */
function attribute(oid: string, value: Buffer): Buffer {
  return der.sequence(der.oid(oid), der.set(value));
}

function fromBase64(text: string): Buffer {
  return Buffer.from(text, 'base64');
}
