/** What the tests of this package share: certificates, a signer, an unwrapper, and `openssl cms`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import {
  digestContent,
  type SignatureAlgorithmName,
  type SignerInfoParts,
  signedData,
  signRaw,
  unwrapRaw,
} from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import { bufferContent, type Content, readContent } from '@sallyport/mail';
import {
  DEFAULT_MIME_LIMITS,
  type Entity,
  pkcs7MimeEntity,
  readEntityBytes,
} from '@sallyport/mime';
import {
  type Certificate,
  formatPemCertificate,
  issueCertificate,
  type SubjectRequest,
  type ValidatedCertificate,
  validatePath,
} from '@sallyport/pki';
import { mailbox } from '@sallyport/test/addresses';
import { certificateOf, validated as validatedBy } from '@sallyport/test/certificates';
import { encodeEssAttribute } from './labels-encode.ts';
import type { OpenedMessage, OpenOptions, OwnRecipient, UnwrapRequest } from './layers.ts';
import { openLayers } from './open.ts';
import { domainEncrypt } from './outward.ts';
import type { DomainSigner, SignatureTypeName } from './sign-layer.ts';
import { type JudgeOptions, judgeLayers, type Verdict } from './verdict.ts';

export const NOW = new Date('2026-06-01T00:00:00Z');
const NOT_BEFORE = new Date('2026-01-01T00:00:00Z');

export const LIMITS: OpenOptions['limits'] = {
  mime: DEFAULT_MIME_LIMITS,
  cms: { maxBytes: 1 << 24, maxSigners: 16, maxRecipients: 64, maxCertificates: 64 },
  depth: 8,
};

const folder = mkdtempSync(join(tmpdir(), 'sallyport-domsec-'));
after(() => rmSync(folder, { recursive: true, force: true }));
export const file = (name: string): string => join(folder, name);

/** Writes bytes for openssl and gives their path. */
export function write(name: string, bytes: string | Buffer): string {
  writeFileSync(file(name), bytes);
  return file(name);
}

export function openssl(...args: string[]): Buffer {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
}

/** Runs openssl with `-in` and `-out` files. */
export function pipe(input: Buffer, ...args: string[]): Buffer {
  openssl(...args, '-in', write('in', input), '-out', file('out'));
  return readFileSync(file('out'));
}

export interface Identity {
  readonly certificate: Certificate;
  readonly key: KeyObject;
  readonly algorithm: SignatureAlgorithmName;
  readonly certFile: string;
  readonly keyFile: string;
}

interface Names {
  readonly cn: string;
  readonly emails?: readonly string[];
  readonly kind?: 'rsa' | 'ec';
  readonly issuer?: Identity;
  readonly ca?: boolean;
  /** What stands above the common name. */
  readonly above?: SubjectRequest;
}

let made = 0;

export function identity({
  cn,
  emails = [],
  kind = 'ec',
  issuer,
  ca = false,
  above = {},
}: Names): Identity {
  const { privateKey: key, publicKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const fields = { subject: { ...above, cn }, notBefore: NOT_BEFORE, days: 3650, emails };
  const authority = ca ? { ca: { pathLength: null }, keyUsage: ['keyCertSign'] as const } : {};
  const bytes =
    issuer === undefined
      ? issueCertificate({ ...fields, ...authority, privateKey: key })
      : issueCertificate({
          ...fields,
          ...authority,
          spki: publicKey.export({ format: 'der', type: 'spki' }),
          issuer: { certificate: issuer.certificate, privateKey: issuer.key },
        });
  made += 1;
  const certificate = certificateOf(bytes);
  return {
    certificate,
    key,
    algorithm: kind === 'ec' ? 'ecdsa-sha256' : 'rsa-sha256',
    certFile: write(`${made}.pem`, formatPemCertificate(bytes)),
    keyFile: write(`${made}.key`, key.export({ format: 'pem', type: 'pkcs8' }) as string),
  };
}

export const root = identity({ cn: 'Acme Root', ca: true });
const authority = (cn: string, domain: string, kind: 'rsa' | 'ec' = 'ec') =>
  identity({ cn, emails: [`${cn}@${domain}`], kind, issuer: root });
export const dsa = authority('domain-signing-authority', 'acme.example');
export const dsaRsa = authority('domain-signing-authority', 'acme.example', 'rsa');
export const otherDsa = authority('domain-signing-authority', 'other.example');
export const reviewer = authority('review-authority', 'acme.example');
export const attributeAuthority = authority('attribute-authority', 'acme.example');
export const alice = identity({ cn: 'Alice', emails: ['alice@acme.example'], issuer: root });
export const stranger = identity({
  cn: 'domain-signing-authority',
  emails: ['domain-signing-authority@acme.example'],
});
export const dcaRsa = authority('domain-confidentiality-authority', 'bravo.example', 'rsa');
export const dcaEc = authority('domain-confidentiality-authority', 'bravo.example');

export const OWN: readonly (OwnRecipient & { readonly key: KeyObject })[] = [
  { keyId: 'rsa', certificate: dcaRsa.certificate, key: dcaRsa.key },
  { keyId: 'ec', certificate: dcaEc.certificate, key: dcaEc.key },
];

export function validated(who: Identity): ValidatedCertificate {
  return validatedBy(who.certificate, root.certificate, NOW);
}

export const TYPE: Readonly<Record<SignatureTypeName, string>> = {
  originator: OID.originatorSig,
  domain: OID.domainSig,
  'additional-attributes': OID.addAttribSig,
  review: OID.reviewSig,
};

export function attribute(oid: string, ...values: Buffer[]): Buffer {
  return der.sequence(der.oid(oid), der.setOf(values));
}

export function typesAttribute(...oids: string[]): Buffer {
  return attribute(OID.signatureType, der.sequence(...oids.map((oid) => der.oid(oid))));
}

/** SignedAttributes by hand, so that a test can make wrong ones. */
export function attributes(digest: Buffer, extra: readonly Buffer[] = []): Buffer {
  return der.setOf([
    attribute(OID.contentType, der.oid(OID.data)),
    attribute(OID.messageDigest, der.octetString(digest)),
    attribute(OID.signingTime, der.time(NOW)),
    ...extra,
  ]);
}

export async function signerInfo(
  content: Content,
  who: Identity,
  extra: readonly Buffer[] = [],
): Promise<SignerInfoParts> {
  const signedAttrs = attributes(await digestContent(content, 'sha256'), extra);
  return {
    sid: who.certificate,
    digestAlgorithm: 'sha256',
    signatureAlgorithm: who.algorithm,
    signedAttrs,
    signature: signRaw(signedAttrs, who.key, who.algorithm),
  };
}

/** A SignedData as the entity that carries it. */
export const opaque = (cms: Content): Content => pkcs7MimeEntity(cms, { smimeType: 'signed-data' });

/** An opaque signature with a SignatureType, or with none. */
export async function signedBy(
  inner: Content,
  who: Identity = dsa,
  type: string | null = TYPE.domain,
): Promise<Content> {
  const info = await signerInfo(inner, who, type === null ? [] : [typesAttribute(type)]);
  return opaque(signedData(inner, [info], [who.certificate.der]));
}

/** Encrypted to bravo.example. */
export async function encrypted(
  inner: Content,
  content: 'aes256-cbc' | 'aes256-gcm' = 'aes256-gcm',
): Promise<Content> {
  return await domainEncrypt(inner, validated(dcaRsa), { content, keyTransport: 'rsa-pkcs1v15' });
}

/** What keyholder does, without its protections. */
export function signerOf(who: Identity): DomainSigner {
  return {
    certificate: who.certificate,
    chain: [who.certificate.der],
    digestAlgorithm: 'sha256',
    signatureAlgorithm: who.algorithm,
    sign: ({ digest, signatureTypes, attributes: added }) => {
      const types =
        signatureTypes.length === 0
          ? []
          : [typesAttribute(...signatureTypes.map((type) => TYPE[type]))];
      const more = added.map(encodeEssAttribute).map(({ oid, value }) => attribute(oid, value));
      const signedAttrs = attributes(digest, [...types, ...more]);
      const signature = signRaw(signedAttrs, who.key, who.algorithm);
      return Promise.resolve({ signedAttrs, signature });
    },
  };
}

/** What keyholder does, without its protections. */
export function unwrap({ keyId, recipient }: UnwrapRequest): Buffer {
  const key = OWN.find((own) => own.keyId === keyId)?.key;
  assert.ok(key !== undefined);
  return unwrapRaw(recipient, key);
}

export const crlf = (text: string): Buffer => Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1');
export const bytesOf = async (content: Content): Promise<Buffer> => await readContent(content);

export const MESSAGE = crlf(`Received: from a (b) by c; Mon, 1 Jun 2026 00:00:00 +0000
From: Alice <alice@acme.example>
To: bob@bravo.example
Subject: The true subject
Bcc: secret@bravo.example
Message-ID: <1@acme.example>
Date: Mon, 1 Jun 2026 00:00:00 +0000
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

Hello Bob.
.
From the line
`);

export function entity(bytes: Buffer): Entity {
  const read = readEntityBytes(bytes, DEFAULT_MIME_LIMITS);
  assert.ok(read.kind === 'entity');
  return read.value;
}

/** A message with an ordinary outer header around an entity. */
export async function messageAround(inner: Content, header = OUTER): Promise<Buffer> {
  return Buffer.concat([crlf(header), await bytesOf(inner)]);
}

export const OUTER = `From: Alice <alice@acme.example>
To: bob@bravo.example
Subject: outside
MIME-Version: 1.0
`;

export const OPEN: OpenOptions = {
  ownRecipients: OWN,
  unwrapper: { unwrap: async (request) => unwrap(request) },
  mayOpen: () => Promise.resolve(true),
  knownCertificates: [],
  limits: LIMITS,
};

export async function open(
  bytes: Buffer,
  options: Partial<OpenOptions> = {},
): Promise<OpenedMessage> {
  const read = await openLayers(bufferContent(bytes), { ...OPEN, ...options });
  assert.ok(read.kind === 'opened', read.kind === 'malformed' ? read.reason : '');
  return read.message;
}

/** Trusts what has a path to `root`, now. */
export const validate: JudgeOptions['validate'] = (leaf, others) => {
  const result = validatePath({
    leaf,
    intermediates: others,
    anchors: [root.certificate],
    time: NOW,
    purpose: 'email-sign',
  });
  return result.kind === 'valid' ? result : { kind: 'invalid', reason: result.reason };
};

export function judge(message: OpenedMessage, options: Partial<JudgeOptions> = {}): Verdict {
  const originators = [mailbox('alice@acme.example')];
  return judgeLayers(message, { originators, validate, naming: {}, ...options });
}
