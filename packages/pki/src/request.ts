import { createPublicKey } from 'node:crypto';
import { certificationRequestInfo, type SubjectRequest, signedStructure } from '@sallyport/der';
import type { Domain } from '@sallyport/mail';
import { type AuthorityName, authorityUsage } from './authority.ts';
import { encodeAltNames } from './encode-names.ts';
import { type KeyUsage, keyUsageBit } from './extensions.ts';
import { PKIX } from './oids.ts';
import { loadKey, type PrivateKey, structureSigner } from './structure-signer.ts';

/**
 * Makes a PKCS#10 request (RFC 2986) for a CA outside; names and usages go in extensionRequest.
 * Returns DER.
 *
 * @throws RangeError if the key does not sign (X25519, ML-KEM): then it cannot ask for itself.
 */
export function makeCsr(request: {
  readonly subject: SubjectRequest;
  readonly privateKey: PrivateKey;
  readonly emails?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly keyUsage?: readonly KeyUsage[];
  readonly extendedKeyUsage?: readonly string[];
}): Buffer {
  const key = loadKey(request.privateKey);
  const signer = structureSigner(key);
  const { subject, keyUsage = [], extendedKeyUsage = [] } = request;
  const body = certificationRequestInfo({
    subject,
    spki: createPublicKey(key).export({ format: 'der', type: 'spki' }),
    altNames: encodeAltNames(request),
    keyUsage: keyUsage.map(keyUsageBit),
    extendedKeyUsage,
  });
  return signedStructure(body, signer.name, signer.sign(body));
}

/**
 * The request for the certificate of one of a domain's authorities (RFC 3183 sections 3.1.1 and
 * 4.1), for a key that is at hand; keyholder composes the same for its own. Returns DER.
 *
 * @throws RangeError as `makeCsr`.
 */
export function makeAuthorityCsr(request: {
  readonly name: AuthorityName;
  readonly domain: Domain;
  readonly organization?: Omit<SubjectRequest, 'cn'>;
  readonly privateKey: PrivateKey;
}): Buffer {
  const { name, domain, organization } = request;
  const privateKey = loadKey(request.privateKey);
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return makeCsr({
    subject: { ...organization, cn: name },
    privateKey,
    emails: [`${name}@${domain}`],
    keyUsage: [authorityUsage(name, spki)],
    extendedKeyUsage: [PKIX.emailProtection],
  });
}
