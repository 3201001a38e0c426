import type { KeyObject } from 'node:crypto';
import { chooseSignature, type SignatureWish, signRaw } from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import {
  type DomainSigner,
  type EssAttribute,
  encodeEssAttribute,
  type SignatureTypeName,
} from '@sallyport/domsec';
import type { Certificate } from '@sallyport/pki';
import { Complaint } from '../commands/run.ts';
import { fixedAttributes } from '../gateway/signed-attributes.ts';

// RFC 3183 section 3.1.2
const TYPE_OID: Readonly<Record<SignatureTypeName, string>> = {
  originator: OID.originatorSig,
  domain: OID.domainSig,
  'additional-attributes': OID.addAttribSig,
  review: OID.reviewSig,
};

/**
 * Signs offline with a key at hand; on a gateway only the keyholder does this.
 *
 * @throws Complaint if the key does not sign as wished.
 */
export function offlineSigner(options: {
  readonly certificate: Certificate;
  readonly privateKey: KeyObject;
  readonly chain: readonly Certificate[];
  readonly time: Date;
  readonly wish?: SignatureWish;
  readonly identifier?: 'issuerAndSerial' | 'subjectKeyId';
}): DomainSigner {
  const { certificate, privateKey, chain, time, identifier = 'issuerAndSerial' } = options;
  const choice = chooseSignature(certificate.spki, options.wish);
  if (choice.kind === 'unusable') throw new Complaint(`Cannot sign: ${choice.reason}.`);
  if (identifier === 'subjectKeyId' && certificate.subjectKeyId === null) {
    throw new Complaint('Cannot sign: the certificate has no subject key identifier.');
  }
  const { digestAlgorithm, signatureAlgorithm } = choice;
  return {
    certificate,
    chain: [certificate.der, ...chain.map((one) => one.der)],
    digestAlgorithm,
    signatureAlgorithm,
    identifier,
    sign: async ({ digest, signatureTypes, attributes }) => {
      const facts = { certificate, digest, signatureTypes, attributes, time };
      const signedAttrs = composeAttributes(facts);
      return { signedAttrs, signature: signRaw(signedAttrs, privateKey, signatureAlgorithm) };
    },
  };
}

/** RFC 5652 section 5.4: DER SET OF Attribute, tag 0x31. */
function composeAttributes(facts: {
  readonly certificate: Certificate;
  readonly digest: Buffer;
  readonly signatureTypes: readonly SignatureTypeName[];
  readonly attributes: readonly EssAttribute[];
  readonly time: Date;
}): Buffer {
  const fixed = fixedAttributes(facts.certificate, null);
  const types = facts.signatureTypes.map((type) => der.oid(TYPE_OID[type]));
  return der.setOf([
    attribute(OID.contentType, der.oid(OID.data)),
    attribute(OID.messageDigest, der.octetString(facts.digest)),
    attribute(OID.signingTime, der.time(facts.time)),
    attribute(OID.signingCertificateV2, Buffer.from(fixed.signingCertificateV2, 'base64')),
    attribute(OID.smimeCapabilities, Buffer.from(fixed.smimeCapabilities, 'base64')),
    ...(types.length > 0 ? [attribute(OID.signatureType, der.sequence(...types))] : []),
    ...facts.attributes.map(encodeEssAttribute).map(({ oid, value }) => attribute(oid, value)),
  ]);
}

function attribute(oid: string, value: Buffer): Buffer {
  return der.sequence(der.oid(oid), der.set(value));
}
