import { constants, publicEncrypt, randomBytes } from 'node:crypto';
import { Secret } from '@sallyport/log';
import { type UnwrapQuestion, unwrapContentKey } from '../../services/keyholder/src/unwrap.ts';
import { CAST } from '../harness/smime-identities.ts';

const KEY_BYTES = 32;
const MODULUS_BYTES = 256;

type Encoder = () => Buffer;

/** RFC 8017 section 7.2.1: 0, 2, padding, 0, key; and what is not. */
function encoded(change: (bytes: Buffer) => void = () => {}): Buffer {
  const bytes = randomBytes(MODULUS_BYTES);
  for (let at = 2; at < MODULUS_BYTES; at += 1) if (bytes[at] === 0) bytes[at] = 1;
  bytes[0] = 0;
  bytes[1] = 2;
  bytes[MODULUS_BYTES - KEY_BYTES - 1] = 0;
  change(bytes);
  return bytes;
}

const ENCODERS: Readonly<Record<string, Encoder>> = {
  'right padding': () => encoded(),
  'wrong block type': () => encoded((bytes) => bytes.writeUInt8(1, 1)),
  'zero in the padding, key too long': () => encoded((bytes) => bytes.writeUInt8(0, 60)),
  'zero among the first eight': () => encoded((bytes) => bytes.writeUInt8(0, 5)),
  'no zero at all': () => encoded((bytes) => bytes.writeUInt8(7, MODULUS_BYTES - KEY_BYTES - 1)),
  'random octets': () => {
    const bytes = randomBytes(MODULUS_BYTES);
    bytes[0] = 0;
    return bytes;
  },
};

/** Questions to keyholder's own code, by what is in the encrypted key; RSAES-PKCS1-v1_5. */
export const UNWRAP_CLASSES: readonly {
  readonly name: string;
  readonly make: () => UnwrapQuestion;
}[] = Object.entries(ENCODERS).map(([name, encode]) => ({
  name,
  make: () => {
    const key = { key: CAST.dca.certificate.publicKey(), padding: constants.RSA_NO_PADDING };
    const encryptedKey = publicEncrypt(key, encode()).toString('base64');
    return {
      keyId: 'dca',
      keyBytes: KEY_BYTES,
      recipient: { kind: 'ktri', algorithm: { kind: 'pkcs1v15' }, encryptedKey },
    };
  },
}));

const keys = { privateKey: CAST.dca.key, rejectionSecret: new Secret(randomBytes(KEY_BYTES)) };

/** Asks keyholder's code once. */
export function askKeyholder(question: UnwrapQuestion): void {
  unwrapContentKey(question, keys);
}
