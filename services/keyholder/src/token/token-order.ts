import type { KeyAlgorithm } from '@sallyport/ipc';
import type { TokenFaultKind } from './token-fault.ts';

/** The hash functions that a token signs with or takes off an OAEP padding with. */
export type TokenHash = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

/** RFC 8017 section 7.1. */
export interface TokenOaep {
  readonly hash: TokenHash;
  readonly mgf1Hash: TokenHash;
  readonly label: Uint8Array;
}

/** One use of the token, as it crosses to the thread that may stand still. */
export type TokenOrder =
  | { readonly kind: 'sign-pkcs1v15'; readonly uri: string; readonly digestInfo: Uint8Array }
  | {
      readonly kind: 'sign-pss';
      readonly uri: string;
      readonly hash: TokenHash;
      readonly digest: Uint8Array;
    }
  | { readonly kind: 'sign-ecdsa'; readonly uri: string; readonly digest: Uint8Array }
  /** Answered with the block, and 1 if its padding is still on it, else 0. */
  | {
      readonly kind: 'decrypt';
      readonly uri: string;
      readonly value: Uint8Array;
      readonly oaep: TokenOaep | null;
    }
  /** Answered with the shared secret. */
  | {
      readonly kind: 'agree';
      readonly uri: string;
      readonly point: Uint8Array;
      readonly secretBytes: number;
    }
  /** Answered with modulus and exponent, or with the DER of the curve's OID and the point. */
  | { readonly kind: 'public-key'; readonly uri: string }
  /** The same, of a key pair that is made. */
  | {
      readonly kind: 'generate';
      readonly uri: string;
      readonly algorithm: KeyAlgorithm;
      readonly use: 'sign' | 'receive';
    };

/** What the thread gets: an order, or word that something was changed or is at its end. */
export type ToThread =
  | { readonly kind: 'order'; readonly number: number; readonly order: TokenOrder }
  | { readonly kind: 'reload' }
  | { readonly kind: 'close' };

export type FromThread =
  | { readonly kind: 'done'; readonly number: number; readonly bytes: readonly Uint8Array[] }
  | {
      readonly kind: 'fault';
      readonly number: number;
      readonly fault: TokenFaultKind;
      readonly message: string;
    };

/** What the thread is started with. */
export interface ThreadOptions {
  readonly moduleFile: string;
  readonly pinFile: string;
  readonly sessions: number;
}
