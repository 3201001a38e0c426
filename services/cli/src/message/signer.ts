import type { KeyObject } from 'node:crypto';
import { type DigestName, type SignatureAlgorithmName, signRaw } from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import type { DomainSigner, SignatureTypeName } from '@sallyport/domsec';
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

/** Signs offline with a key at hand; on a gateway only the keyholder does this. */
export function offlineSigner(options: {
  readonly certificate: Certificate;
  readonly privateKey: KeyObject;
  readonly chain: readonly Certificate[];
  readonly time: Date;
}): DomainSigner {
  const { certificate, privateKey, chain, time } = options;
  const { digestAlgorithm, signatureAlgorithm } = algorithmsOf(privateKey);
  return {
    certificate,
    chain: [certificate.der, ...chain.map((one) => one.der)],
    digestAlgorithm,
    signatureAlgorithm,
    sign: async ({ digest, signatureTypes }) => {
      const signedAttrs = composeAttributes({ certificate, digest, signatureTypes, time });
      return { signedAttrs, signature: signRaw(signedAttrs, privateKey, signatureAlgorithm) };
    },
  };
}

function algorithmsOf(key: KeyObject): {
  digestAlgorithm: DigestName;
  signatureAlgorithm: SignatureAlgorithmName;
} {
  if (key.asymmetricKeyType === 'rsa') {
    return { digestAlgorithm: 'sha256', signatureAlgorithm: 'rsa-sha256' };
  }
  switch (key.asymmetricKeyDetails?.namedCurve) {
    case 'prime256v1':
      return { digestAlgorithm: 'sha256', signatureAlgorithm: 'ecdsa-sha256' };
    case 'secp384r1':
      return { digestAlgorithm: 'sha384', signatureAlgorithm: 'ecdsa-sha384' };
    default:
      throw new Complaint('The signing key must be RSA, P-256 or P-384.');
  }
}

/** RFC 5652 section 5.4: DER SET OF Attribute, tag 0x31. */
function composeAttributes(facts: {
  readonly certificate: Certificate;
  readonly digest: Buffer;
  readonly signatureTypes: readonly SignatureTypeName[];
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
  ]);
}

function attribute(oid: string, value: Buffer): Buffer {
  return der.sequence(der.oid(oid), der.set(value));
}
