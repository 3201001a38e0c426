import { createHash, type KeyObject, verify } from 'node:crypto';
import { der, OID } from '@sallyport/der';
import { IpcRefused } from '@sallyport/ipc';
import type { Token } from './token.ts';
import { TokenFault } from './token-fault.ts';
import type { TokenOaep } from './token-order.ts';

type Digest = 'sha256' | 'sha384' | 'sha512';

const DIGEST_OIDS: Readonly<Record<Digest, string>> = {
  sha256: OID.sha256,
  sha384: OID.sha384,
  sha512: OID.sha512,
};

/** What is to be signed, and how. */
export interface TokenSigning {
  readonly scheme: 'pkcs1v15' | 'pss' | 'ecdsa';
  readonly digestAlgorithm: Digest;
  /** As node:crypto verifies it; ECDSA as two numbers of one length. */
  readonly verifyWith: Parameters<typeof verify>[2];
}

/** A private key on a token. Its public half comes from its certificate. */
export class TokenKey {
  readonly publicKey: KeyObject;
  readonly #token: Token;
  readonly #uri: string;

  constructor(parts: {
    readonly token: Token;
    readonly uri: string;
    readonly publicKey: KeyObject;
  }) {
    this.publicKey = parts.publicKey;
    this.#token = parts.token;
    this.#uri = parts.uri;
  }

  get asymmetricKeyType(): KeyObject['asymmetricKeyType'] {
    return this.publicKey.asymmetricKeyType;
  }

  get asymmetricKeyDetails(): KeyObject['asymmetricKeyDetails'] {
    return this.publicKey.asymmetricKeyDetails;
  }

  /**
   * Signs on the token; only the digest goes there. The signature is verified before it leaves, so
   * that neither another key of that name nor a fault of the device gets out (Lenstra's attack on CRT).
   *
   * @throws IpcRefused with `own-key-unavailable`: the mail waits.
   */
  async sign(bytes: Buffer, how: TokenSigning): Promise<Buffer> {
    const { digestAlgorithm, scheme } = how;
    const uri = this.#uri;
    const digest = createHash(digestAlgorithm).update(bytes).digest();
    const [signature = Buffer.alloc(0)] = await this.#token.use(
      scheme === 'pkcs1v15'
        ? { kind: 'sign-pkcs1v15', uri, digestInfo: digestInfo(digestAlgorithm, digest) }
        : scheme === 'pss'
          ? { kind: 'sign-pss', uri, hash: digestAlgorithm, digest }
          : { kind: 'sign-ecdsa', uri, digest },
    );
    if (verify(digestAlgorithm, bytes, how.verifyWith, signature)) return signature;
    const text = `the token's signature is not one of the key in the certificate (${uri})`;
    throw new IpcRefused('own-key-unavailable', text);
  }

  /**
   * RSADP on the token.
   *
   * @returns the block, and whether its padding is still on it; null if the token rejects the value.
   * @throws IpcRefused with `own-key-unavailable`: the mail waits.
   */
  async decrypt(
    value: Buffer,
    oaep: TokenOaep | null,
  ): Promise<{ readonly block: Buffer; readonly isPadded: boolean } | null> {
    try {
      const order = { kind: 'decrypt', uri: this.#uri, value, oaep } as const;
      const [block = Buffer.alloc(0), flag] = await this.#token.use(order);
      return { block, isPadded: flag?.[0] === 1 };
    } catch (error) {
      if (error instanceof TokenFault && error.kind === 'rejected') return null;
      throw error;
    }
  }

  /** The x-coordinate of ECDH (SEC 1 section 3.3.1). @throws IpcRefused with `own-key-unavailable` */
  async agree(point: Buffer, secretBytes: number): Promise<Buffer> {
    const [secret = Buffer.alloc(0)] = await this.#token.use({
      kind: 'agree',
      uri: this.#uri,
      point,
      secretBytes,
    });
    return secret;
  }
}

/** RFC 8017 section 9.2 step 2. */
function digestInfo(digestAlgorithm: Digest, digest: Buffer): Buffer {
  const identifier = der.sequence(der.oid(DIGEST_OIDS[digestAlgorithm]), der.null());
  return der.sequence(identifier, der.octetString(digest));
}
