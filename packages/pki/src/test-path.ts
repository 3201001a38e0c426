import { createPublicKey, type KeyObject } from 'node:crypto';
import { certificateOf } from '@sallyport/test/certificates';
import { type CertificateRequest, issueCertificate } from './issue.ts';
import { PKIX } from './oids.ts';
import { type PathInput, type PathResult, validatePath } from './path.ts';
import { newKey, type Party } from './test-authority.ts';

export const time = new Date('2026-06-01T00:00:00Z');
export const notBefore = new Date('2026-01-01T00:00:00Z');
export const days = 365;

export function spkiOf(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
}

export type Fields = Partial<Omit<CertificateRequest, 'issuer' | 'spki' | 'privateKey'>>;

export function make(cn: string, issuer: Party | null, fields: Fields = {}, own = newKey()): Party {
  const common = { subject: { cn }, notBefore, days, ...fields };
  const bytes =
    issuer === null
      ? issueCertificate({ ...common, privateKey: own })
      : issueCertificate({ ...common, spki: spkiOf(own), issuer });
  return { certificate: certificateOf(bytes), privateKey: own };
}

export const CA: Fields = { ca: { pathLength: null }, keyUsage: ['keyCertSign', 'cRLSign'] };
export const SIGNER: Fields = {
  emails: ['a@bravo.example'],
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: [PKIX.emailProtection],
};
export const root = make('Root', null, CA);
export const inter = make('Intermediate', root, CA);
export const leaf = make('Leaf', inter, SIGNER);

export function validate(input: Partial<PathInput> = {}): PathResult {
  return validatePath({
    leaf: leaf.certificate,
    intermediates: [inter.certificate],
    anchors: [root.certificate],
    time,
    purpose: 'email-sign',
    ...input,
  });
}

export function codeOf(result: PathResult): string {
  return result.kind === 'valid' ? 'valid' : result.code;
}
