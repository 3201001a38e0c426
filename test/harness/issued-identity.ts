import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type Certificate, issueCertificate, parseCertificate } from '@sallyport/pki';

/** A certificate with its key; certificates of the RSA kind can be encrypted to. */
export interface IssuedIdentity {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

export interface IdentityRequest {
  readonly cn: string;
  readonly kind: 'rsa' | 'ec';
  readonly emails?: readonly string[];
  /** Itself if absent. */
  readonly issuer?: IssuedIdentity | undefined;
  readonly isCa?: boolean;
  readonly notBefore: Date;
  readonly days: number;
}

/** Makes a key and issues a certificate for it, as this gateway's own tools do. */
export function issuedIdentity(request: IdentityRequest): IssuedIdentity {
  const { cn, kind, emails = [], issuer, isCa = false, notBefore, days } = request;
  const { privateKey: key, publicKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const authority = isCa ? { ca: { pathLength: null }, keyUsage: ['keyCertSign'] as const } : {};
  const fields = { subject: { cn }, notBefore, days, emails, ...authority };
  const bytes =
    issuer === undefined
      ? issueCertificate({ ...fields, privateKey: key })
      : issueCertificate({
          ...fields,
          spki: publicKey.export({ format: 'der', type: 'spki' }),
          issuer: { certificate: issuer.certificate, privateKey: issuer.key },
        });
  const parsed = parseCertificate(bytes);
  assert.ok(parsed.kind === 'certificate');
  return { certificate: parsed.value, key };
}
