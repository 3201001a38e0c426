import {
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto';
import { der, OID } from '@sallyport/der';
import type { UnwrapRecipient } from '@sallyport/ipc';

type Kari = Extract<UnwrapRecipient, { kind: 'kari' }>;

const CURVES = {
  p256: { oid: OID.p256, nodeName: 'prime256v1', fieldBytes: 32 },
  p384: { oid: OID.p384, nodeName: 'secp384r1', fieldBytes: 48 },
} as const;
const WRAPS = {
  aes128: { oid: OID.aes128Wrap, cipher: 'id-aes128-wrap', keyBytes: 16 },
  aes192: { oid: OID.aes192Wrap, cipher: 'id-aes192-wrap', keyBytes: 24 },
  aes256: { oid: OID.aes256Wrap, cipher: 'id-aes256-wrap', keyBytes: 32 },
} as const;
const WRAP_IV = Buffer.alloc(8, 0xa6); // RFC 3394 section 2.2.3.1
const WRAP_OVERHEAD_BYTES = 8;

/** What ECDH and the wrap need: the facts of the recipientInfo as bytes. */
export interface KariFacts {
  readonly recipient: Kari;
  readonly keyBytes: number;
}

/**
 * Opens an ECDH encryptedKey (RFC 5753 section 3.1.2): point check, X9.63 KDF, AES unwrap.
 *
 * @throws Error if anything fails; the caller makes a rejection of it.
 */
export function unwrapEcdh(privateKey: KeyObject, { recipient, keyBytes }: KariFacts): Buffer {
  const curve = CURVES[recipient.curve];
  if (privateKey.asymmetricKeyDetails?.namedCurve !== curve.nodeName) {
    throw new Error('the key is of another curve');
  }
  const wrap = WRAPS[recipient.wrap];
  const encryptedKey = Buffer.from(recipient.encryptedKey, 'base64');
  if (encryptedKey.length !== keyBytes + WRAP_OVERHEAD_BYTES) {
    throw new Error('the wrapped key has another length');
  }
  const point = Buffer.from(recipient.originatorPublicKey, 'base64');
  const shared = diffieHellman({ privateKey, publicKey: importPoint(point, recipient.curve) });
  if (shared.every((byte) => byte === 0)) throw new Error('the shared secret is all zero');
  const kek = deriveX963(shared, {
    hash: recipient.kdf.hash,
    sharedInfo: composeSharedInfo(recipient),
    length: wrap.keyBytes,
  });
  const decipher = createDecipheriv(wrap.cipher, kek, WRAP_IV);
  return Buffer.concat([decipher.update(encryptedKey), decipher.final()]);
}

/** RFC 5753 section 7.2: uncompressed or compressed, never hybrid. OpenSSL checks that it is on the curve. */
function importPoint(point: Buffer, name: keyof typeof CURVES): KeyObject {
  const { oid, fieldBytes } = CURVES[name];
  const compressed = point.length === 1 + fieldBytes && (point[0] === 2 || point[0] === 3);
  const uncompressed = point.length === 1 + 2 * fieldBytes && point[0] === 4;
  if (!compressed && !uncompressed) throw new Error('the point has another form');
  const algorithm = der.sequence(der.oid(OID.ecPublicKey), der.oid(oid));
  const spki = der.sequence(algorithm, der.bitString(point));
  return createPublicKey({ key: spki, format: 'der', type: 'spki' });
}

/** RFC 5753 section 7.2 ECC-CMS-SharedInfo; an AES wrap has no parameters unless the message wrote NULL. */
function composeSharedInfo(recipient: Pick<Kari, 'wrap' | 'ukm' | 'wrapParameters'>): Buffer {
  const wrap = WRAPS[recipient.wrap];
  const parameters = recipient.wrapParameters === 'null' ? [der.null()] : [];
  const ukm =
    recipient.ukm === null
      ? []
      : [der.explicit(0, der.octetString(Buffer.from(recipient.ukm, 'base64')))];
  const bits = Buffer.alloc(4);
  bits.writeUInt32BE(wrap.keyBytes * 8);
  return der.sequence(
    der.sequence(der.oid(wrap.oid), ...parameters),
    ...ukm,
    der.explicit(2, der.octetString(bits)),
  );
}

/** SEC 1 section 3.6.1: Hash(Z || counter || SharedInfo), the counter from 1. */
function deriveX963(
  shared: Buffer,
  kdf: { readonly hash: string; readonly sharedInfo: Buffer; readonly length: number },
): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 1, made = 0; made < kdf.length; counter += 1) {
    const octets = Buffer.alloc(4);
    octets.writeUInt32BE(counter);
    const hash = createHash(kdf.hash).update(shared).update(octets).update(kdf.sharedInfo);
    const block = hash.digest();
    blocks.push(block);
    made += block.length;
  }
  return Buffer.concat(blocks, kdf.length);
}
