import {
  constants,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  privateDecrypt,
  randomBytes,
} from 'node:crypto';
import { CURVES, eccSharedInfo, WRAPS, x963Kdf } from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import type { KeyUnwrapper, OwnRecipient, UnwrapRequest } from '@sallyport/domsec';
import type { KeyPair } from './key-file.ts';

type Recipient = UnwrapRequest['recipient'];
type Ktri = Extract<Recipient, { kind: 'ktri' }>;
type Kari = Extract<Recipient, { kind: 'kari' }>;

const WRAP_IV = Buffer.alloc(8, 0xa6); // RFC 3394 section 2.2.3.1

/** Keys at hand as what `openLayers` asks: which certificates are ours, and who unwraps. */
export function offlineKeyring(pairs: readonly KeyPair[]): {
  readonly ownRecipients: readonly OwnRecipient[];
  readonly unwrapper: KeyUnwrapper;
} {
  const keys = new Map<string, KeyObject>();
  const ownRecipients = pairs.flatMap(({ file, privateKey, certificate }, index) => {
    if (certificate === null) return [];
    const keyId = keys.has(file) ? `${file}#${index + 1}` : file;
    keys.set(keyId, privateKey);
    return [{ keyId, certificate }];
  });
  const unwrap = async ({ keyId, keyBytes, recipient }: UnwrapRequest): Promise<Buffer> => {
    const key = keys.get(keyId);
    // A key that does not open ends in content that does not decrypt; nobody measures us here.
    return (
      (key === undefined ? null : unwrapWith(key, recipient, keyBytes)) ?? randomBytes(keyBytes)
    );
  };
  return { ownRecipients, unwrapper: { unwrap } };
}

function unwrapWith(key: KeyObject, recipient: Recipient, keyBytes: number): Buffer | null {
  try {
    const cek = recipient.kind === 'ktri' ? unwrapRsa(key, recipient) : unwrapEcdh(key, recipient);
    return cek.length === keyBytes ? cek : null;
  } catch {
    return null;
  }
}

function unwrapRsa(key: KeyObject, { algorithm, encryptedKey }: Ktri): Buffer {
  if (algorithm.kind === 'pkcs1v15') {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, encryptedKey);
  }
  const { hash, mgf1Hash, label } = algorithm;
  // Node takes one hash for both.
  if (hash !== mgf1Hash) return openOaep(key, encryptedKey, algorithm);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const oaep = { key, padding, oaepHash: hash, ...(label.length > 0 ? { oaepLabel: label } : {}) };
  return privateDecrypt(oaep, encryptedKey);
}

// RFC 8017 section 7.1.2 step 3. Offline nobody measures it, so it need not take constant time.
function openOaep(
  key: KeyObject,
  encryptedKey: Buffer,
  { hash, mgf1Hash, label }: Extract<Ktri['algorithm'], { kind: 'oaep' }>,
): Buffer {
  const encoded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, encryptedKey);
  const labelHash = createHash(hash).update(label).digest();
  const maskedSeed = encoded.subarray(1, 1 + labelHash.length);
  const maskedBlock = encoded.subarray(1 + labelHash.length);
  const seed = xor(maskedSeed, mgf1(maskedBlock, maskedSeed.length, mgf1Hash));
  const block = xor(maskedBlock, mgf1(seed, maskedBlock.length, mgf1Hash));
  const end = block.indexOf(1, labelHash.length);
  const isPadded =
    encoded[0] === 0 && end !== -1 && block.subarray(0, labelHash.length).equals(labelHash);
  if (!isPadded) throw new Error('the padding is not right');
  return block.subarray(end + 1);
}

function mgf1(seed: Buffer, length: number, hash: string): Buffer {
  const blocks: Buffer[] = [];
  for (let made = 0, counter = 0; made < length; counter += 1) {
    const octets = Buffer.alloc(4);
    octets.writeUInt32BE(counter);
    const block = createHash(hash).update(seed).update(octets).digest();
    blocks.push(block);
    made += block.length;
  }
  return Buffer.concat(blocks, length);
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((octet, index) => octet ^ (b[index] ?? 0)));
}

// RFC 5753 section 3.1.2
function unwrapEcdh(privateKey: KeyObject, recipient: Kari): Buffer {
  const wrap = WRAPS[recipient.wrap];
  const algorithm = der.sequence(der.oid(OID.ecPublicKey), der.oid(CURVES[recipient.curve].oid));
  const spki = der.sequence(algorithm, der.bitString(recipient.originatorPublicKey));
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const kek = x963Kdf({
    hash: recipient.kdfHash,
    shared: diffieHellman({ privateKey, publicKey }),
    sharedInfo: eccSharedInfo(der.sequence(der.oid(wrap.oid)), wrap.keyBytes, recipient.ukm),
    keyBytes: wrap.keyBytes,
  });
  const decipher = createDecipheriv(wrap.cipher, kek, WRAP_IV);
  return Buffer.concat([decipher.update(recipient.encryptedKey), decipher.final()]);
}
