import type { EncryptionRow, KeyName, SignatureRow } from './rows.ts';

export type Form = 'detached' | 'opaque';
export type PeerName = 'openssl' | 'node' | 'gpgsm' | 'nss' | 'bouncy-castle';

/** A certificate and its key, as PEM files and DER. */
export interface Identity {
  readonly key: KeyName;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly der: Buffer;
}

/**
 * Somebody else's CMS. Every call gives what the program made of it; one that the program has no
 * way to do, or refuses, throws.
 */
export interface Peer extends AsyncDisposable {
  readonly name: PeerName;
  readonly version: string;
  /** @returns DER of SignedData. */
  sign(row: SignatureRow, signer: Identity, content: Buffer, form: Form): Promise<Buffer>;
  /** @returns the content that it verified. */
  verify(row: SignatureRow, cms: Buffer, content: Buffer, form: Form): Promise<Buffer>;
  /** @returns DER of EnvelopedData or AuthEnvelopedData. */
  encrypt(row: EncryptionRow, recipient: Identity, content: Buffer): Promise<Buffer>;
  decrypt(row: EncryptionRow, recipient: Identity, cms: Buffer): Promise<Buffer>;
}

/** What a peer has no way to say or to do: no outcome of a test, a blank in the table. */
export class NoPeer extends Error {
  override readonly name = 'NoPeer';
}
