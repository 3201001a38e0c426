/** Certificates of a CA with a revocation list, and mail that they sign. For tests. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { constants, generateKeyPairSync, type KeyObject, privateDecrypt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envelopedData } from '@sallyport/cms';
import type { UnwrapRequest } from '@sallyport/domsec';
import { bufferContent, readContent } from '@sallyport/mail';
import { pkcs7MimeEntity } from '@sallyport/mime';
import {
  type Certificate,
  formatPemCertificate,
  issueCertificate,
  issueCrl,
  parseCrl,
} from '@sallyport/pki';
import { certificateOf } from '@sallyport/test/certificates';
import type { Keyring } from './keyholder-client.ts';
import type { LookupPorts } from './lookup-ports.ts';

export const NOW = new Date();
const DAY_MS = 86_400_000;
const CRL_URL = 'http://crl.bravo.example/ca.crl';
const PERIOD = { notBefore: new Date(NOW.getTime() - DAY_MS), days: 30 };

export interface Identity {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

export const crlf = (text: string): Buffer => Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1');
export const pem = (who: Identity): string => formatPemCertificate(who.certificate.der);

export function makeRoot(cn: string): Identity {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ca = { pathLength: null };
  const fields = { ...PERIOD, subject: { cn }, ca, privateKey: key };
  const keyUsage = ['keyCertSign', 'cRLSign'] as const;
  return { certificate: certificateOf(issueCertificate({ ...fields, keyUsage })), key };
}

/** A signer, or with a key usage one to encrypt to; its CA's list is at `CRL_URL`. */
export function issued(
  cn: string,
  email: string,
  issuer: Identity,
  keyUsage?: 'keyEncipherment',
): Identity {
  const { privateKey: key, publicKey } =
    keyUsage === undefined
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const bytes = issueCertificate({
    ...PERIOD,
    subject: { cn },
    emails: [email],
    crlUrls: [CRL_URL],
    spki: publicKey.export({ format: 'der', type: 'spki' }),
    issuer: { certificate: issuer.certificate, privateKey: issuer.key },
    ...(keyUsage === undefined ? {} : { keyUsage: [keyUsage] }),
  });
  return { certificate: certificateOf(bytes), key };
}

/** A MIME entity that `openssl cms` signed, as every mail program does. */
export function signText(text: string, who: Identity): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-signer-'));
  const file = (name: string): string => join(folder, name);
  try {
    writeFileSync(file('in'), crlf(text));
    writeFileSync(file('cert'), pem(who));
    writeFileSync(file('key'), who.key.export({ format: 'pem', type: 'pkcs8' }));
    const names = ['-in', file('in'), '-signer', file('cert'), '-inkey', file('key')];
    const how = ['cms', '-sign', '-nodetach', '-md', 'sha256', ...names, '-out', file('out')];
    execFileSync('openssl', how, { stdio: 'ignore' });
    return readFileSync(file('out'), 'latin1');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const signed = new Map<Identity, string>();

/** A short text that somebody signed, made once. */
export function sign(who: Identity): string {
  const text = signed.get(who) ?? signText('Content-Type: text/plain\n\nhello\n', who);
  signed.set(who, text);
  return text;
}

/** A MIME entity that is encrypted to somebody. */
export async function encryptTo(who: Identity, text: string): Promise<string> {
  const cms = envelopedData(bufferContent(crlf(text)), [who.certificate], {
    content: 'aes256-cbc',
    keyTransport: 'rsa-pkcs1v15',
  });
  const entity = pkcs7MimeEntity(cms, { smimeType: 'enveloped-data' });
  return (await readContent(entity)).toString('latin1');
}

/** A keyholder that opens what is encrypted to this one. */
export function keyringOf(who: Identity): Keyring {
  return {
    ownRecipients: () => Promise.resolve([{ keyId: 'k', certificate: who.certificate }]),
    unwrapperFor: () => ({
      unwrap: ({ recipient }: UnwrapRequest) =>
        Promise.resolve(
          privateDecrypt(
            { key: who.key, padding: constants.RSA_PKCS1_PADDING },
            recipient.encryptedKey,
          ),
        ),
    }),
  } as unknown as Keyring;
}

/** The list of the CA lies in the memory as if it had just been fetched. */
export async function withList<Ports extends LookupPorts>(
  lookup: Ports,
  root: Identity,
  revoked: readonly Identity[],
): Promise<Ports> {
  const bytes = issueCrl({
    issuer: { certificate: root.certificate, privateKey: root.key },
    crlNumber: 1,
    thisUpdate: new Date(NOW.getTime() - 1_000),
    nextUpdate: new Date(NOW.getTime() + DAY_MS),
    revoked: revoked.map((who) => ({
      serial: who.certificate.serial,
      revokedAt: new Date(NOW.getTime() - 60_000),
      reason: 'keyCompromise',
    })),
  });
  const parsed = parseCrl(bytes);
  assert.ok(parsed.kind === 'crl');
  const { value } = parsed;
  const until = new Date(NOW.getTime() + DAY_MS);
  const place = { kind: 'fetched', identity: '1', until, sizeBytes: 1, version: null } as const;
  await lookup.revocation.lists.recall(CRL_URL, async () => ({ ...place, value, server: 'test' }));
  return lookup;
}
