import { once } from 'node:events';
import { authEnvelopedData, envelopedData, type RecipientCertificate } from '@sallyport/cms';
import {
  assembleMessage,
  checkAuthorityName,
  domainSign,
  outerHeader,
  signedPayload,
} from '@sallyport/domsec';
import type { Content } from '@sallyport/mail';
import { type Entity, pkcs7MimeEntity, readEntity } from '@sallyport/mime';
import { type Certificate, validatePath } from '@sallyport/pki';
import { readCertificates, readKeyPairs } from '../message/key-file.ts';
import { LIMITS } from '../message/limits.ts';
import { offlineSigner } from '../message/signer.ts';
import { messageSource } from '../message/source.ts';
import { note } from './output.ts';
import { readStandardInput, timeOf } from './read-input.ts';
import { Complaint } from './run.ts';

export interface MessageSignOptions {
  readonly key: string;
  readonly certificate?: string;
  readonly chain?: string;
  readonly profile: 'domsec' | 'compat';
  readonly protectHeaders: boolean;
  readonly time?: string;
}

export interface MessageEncryptOptions {
  readonly to: readonly string[];
  readonly content: 'auto' | 'aes128-cbc' | 'aes256-cbc' | 'aes128-gcm' | 'aes256-gcm';
  readonly keyTransport: 'auto' | 'rsa-pkcs1v15' | 'rsa-oaep' | 'ecdh';
  readonly time?: string;
}

/** Puts a domain signature on the message of standard input. */
export async function runMessageSign(options: MessageSignOptions): Promise<number> {
  const time = timeOf(options.time);
  const given =
    options.certificate === undefined ? [] : await readCertificates(options.certificate);
  const pair = (await readKeyPairs(options.key, given)).find((one) => one.certificate !== null);
  if (pair?.certificate === undefined || pair.certificate === null) {
    throw new Complaint(
      `No certificate fits the key in ${options.key}; name it with --certificate.`,
    );
  }
  const { certificate, privateKey } = pair;
  const more = options.chain === undefined ? [] : await readCertificates(options.chain);
  const chain = [...given, ...more].filter((one) => one.fingerprint !== certificate.fingerprint);
  const message = await readMessage();
  const signer = offlineSigner({ certificate, privateKey, chain, time });
  const { profile, protectHeaders } = options;
  const named = checkAuthorityName(certificate, 'domain');
  if (named.kind === 'mismatch')
    note(`Partners will not count this as a domain signature: ${named.reason}.`);
  const entity = await domainSign(message, signer, {
    profile,
    protectHeaders,
    limits: LIMITS.mime,
  });
  return await writeOut(assembleMessage(outerHeader(message), entity));
}

/** Encrypts the message of standard input for every certificate named. */
export async function runMessageEncrypt(options: MessageEncryptOptions): Promise<number> {
  const time = timeOf(options.time);
  const recipients: Certificate[] = [];
  for (const file of options.to) recipients.push(await recipientOf(file, time));
  const [first, ...others] = recipients;
  if (first === undefined) throw new Complaint('Name at least one certificate with --to.');
  const message = await readMessage();
  const entity = await encrypt(signedPayload(message, false), [first, ...others], options);
  return await writeOut(assembleMessage(outerHeader(message), entity));
}

async function encrypt(
  payload: Content,
  recipients: readonly [RecipientCertificate, ...RecipientCertificate[]],
  options: MessageEncryptOptions,
): Promise<Content> {
  const { content, keyTransport } = options;
  const name = 'smime.p7m';
  try {
    if (content === 'aes128-gcm' || content === 'aes256-gcm') {
      const cms = await authEnvelopedData(payload, recipients, { content, keyTransport });
      return pkcs7MimeEntity(cms, { smimeType: 'authEnveloped-data', name });
    }
    const algorithm = content === 'auto' ? 'aes256-cbc' : content;
    const cms = envelopedData(payload, recipients, { content: algorithm, keyTransport });
    return pkcs7MimeEntity(cms, { smimeType: 'enveloped-data', name });
  } catch (error) {
    // The key cannot be used with this transport (see packages/cms checkRecipientKey).
    if (error instanceof RangeError) throw new Complaint(`Cannot encrypt: ${error.message}.`);
    throw error;
  }
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
  const source = await messageSource(await readStandardInput());
  const read = await readEntity(source.content, LIMITS.mime);
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
