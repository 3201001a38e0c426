import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Issued } from './ca.ts';
import { type RunResult, run } from './process.ts';

/** What the OpenSSL command line finds in a message, without any code of ours. */
export interface Openssl {
  /** `openssl cms -decrypt`. */
  decrypt(message: Buffer, recipient: Issued): Promise<RunResult>;
  /** `openssl cms -verify`; `out` is the content that was signed. */
  verify(message: Buffer, caFile: string): Promise<RunResult & { readonly signer: string }>;
  /** `openssl cms -cmsout -print`. */
  print(message: Buffer): Promise<string>;
  /** `openssl asn1parse`, with the object's DER. */
  parse(der: Buffer, ...args: readonly string[]): Promise<RunResult>;
}

export function opensslIn(folder: string): Openssl {
  let count = 0;
  const save = async (bytes: Buffer): Promise<string> => {
    count += 1;
    const file = join(folder, `openssl-${count}`);
    await writeFile(file, bytes);
    return file;
  };
  return {
    decrypt: async (message, recipient) => {
      const key = ['-recip', recipient.certificateFile, '-inkey', recipient.keyFile];
      return await run('openssl', ['cms', '-decrypt', '-in', await save(message), ...key]);
    },
    verify: async (message, caFile) => {
      const signer = join(folder, `signer-${count}.pem`);
      const how = ['-CAfile', caFile, '-purpose', 'smimesign', '-signer', signer];
      const args = ['cms', '-verify', '-in', await save(message), ...how];
      return { ...(await run('openssl', args)), signer };
    },
    print: async (message) => {
      const args = ['cms', '-cmsout', '-print', '-noout', '-in', await save(message)];
      return String((await run('openssl', args)).stdout);
    },
    parse: async (der, ...args) =>
      await run('openssl', ['asn1parse', '-inform', 'DER', '-in', await save(der), ...args]),
  };
}

/** The header fields and the body of a message, taken apart at the first empty line. */
export function splitMessage(message: Buffer): { readonly header: string; readonly body: Buffer } {
  const at = message.indexOf('\r\n\r\n');
  return { header: message.subarray(0, at + 2).toString('latin1'), body: message.subarray(at + 4) };
}

/** A header field's value, unfolded; null if it is not there. */
export function fieldOf(message: Buffer, name: string): string | null {
  const header = splitMessage(message).header.replace(/\r\n[ \t]+/g, ' ');
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(header)?.[1]?.trim() ?? null;
}

/** The CMS object of an `application/pkcs7-mime` entity with base64. */
export function cmsOf(message: Buffer): Buffer {
  return Buffer.from(splitMessage(message).body.toString('latin1'), 'base64');
}
