import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';

/** `previous` of the first head of a log. */
export const NO_PREVIOUS = '0'.repeat(64);

const hex = z.string().regex(/^[0-9a-f]{64}$/);

/** The signed statement that the log had `size` leaves with this root. */
export const signedHeadSchema = z.strictObject({
  size: z.int().nonnegative(),
  root: hex,
  time: z.iso.datetime(),
  /** `headHash` of the head before it, or `NO_PREVIOUS`. */
  previous: hex,
  /** Ed25519 over `headBytes`: 64 bytes in base64, the bits that are left over zero (RFC 4648 section 3.5). */
  signature: z.string().regex(/^[A-Za-z0-9+/]{85}[AQgw]==$/),
});
export type SignedHead = z.infer<typeof signedHeadSchema>;
export type HeadFacts = Omit<SignedHead, 'signature'>;

/** What is signed: one fact a line, under a name that no other signature of ours uses. */
export function headBytes(head: HeadFacts): Buffer {
  return Buffer.from(
    `sallyport audit head v1\n${head.size}\n${head.root}\n${head.time}\n${head.previous}\n`,
  );
}

/** How the next head names this one. */
export function headHash(head: HeadFacts): string {
  return createHash('sha256').update(headBytes(head)).digest('hex');
}

/** Signs a head with the log key (Ed25519, RFC 8032). */
export function signHead(head: HeadFacts, privateKey: KeyObject): SignedHead {
  return { ...head, signature: sign(null, headBytes(head), privateKey).toString('base64') };
}

/** True if the log key made the signature. */
export function verifyHead(head: SignedHead, publicKey: KeyObject): boolean {
  return verify(null, headBytes(head), publicKey, Buffer.from(head.signature, 'base64'));
}

/** As `verifyHead`, on another thread. */
export function verifyHeadBeside(head: SignedHead, publicKey: KeyObject): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const signature = Buffer.from(head.signature, 'base64');
  verify(null, headBytes(head), publicKey, signature, (error, isValid) => {
    if (error === null) resolve(isValid);
    else reject(error);
  });
  return promise;
}
