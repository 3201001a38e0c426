/** What the tests of this package share: a peer (`openssl cms`), its keys, and attributes to sign. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { DerReader, der, OID } from '@sallyport/der';
import { bufferContent, type Content, readContent } from '@sallyport/mail';
import {
  type AuthEnvelopedDataView,
  type CmsCertificate,
  type CmsLimits,
  type DigestName,
  decryptContent,
  digestContent,
  digestOf,
  type EnvelopedDataView,
  matchesRecipient,
  type RecipientInfoView,
  readCms,
  recipientKeyFor,
  type SignatureAlgorithmName,
  type SignerInfoParts,
  signRaw,
  unwrapRaw,
} from './index.ts';

export const LIMITS: CmsLimits = {
  maxBytes: 64 * 1024 * 1024,
  maxSigners: 16,
  maxRecipients: 64,
  maxCertificates: 64,
};

export const MESSAGE = Buffer.from(
  'Content-Type: text/plain\r\n\r\nThe quick brown fox.\r\n'.repeat(40),
);

const folder = mkdtempSync(join(tmpdir(), 'sallyport-cms-'));
after(() => rmSync(folder, { recursive: true, force: true }));

export const file = (name: string): string => join(folder, name);

export function openssl(...args: string[]): Buffer {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 });
}

/** Runs openssl with these input bytes. */
export function pipe(input: Buffer, ...args: string[]): Buffer {
  writeFileSync(file('in'), input);
  openssl(...args, '-in', file('in'), '-out', file('out'));
  return readFileSync(file('out'));
}

export interface Identity {
  readonly certificate: CmsCertificate;
  readonly key: KeyObject;
  readonly certFile: string;
  readonly keyFile: string;
  readonly algorithm: SignatureAlgorithmName;
}

/** Structure only; pki validates, cms does not. */
export function parseCertificate(bytes: Buffer): CmsCertificate {
  const tbs = new DerReader(bytes).sequence().sequence();
  tbs.optional('context', 0);
  const serial = tbs.integerBytes();
  tbs.next();
  const issuer = tbs.next().bytes;
  tbs.next();
  tbs.next();
  const spki = tbs.next().bytes;
  const marker = der.oid(OID.subjectKeyIdentifier);
  const at = bytes.indexOf(marker);
  const subjectKeyId =
    at < 0
      ? null
      : new DerReader(
          new DerReader(bytes.subarray(at + marker.length)).octetString(),
        ).octetString();
  return { der: bytes, issuer, serial, subjectKeyId, spki };
}

export function readPem(path: string): Buffer {
  const text = readFileSync(path, 'latin1');
  const body = /-----BEGIN CERTIFICATE-----([^-]*)/.exec(text)?.[1] ?? '';
  return Buffer.from(body, 'base64');
}

export function loadIdentity(
  certFile: string,
  keyFile: string,
  algorithm: SignatureAlgorithmName,
): Identity {
  const key = createPrivateKey(readFileSync(keyFile));
  return { certificate: parseCertificate(readPem(certFile)), key, certFile, keyFile, algorithm };
}

export function makeIdentity(
  name: string,
  algorithm: SignatureAlgorithmName,
  newkey: readonly string[],
): Identity {
  const certFile = file(`${name}.pem`);
  const keyFile = file(`${name}.key`);
  const request = ['req', '-x509', '-nodes', '-days', '30', '-subj', `/CN=${name}/O=Sallyport`];
  openssl(...request, ...newkey, '-keyout', keyFile, '-out', certFile);
  return loadIdentity(certFile, keyFile, algorithm);
}

export const rsa = makeIdentity('rsa', 'rsa-sha256', ['-newkey', 'rsa:2048']);
export const p256 = makeIdentity('p256', 'ecdsa-sha256', [
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
]);
export const p521 = makeIdentity('p521', 'ecdsa-sha512', [
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-521',
]);
export const p384 = makeIdentity('p384', 'ecdsa-sha384', [
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-384',
]);

/** A key pair with what cms must know of a certificate, for kinds that openssl 3.0 has no certificates of. */
export function bareIdentity(
  name: string,
  keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  algorithm: SignatureAlgorithmName = 'ed25519',
): Identity {
  const spki = keys.publicKey.export({ format: 'der', type: 'spki' });
  const cn = der.set(der.sequence(der.oid(OID.commonName), der.utf8String(name)));
  const subjectKeyId = createHash('sha1').update(spki).digest();
  const serial = Buffer.concat([Buffer.of(1), subjectKeyId.subarray(0, 8)]);
  const issuer = der.sequence(cn);
  const certificate = { der: der.sequence(issuer, spki), issuer, serial, subjectKeyId, spki };
  return { certificate, key: keys.privateKey, certFile: '', keyFile: '', algorithm };
}

export interface AttributeOptions {
  readonly digest?: Buffer;
  readonly contentType?: string;
  readonly extra?: readonly Buffer[];
  readonly without?: string;
}

export function attribute(oid: string, ...values: Buffer[]): Buffer {
  return der.sequence(der.oid(oid), der.setOf(values));
}

export async function signedAttributes(
  content: Content,
  digestName: DigestName,
  options: AttributeOptions = {},
): Promise<Buffer> {
  const digest = options.digest ?? (await digestContent(content, digestName));
  const standard: [string, Buffer][] = [
    [OID.contentType, der.oid(options.contentType ?? OID.data)],
    [OID.signingTime, der.time(new Date('2026-11-21T04:00:00Z'))],
    [OID.messageDigest, der.octetString(digest)],
  ];
  const kept = standard.filter(([oid]) => oid !== options.without);
  return der.setOf([...kept.map(([oid, v]) => attribute(oid, v)), ...(options.extra ?? [])]);
}

export async function signer(
  content: Content,
  identity: Identity,
  options: AttributeOptions = {},
): Promise<SignerInfoParts> {
  const digestAlgorithm = digestOf(identity.algorithm);
  const signedAttrs = await signedAttributes(content, digestAlgorithm, options);
  return {
    sid: identity.certificate,
    digestAlgorithm,
    signatureAlgorithm: identity.algorithm,
    signedAttrs,
    signature: signRaw(signedAttrs, identity.key, identity.algorithm),
  };
}

export function signatureTypes(...oids: string[]): Buffer {
  return attribute(OID.signatureType, der.sequence(...oids.map((oid) => der.oid(oid))));
}

export function signingCertificateV2(certificate: CmsCertificate): Buffer {
  const hash = createHash('sha256').update(certificate.der).digest();
  const name = der.sequence(der.explicit(4, certificate.issuer));
  const issuerSerial = der.sequence(name, der.integerContent(certificate.serial));
  const id = der.sequence(der.octetString(hash), issuerSerial);
  return attribute(OID.signingCertificateV2, der.sequence(der.sequence(id)));
}

export const content = (bytes: Buffer): Content => bufferContent(bytes);

/** What keyholder does, without its protections: a content-encryption key from a RecipientInfo. */
export function unwrap(view: RecipientInfoView, identity: Identity): Buffer {
  const recipient = recipientKeyFor(view, identity.certificate);
  if (recipient === null) throw new Error('not for this key');
  return unwrapRaw(recipient, identity.key);
}

/** The encrypted object in these bytes. */
export async function envelopeIn(
  bytes: Buffer,
): Promise<EnvelopedDataView | AuthEnvelopedDataView> {
  const read = await readCms(content(bytes), LIMITS);
  assert.ok(read.kind === 'enveloped' || read.kind === 'auth-enveloped', JSON.stringify(read));
  return read.value;
}

export function infoFor(view: EnvelopedDataView, { certificate }: Identity): RecipientInfoView {
  const info = view.recipients.find((one) => matchesRecipient(one, certificate));
  assert.ok(info);
  return info;
}

/** What an encrypted object holds, by the key of this identity. */
export async function openWith(
  bytes: Buffer,
  identity: Identity,
  options: { readonly legacy?: boolean } = {},
): Promise<Buffer | 'failed'> {
  const view = await envelopeIn(bytes);
  const result = await decryptContent(view, unwrap(infoFor(view, identity), identity), options);
  return result.kind === 'ok' ? await readContent(result.content) : 'failed';
}

/** The same by `openssl cms`. */
export function openWithOpenssl(bytes: Buffer, { certFile, keyFile }: Identity): Buffer {
  const key = ['-recip', certFile, '-inkey', keyFile];
  return pipe(bytes, 'cms', '-decrypt', '-binary', '-inform', 'DER', ...key);
}

/** `openssl cms` encrypts MESSAGE; `options` follow the recipient, and so apply to it. */
export function sealWithOpenssl(
  cipher: string,
  { certFile }: Identity,
  ...options: readonly string[]
): Buffer {
  const how = ['-encrypt', `-${cipher}`, '-binary', '-outform', 'DER'];
  return pipe(MESSAGE, 'cms', ...how, '-recip', certFile, ...options);
}

/** `openssl cms` signs MESSAGE, which the object then holds. */
export function signWithOpenssl(
  digest: string,
  { certFile, keyFile }: Identity,
  ...options: readonly string[]
): Buffer {
  const how = ['-sign', '-binary', '-nodetach', '-outform', 'DER', '-md', digest];
  return pipe(MESSAGE, 'cms', ...how, '-signer', certFile, '-inkey', keyFile, ...options);
}

/** A folder of foreign vectors, or null: then the test skips and says so. */
export function vectors(path: string): string | null {
  const full = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'vectors', path);
  return existsSync(full) ? full : null;
}
