import { createHash } from 'node:crypto';
import type { DkimFields } from '@sallyport/ipc';
import type { LoadedKey } from './key-folder.ts';
import { signatureScheme } from './signature-scheme.ts';

const MAX_HASHED_BYTES = 512 * 1024;
const LINE_CHARS = 72;
const FOLD = '\r\n\t';

interface ComposedDkim {
  /** What the signature is over (RFC 6376 section 3.7). */
  readonly input: Buffer;
  /** @returns the signature, and the whole field with its final CRLF. */
  sign(): Promise<{ readonly signature: Buffer; readonly field: string }>;
}

/**
 * A DKIM-Signature of the key's own domain and selector, ready to be signed: relaxed/relaxed, no
 * `l=`. What is hashed always ends with that field, so it can be taken for nothing else.
 *
 * @returns why it cannot be made, if it cannot.
 */
export function composeDkim(
  { record, privateKey }: LoadedKey,
  { bodyHash, fields, absent }: DkimFields,
  now: Date,
): ComposedDkim | { readonly refusal: string } {
  const { domain, dkimSelector: selector } = record;
  if (selector === undefined) return { refusal: `key ${record.keyId} has no selector` };
  // RFC 6376 sections 5.4 and 8.15: it must be signed, and nobody may put another above it.
  if (![fields.map(({ name }) => name), absent].every(namesFrom)) {
    return { refusal: 'From must be signed, and no further From allowed' };
  }
  const isEdwards = record.algorithm === 'ed25519';
  const scheme = signatureScheme(privateKey, { digestAlgorithm: isEdwards ? 'sha512' : 'sha256' });
  if ('refusal' in scheme) return scheme;
  const names = [...fields.map(({ name }) => name), ...absent].map((name) => name.toLowerCase());
  const tags = [
    `v=1; a=${isEdwards ? 'ed25519' : 'rsa'}-sha256; c=relaxed/relaxed; d=${domain};`,
    `s=${selector}; t=${Math.floor(now.getTime() / 1_000)};`,
    `h=${foldedNames(names)};`,
    `bh=${bodyHash};`,
    'b=',
  ];
  const unsigned = tags.join(FOLD);
  const input = Buffer.from(
    `${fields.map(({ name, value }) => relaxed(name, value)).join('')}${relaxed('DKIM-Signature', unsigned.replaceAll('\r\n', '')).slice(0, -2)}`,
    'latin1',
  );
  if (input.length > MAX_HASHED_BYTES) return { refusal: 'the header fields are too long' };
  return {
    input,
    sign: async () => {
      // RFC 8463 section 3: Ed25519 signs the SHA-256 of it, as if that were the message.
      const signature = await scheme.sign(isEdwards ? sha256(input) : input);
      const text = signature.toString('base64').match(/.{1,72}/g) ?? [];
      return { signature, field: `DKIM-Signature: ${unsigned}${text.join(FOLD)}\r\n` };
    },
  };
}

function namesFrom(names: readonly string[]): boolean {
  return names.some((name) => name.toLowerCase() === 'from');
}

/** RFC 6376 section 3.4.2, for a value that is unfolded. */
function relaxed(name: string, value: string): string {
  const text = value.replace(/[ \t]+/g, ' ');
  const start = text.startsWith(' ') ? 1 : 0;
  const end = text.endsWith(' ') ? -1 : undefined;
  return `${name.toLowerCase()}:${text.slice(start, end)}\r\n`;
}

/** White space may stand before a name of the list (RFC 6376 section 3.5). */
function foldedNames(names: readonly string[]): string {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + name.length < LINE_CHARS) {
      lines[lines.length - 1] = `${last}:${name}`;
    } else lines.push(name);
  }
  return lines.join(`:${FOLD}`);
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
