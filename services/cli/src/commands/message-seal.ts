import { once } from 'node:events';
import {
  type AeadName,
  authEnvelopedData,
  type CbcName,
  type DigestName,
  envelopedData,
  type KeyTransportName,
  type OaepHash,
  type RecipientCertificate,
  type RecipientOptions,
  type SignatureWish,
} from '@sallyport/cms';
import {
  assembleMessage,
  checkAuthorityName,
  type DomainSigner,
  type HeaderConfidentiality,
  MESSAGE_LIMITS,
  outerHeader,
  type SignatureTypeName,
  signedPayload,
  signMessage,
} from '@sallyport/domsec';
import type { Content } from '@sallyport/mail';
import { type Entity, pkcs7MimeEntity, readEntity } from '@sallyport/mime';
import { type Certificate, validatePath } from '@sallyport/pki';
import { readCertificates, readKeyPairs } from '../message/key-file.ts';
import { labelAttributes } from '../message/labels.ts';
import { offlineSigner } from '../message/signer.ts';
import { messageSource } from '../message/source.ts';
import { note } from './output.ts';
import { openInput, timeOf } from './read-input.ts';
import { Complaint } from './run.ts';

export interface MessageSignOptions {
  readonly key: readonly string[];
  readonly type: SignatureTypeName;
  readonly label?: string;
  readonly equivalentLabel?: readonly string[];
  readonly certificate?: string;
  readonly chain?: string;
  readonly profile: 'domsec' | 'compat';
  readonly protectHeaders: boolean;
  readonly headerConfidentiality?: HeaderConfidentiality;
  readonly digest?: DigestName;
  readonly pss?: boolean;
  readonly signerId: CertificateIdentifier;
  readonly time?: string;
}

/** How a certificate is named in the CMS object. */
type CertificateIdentifier = 'issuer-serial' | 'key-id';

const IDENTIFIERS = { 'issuer-serial': 'issuerAndSerial', 'key-id': 'subjectKeyId' } as const;

export interface MessageEncryptOptions {
  readonly to: readonly string[];
  readonly content: 'auto' | CbcName | AeadName;
  readonly keyTransport: KeyTransportName;
  readonly allowMlKem?: boolean;
  readonly oaepHash: OaepHash;
  readonly oaepMgf1Hash?: OaepHash;
  readonly oaepLabel?: string;
  readonly recipientId: CertificateIdentifier;
  readonly time?: string;
}

/** Puts a signature of one of the four types on the message of standard input. */
export async function runMessageSign(options: MessageSignOptions): Promise<number> {
  const { profile, protectHeaders, headerConfidentiality, type } = options;
  const headers = { protectHeaders, headerConfidentiality };
  const attributes = labelAttributes(options);
  const [first, ...others] = await signersOf(options);
  if (first === undefined) throw new Complaint('Name at least one key with --key.');
  const encapsulates = type !== 'originator';
  // compat is the domain's signature without its type; the other types cannot do without.
  const isPlain = profile === 'compat' && type === 'domain';
  if (profile === 'compat' && encapsulates && !isPlain) {
    throw new Complaint(`A signature of type ${type} encapsulates: use the profile domsec.`);
  }
  const message = await readMessage();
  const entity = await signMessage(message, [first, ...others], {
    profile,
    ...headers,
    limits: MESSAGE_LIMITS.mime,
    types: isPlain ? [] : [type],
    attributes,
  });
  return await writeOut(assembleMessage(outerHeader(message, headers), entity));
}

const ROLE = {
  originator: null,
  domain: 'domain',
  review: 'review',
  'additional-attributes': 'attribute',
} as const;

/** One signer for each key named; all sign side by side (RFC 3183 section 3.1.2). */
async function signersOf(options: MessageSignOptions): Promise<DomainSigner[]> {
  const time = timeOf(options.time);
  const given =
    options.certificate === undefined ? [] : await readCertificates(options.certificate);
  const more = options.chain === undefined ? [] : await readCertificates(options.chain);
  const role = ROLE[options.type];
  const signers: DomainSigner[] = [];
  for (const file of options.key) {
    const pair = (await readKeyPairs(file, given)).find((one) => one.certificate !== null);
    if (pair?.certificate === undefined || pair.certificate === null) {
      throw new Complaint(`No certificate fits the key in ${file}; name it with --certificate.`);
    }
    const { certificate, privateKey } = pair;
    const chain = [...given, ...more].filter((one) => one.fingerprint !== certificate.fingerprint);
    const named = role === null ? null : checkAuthorityName(certificate, role);
    if (named?.kind === 'mismatch') {
      note(`Partners will not count this as a ${options.type} signature: ${named.reason}.`);
    }
    const isRsa = privateKey.asymmetricKeyType === 'rsa';
    const wish: SignatureWish = {
      ...(options.digest === undefined ? {} : { digest: options.digest }),
      ...(options.pss === true && isRsa ? { rsaPadding: 'pss' } : {}),
    };
    const identifier = IDENTIFIERS[options.signerId];
    signers.push(offlineSigner({ certificate, privateKey, chain, time, wish, identifier }));
  }
  return signers;
}

/** Encrypts the message of standard input for every certificate named. */
export async function runMessageEncrypt(options: MessageEncryptOptions): Promise<number> {
  const time = timeOf(options.time);
  const recipients: Certificate[] = [];
  for (const file of options.to) recipients.push(await recipientOf(file, time));
  const [first, ...others] = recipients;
  if (first === undefined) throw new Complaint('Name at least one certificate with --to.');
  const message = await readMessage();
  const entity = await encrypt(
    signedPayload(message, { protectHeaders: false }),
    [first, ...others],
    options,
  );
  return await writeOut(assembleMessage(outerHeader(message), entity));
}

async function encrypt(
  payload: Content,
  recipients: readonly [RecipientCertificate, ...RecipientCertificate[]],
  options: MessageEncryptOptions,
): Promise<Content> {
  const algorithm = options.content === 'auto' ? 'aes256-cbc' : options.content;
  const how = recipientOptions(options);
  const name = 'smime.p7m';
  try {
    if (isCbc(algorithm)) {
      const cms = envelopedData(payload, recipients, { ...how, content: algorithm });
      return pkcs7MimeEntity(cms, { smimeType: 'enveloped-data', name });
    }
    const cms = await authEnvelopedData(payload, recipients, { ...how, content: algorithm });
    return pkcs7MimeEntity(cms, { smimeType: 'authEnveloped-data', name });
  } catch (error) {
    // The key cannot be used with this transport (see packages/cms checkRecipientKey).
    if (error instanceof RangeError) throw new Complaint(`Cannot encrypt: ${error.message}.`);
    throw error;
  }
}

function isCbc(name: CbcName | AeadName): name is CbcName {
  return name.endsWith('-cbc');
}

function recipientOptions(options: MessageEncryptOptions): RecipientOptions {
  const { keyTransport, oaepHash: hash, oaepMgf1Hash = hash, oaepLabel = '' } = options;
  return {
    keyTransport,
    allowMlKem: options.allowMlKem === true,
    oaep: { hash, mgf1Hash: oaepMgf1Hash, label: Buffer.from(oaepLabel, 'utf8') },
    identifier: IDENTIFIERS[options.recipientId],
  };
}

/** Naming the file is the approval: the certificate is its own anchor, period and usage are checked. */
async function recipientOf(file: string, time: Date): Promise<Certificate> {
  const [leaf] = await readCertificates(file);
  if (leaf === undefined) throw new Complaint(`${file} holds no certificate.`);
  const anchors = [leaf];
  const found = validatePath({ leaf, intermediates: [], anchors, time, purpose: 'email-encrypt' });
  if (found.kind === 'valid') return leaf;
  throw new Complaint(`The certificate in ${file} cannot be encrypted to: ${found.reason}.`);
}

async function readMessage(): Promise<Entity> {
  const source = await messageSource(await openInput('-'));
  const read = await readEntity(source.content, MESSAGE_LIMITS.mime);
  if (read.kind === 'entity') return read.value;
  throw new Complaint(`Standard input is no message: ${read.reason}.`);
}

/** Writes a message to standard output as fast as it is taken. */
export async function writeOut(content: Content): Promise<number> {
  for await (const chunk of content.open()) {
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  }
  return 0;
}
