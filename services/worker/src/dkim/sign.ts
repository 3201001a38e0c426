import { MESSAGE_LIMITS } from '@sallyport/domsec';
import type { DkimFields } from '@sallyport/ipc';
import { bufferContent, type Content, concatContent, loadSmall } from '@sallyport/mail';
import { readEntity } from '@sallyport/mime';
import { relaxedBodyHash } from './body-hash.ts';
import { signedFields } from './signed-fields.ts';

/** Makes one DKIM-Signature of our own domain. */
export interface DkimSigner {
  /** @returns the whole field with its final CRLF; null if the key has gone out of use. */
  sign(fields: DkimFields): Promise<string | null>;
}

/**
 * The message with a DKIM-Signature of each key on top. Nothing of it changes: what a partner or an
 * author signed stays as good as it was. The body is hashed once, for all keys.
 *
 * @throws Unavailable if the keyholder cannot be asked.
 */
export async function signDkim(message: Content, signers: readonly DkimSigner[]): Promise<Content> {
  if (signers.length === 0) return message;
  // What is encrypted on the way out is made once for the hash and for the file.
  const content = await loadSmall(message);
  const read = await readEntity(content, MESSAGE_LIMITS.mime);
  if (read.kind === 'malformed') return content;
  const chosen = signedFields(read.value.header);
  if (chosen === null) return content;
  const bodyHash = await relaxedBodyHash(read.value.body);
  const made: string[] = [];
  for (const signer of signers) {
    const field = await signer.sign({ bodyHash, ...chosen });
    if (field !== null) made.push(field);
  }
  return concatContent([bufferContent(Buffer.from(made.join(''), 'latin1')), content]);
}
