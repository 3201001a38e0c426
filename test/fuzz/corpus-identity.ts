/** Who signs and who decrypts in the corpus, and a note of all that they sign. */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SignatureAlgorithmName, signRaw } from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import type { DomainSigner, SignatureTypeName } from '@sallyport/domsec';
import {
  type Certificate,
  formatPemCertificate,
  issueCertificate,
  parseCertificate,
} from '@sallyport/pki';

export const FOLDER = fileURLToPath(new URL('./corpus/', import.meta.url));
const NOT_BEFORE = new Date('2026-01-01T00:00:00Z');
export const SIGNING_TIME = new Date('2026-06-01T00:00:00Z');
const DAYS = 365 * 20;

export interface Identity {
  readonly name: string;
  readonly certificate: Certificate;
  readonly key: KeyObject;
  readonly algorithm: SignatureAlgorithmName;
  readonly pemFile: string;
}

export const signed: Record<string, string[]> = {};

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

export function noteSigned(who: Identity, digest: string): void {
  const { fingerprint } = who.certificate;
  signed[fingerprint] = [...new Set([...(signed[fingerprint] ?? []), digest])];
}

export function makeIdentity(
  name: string,
  fields: { cn: string; emails?: string[]; kind?: 'rsa' | 'ec'; issuer?: Identity; ca?: boolean },
): Identity {
  const { cn, emails = [], kind = 'ec', issuer, ca = false } = fields;
  const { privateKey, publicKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const request = {
    subject: { cn },
    notBefore: NOT_BEFORE,
    days: DAYS,
    emails,
    ...(ca ? { ca: { pathLength: null }, keyUsage: ['keyCertSign'] as const } : {}),
  };
  const bytes =
    issuer === undefined
      ? issueCertificate({ ...request, privateKey })
      : issueCertificate({
          ...request,
          spki: publicKey.export({ format: 'der', type: 'spki' }),
          issuer: { certificate: issuer.certificate, privateKey: issuer.key },
        });
  const parsed = parseCertificate(bytes);
  if (parsed.kind !== 'certificate') throw new Error(parsed.reason);
  const pemFile = join(FOLDER, `${name}.pem`);
  const keyPem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  writeFileSync(pemFile, formatPemCertificate(bytes) + keyPem);
  const algorithm = kind === 'ec' ? 'ecdsa-sha256' : 'rsa-sha256';
  return { name, certificate: parsed.value, key: createPrivateKey(keyPem), algorithm, pemFile };
}

const TYPES: Readonly<Record<SignatureTypeName, string>> = {
  originator: OID.originatorSig,
  domain: OID.domainSig,
  'additional-attributes': OID.addAttribSig,
  review: OID.reviewSig,
};

function attribute(oid: string, value: Buffer): Buffer {
  return der.sequence(der.oid(oid), der.setOf([value]));
}

export function signerOf(who: Identity, types?: readonly SignatureTypeName[]): DomainSigner {
  return {
    certificate: who.certificate,
    chain: [who.certificate.der],
    digestAlgorithm: 'sha256',
    signatureAlgorithm: who.algorithm,
    sign: ({ digest, signatureTypes }) => {
      noteSigned(who, digest.toString('hex'));
      const oids = (types ?? signatureTypes).map((type) => der.oid(TYPES[type]));
      const signedAttrs = der.setOf([
        attribute(OID.contentType, der.oid(OID.data)),
        attribute(OID.messageDigest, der.octetString(digest)),
        attribute(OID.signingTime, der.time(SIGNING_TIME)),
        ...(oids.length === 0 ? [] : [attribute(OID.signatureType, der.sequence(...oids))]),
      ]);
      const signature = signRaw(signedAttrs, who.key, who.algorithm);
      return Promise.resolve({ signedAttrs, signature });
    },
  };
}
