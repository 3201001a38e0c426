import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Issued } from './ca.ts';
import { runOk } from './process.ts';

/** RFC 3183 section 3.2 to 3.4, values of the SignatureType attribute. */
export const SIGNATURE_TYPE = {
  originator: '1.2.840.113549.1.9.16.9.1',
  domain: '1.2.840.113549.1.9.16.9.2',
  additionalAttributes: '1.2.840.113549.1.9.16.9.3',
  review: '1.2.840.113549.1.9.16.9.4',
} as const;

/** Makes S/MIME entities as a partner's gateway would, with libcrypto and no code of ours. */
export interface CmsMaker {
  /** RFC 3183 section 3: the empty layer, a SignedData without signers. */
  empty(entity: Buffer): Promise<Buffer>;
  /** An opaque signature with these SignatureType values; none leaves the attribute out. */
  signed(entity: Buffer, signer: Issued, types: readonly string[]): Promise<Buffer>;
  /** `openssl cms -sign`: a signature without SignatureType, as every mail program makes. */
  plainlySigned(entity: Buffer, signer: Issued): Promise<Buffer>;
  /** `openssl cms -encrypt`, RSA PKCS #1 v1.5 and AES-256-CBC. */
  encrypted(entity: Buffer, recipientFile: string): Promise<Buffer>;
}

let built: Promise<string> | null = null;

async function build(folder: string): Promise<string> {
  const source = fileURLToPath(new URL('./cms-maker.c', import.meta.url));
  const program = join(folder, 'cms-maker');
  await runOk('gcc', ['-O0', '-o', program, source, '-lcrypto']);
  return program;
}

/** The entity of a CMS object (RFC 8551 section 3.2). */
export function pkcs7Entity(der: Buffer, smimeType: string): Buffer {
  const body = (der.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n');
  const header = [
    `Content-Type: application/pkcs7-mime; smime-type=${smimeType}; name="smime.p7m"`,
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename="smime.p7m"',
  ];
  return Buffer.from(`${header.join('\r\n')}\r\n\r\n${body}\r\n`, 'latin1');
}

/** Puts message header fields on top of an entity. */
export function withHeader(fields: readonly string[], entity: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${fields.join('\r\n')}\r\nMIME-Version: 1.0\r\n`), entity]);
}

/** Compiles the program; its working files lie in the folder. */
export async function makeCmsMaker(folder: string): Promise<CmsMaker> {
  built ??= build(folder);
  const program = await built;
  let count = 0;
  const through = async (
    entity: Buffer,
    call: (input: string, output: string) => Promise<unknown>,
  ): Promise<Buffer> => {
    count += 1;
    const [input, output] = [join(folder, `${count}.in`), join(folder, `${count}.out`)];
    await writeFile(input, entity);
    await call(input, output);
    return await readFile(output);
  };
  const { signing, encrypting } = openssl(through);
  return {
    empty: async (entity) =>
      pkcs7Entity(await through(entity, (i, o) => runOk(program, ['empty', i, o])), 'signed-data'),
    signed: async (entity, signer, types) => {
      const files = [signer.certificateFile, signer.keyFile];
      const der = await through(entity, (input, output) =>
        runOk(program, ['signed', input, output, ...files, ...types]),
      );
      return pkcs7Entity(der, 'signed-data');
    },
    plainlySigned: signing,
    encrypted: encrypting,
  };
}

type Through = (
  entity: Buffer,
  call: (input: string, output: string) => Promise<unknown>,
) => Promise<Buffer>;

function openssl(through: Through): {
  readonly signing: CmsMaker['plainlySigned'];
  readonly encrypting: CmsMaker['encrypted'];
} {
  const cms = (...args: readonly string[]): Promise<Buffer> => runOk('openssl', ['cms', ...args]);
  return {
    signing: async (entity, signer) => {
      const key = ['-signer', signer.certificateFile, '-inkey', signer.keyFile];
      const how = ['-sign', '-binary', '-nodetach', '-outform', 'DER'];
      const der = await through(entity, (i, o) => cms(...how, ...key, '-in', i, '-out', o));
      return pkcs7Entity(der, 'signed-data');
    },
    encrypting: async (entity, recipientFile) => {
      const how = ['-encrypt', '-binary', '-aes-256-cbc', '-outform', 'DER'];
      const der = await through(entity, (i, o) => cms(...how, '-in', i, '-out', o, recipientFile));
      return pkcs7Entity(der, 'enveloped-data');
    },
  };
}
