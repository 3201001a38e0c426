import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  authEnvelopedData,
  checkSignerInfo,
  decryptContent,
  detachedSignedData,
  digestContent,
  type EnvelopedDataView,
  envelopedData,
  readCms,
  type SignerInfoParts,
  signedData,
} from '@sallyport/cms';
import { OID } from '@sallyport/der';
import { MESSAGE_LIMITS } from '@sallyport/domsec';
import { Secret } from '@sallyport/log';
import { bufferContent, type Content, readContent } from '@sallyport/mail';
import { type Certificate, parseCertificate } from '@sallyport/pki';
import { digestOf } from '../../../packages/cms/src/algorithms.ts';
import type { RecipientOptions } from '../../../packages/cms/src/recipient-writer.ts';
import { unwrapRequests } from '../../../packages/domsec/src/unwrap.ts';
import { fixedAttributes } from '../../../services/cli/src/gateway/signed-attributes.ts';
import { signatureScheme } from '../../../services/keyholder/src/signature-scheme.ts';
import { composeSignedAttributes } from '../../../services/keyholder/src/signed-attributes.ts';
import { unwrapContentKey } from '../../../services/keyholder/src/unwrap.ts';
import { recipientParams } from '../../../services/worker/src/shared/keyholder-client.ts';
import type { Form, Identity } from './peer.ts';
import type { EncryptionRow, Row, SignatureRow } from './rows.ts';

/** Our side: cms and domsec, with keyholder's code for what needs the private key. */
export interface Own {
  sign(row: SignatureRow, signer: Identity, content: Content, form: Form): Promise<Buffer>;
  /** @returns the content that was verified. @throws Error with the reason if it was not. */
  verify(row: SignatureRow, signer: Identity, cms: Buffer, content: Buffer): Promise<Buffer>;
  encrypt(row: EncryptionRow, recipient: Identity, content: Content): Promise<Buffer>;
  /** Null if the message could not be decrypted. */
  decrypt(row: EncryptionRow, recipient: Identity, cms: Buffer): Promise<Buffer | null>;
}

const secret = new Secret(randomBytes(32));
const certificates = new Map<Identity, Certificate>();
const keys = new Map<Identity, Promise<KeyObject>>();

function certificateOf(identity: Identity): Certificate {
  const known = certificates.get(identity);
  if (known !== undefined) return known;
  const parsed = parseCertificate(identity.der);
  if (parsed.kind !== 'certificate') throw new Error(parsed.reason);
  certificates.set(identity, parsed.value);
  return parsed.value;
}

function keyOf(identity: Identity): Promise<KeyObject> {
  const made =
    keys.get(identity) ?? readFile(identity.keyFile).then((pem) => createPrivateKey(pem));
  keys.set(identity, made);
  return made;
}

export const own: Own = {
  sign: async (row, signer, content, form) => {
    if (row.own === null) throw new Error(`we do not sign with ${row.id}`);
    const certificate = certificateOf(signer);
    const digestAlgorithm = digestOf(row.own);
    const digest = await digestContent(content, digestAlgorithm);
    const scheme = signatureScheme(await keyOf(signer), {
      digestAlgorithm,
      ...(row.isPss ? { rsaPadding: 'pss' as const } : {}),
    });
    if ('refusal' in scheme) throw new Error(scheme.refusal);
    const signedAttrs = composeSignedAttributes({
      digestAlgorithm,
      digest,
      protection: scheme.protection,
      signatureTypes: [],
      attributes: [],
      signingTime: new Date(),
      fixed: fixedAttributes(certificate, null),
    });
    const parts: SignerInfoParts = {
      sid: certificate,
      digestAlgorithm,
      signatureAlgorithm: scheme.name,
      signedAttrs,
      signature: await scheme.sign(signedAttrs),
    };
    return form === 'detached'
      ? detachedSignedData([parts], [certificate.der])
      : await readContent(signedData(content, [parts], [certificate.der]));
  },
  verify: async (row, signer, cms, content) => {
    const read = await readCms(bufferContent(cms), MESSAGE_LIMITS.cms);
    if (read.kind !== 'signed') throw new Error(`${row.title}: read as ${read.kind}`);
    const [info] = read.value.signerInfos;
    if (info === undefined) throw new Error(`${row.title}: nobody signed`);
    const covered = read.value.eContent ?? bufferContent(content);
    const check = await checkSignerInfo(info, certificateOf(signer), {
      contentType: read.value.eContentType,
      content: covered,
      digest: (name) => digestContent(covered, name),
      legacy: true,
    });
    if (check.kind !== 'valid') throw new Error(`${row.title}: ${check.reason}`);
    return await readContent(covered);
  },
  encrypt: async (row, recipient, content) => {
    const to = [certificateOf(recipient)] as const;
    const options = optionsOf(row);
    const { content: name } = row;
    switch (name) {
      case 'aes128-cbc':
      case 'aes192-cbc':
      case 'aes256-cbc':
        return await readContent(envelopedData(content, to, { content: name, ...options }));
      case 'des-ede3-cbc':
        throw new Error(`we do not encrypt with ${row.id}`);
      default: {
        const made = await authEnvelopedData(content, to, { content: name, ...options });
        return await readContent(made);
      }
    }
  },
  decrypt: async (_row, recipient, cms) => {
    const view = await readEnvelope(cms);
    const certificate = certificateOf(recipient);
    const [request] = unwrapRequests(view, { keyId: 'own', certificate });
    if (request === undefined) return null;
    const { keyId, keyBytes } = request;
    const question = { keyId, keyBytes, recipient: recipientParams(request) };
    const keysOfOurs = { privateKey: await keyOf(recipient), rejectionSecret: secret };
    const cek = unwrapContentKey(question, keysOfOurs);
    const opened = await decryptContent(view, cek, { legacy: true });
    return opened.kind === 'ok' ? await readContent(opened.content) : null;
  },
};

function optionsOf({ key, oaep }: EncryptionRow): RecipientOptions {
  if (oaep !== null) {
    const label = Buffer.from(oaep.label, 'hex');
    return { keyTransport: 'rsa-oaep', oaep: { ...oaep, label } };
  }
  return { keyTransport: key.startsWith('ml-kem') ? 'ml-kem' : 'auto' };
}

async function readEnvelope(cms: Buffer): Promise<EnvelopedDataView> {
  const read = await readCms(bufferContent(cms), MESSAGE_LIMITS.cms);
  if (read.kind !== 'enveloped' && read.kind !== 'auth-enveloped') {
    throw new Error(`read as ${read.kind}`);
  }
  return read.value;
}

/** True if the object holds what its row is about: peers choose for themselves what they may not be told. */
export async function usesRow(row: Row, cms: Buffer): Promise<boolean> {
  if (row.kind === 'signature') {
    const read = await readCms(bufferContent(cms), MESSAGE_LIMITS.cms);
    if (read.kind !== 'signed') return false;
    // Which algorithm it is the signature itself says; the digest is what a peer may choose.
    return read.value.signerInfos.every((info) => info.digestOid === OID[row.digest]);
  }
  const view = await readEnvelope(cms);
  if (row.kind === 'content') return view.contentEncryption.name === row.content;
  return view.recipients.every((info) => {
    if (info.kind === 'ktri' && row.oaep !== null) {
      const { algorithm } = info;
      const { hash, mgf1Hash, label } = row.oaep;
      return (
        algorithm.kind === 'oaep' &&
        algorithm.hash === hash &&
        algorithm.mgf1Hash === mgf1Hash &&
        algorithm.label.toString('hex') === label
      );
    }
    if (info.kind === 'ktri') return info.algorithm.kind === 'pkcs1v15';
    if (info.kind === 'kari') return info.kdf.hash === row.kdf;
    return info.kind !== 'unsupported';
  });
}
