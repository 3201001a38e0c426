import { createPrivateKey, type KeyObject } from 'node:crypto';
import { globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Certificate, parsePemCertificates } from '@sallyport/pki';
import { z } from 'zod';
import { sharedVectors } from '../harness/vectors.ts';
import { cmsBlocks } from './mutate-message.ts';

const FOLDER = fileURLToPath(new URL('./corpus/', import.meta.url));
const MAX_VECTOR_BYTES = 32 * 1024;
const MAX_VECTOR_FILES = 400;

/** Bytes to begin with, and the name to speak of them by. */
export interface Seed {
  readonly name: string;
  readonly bytes: Buffer;
}

/** A certificate of the corpus with its key. */
export interface CorpusIdentity {
  readonly name: string;
  readonly pemFile: string;
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

const originalsSchema = z.strictObject({
  signed: z.record(z.string(), z.array(z.string())),
  encrypted: z.array(z.string()),
});

/** What the seeds' makers signed and encrypted. */
export const ORIGINALS = originalsSchema.parse(
  JSON.parse(readFileSync(join(FOLDER, 'originals.json'), 'utf8')),
);

/** The certificates and keys of the corpus, in order of their names. */
export function corpusIdentities(): CorpusIdentity[] {
  return globSync('*.pem', { cwd: FOLDER })
    .sort()
    .map((file) => {
      const pemFile = join(FOLDER, file);
      const pem = readFileSync(pemFile, 'utf8');
      const [parsed] = parsePemCertificates(pem);
      if (parsed?.kind !== 'certificate') throw new Error(`${file} holds no certificate`);
      const name = basename(file, '.pem');
      return { name, pemFile, certificate: parsed.value, key: createPrivateKey(pem) };
    });
}

/** The whole messages of the corpus, in order of their names. */
export function corpusMessages(): Seed[] {
  const folder = join(FOLDER, 'seeds');
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}

/** The CMS objects in messages. */
export function cmsOf(messages: readonly Seed[]): Seed[] {
  return messages.flatMap(({ name, bytes }) =>
    cmsBlocks(bytes).map(({ der }) => ({ name, bytes: der })),
  );
}

/** Third-party files below a folder of `../shared/vectors`; none where that is not there. */
export function vectorSeeds(folder: string): Seed[] {
  const root = sharedVectors(folder);
  if (root === null) return [];
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => ({ name, path: join(root, name) }))
    .filter(({ path }) => statSync(path).isFile() && statSync(path).size <= MAX_VECTOR_BYTES)
    .slice(0, MAX_VECTOR_FILES)
    .map(({ name, path }) => ({ name: `vectors/${folder}/${name}`, bytes: readFileSync(path) }));
}

const PEM = /-----BEGIN (?:CMS|PKCS7|CERTIFICATE|X509 CRL)-----([^-]*)-----END/;

/** The object that a vector file holds: DER as it is, or what stands as base64 in PEM or MIME. */
export function objectsIn(seeds: readonly Seed[]): Seed[] {
  return seeds.flatMap(({ name, bytes }) => {
    if (bytes[0] === 0x30) return [{ name, bytes }];
    const pem = PEM.exec(bytes.toString('latin1'))?.[1];
    if (pem !== undefined) return [{ name, bytes: Buffer.from(pem, 'base64') }];
    return cmsBlocks(bytes).map(({ der }) => ({ name, bytes: der }));
  });
}
