import { argon2, hkdfSync, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Secret } from '@sallyport/log';
import { z } from 'zod';
import { base64Schema } from '../protocols/values.ts';
import { KeyFileFault } from './key-file-fault.ts';

const argon2Async = promisify(argon2);
const OTHERS = 0o077;
const MAX_SECRET_FILE_BYTES = 4 * 1024;
const MIN_CREDENTIAL_BYTES = 32;
const MIN_PASSPHRASE_CHARS = 12;
const KEY_BYTES = 32;
const SALT_BYTES = 32;
/** Derived masters that are kept while a folder is read: all its files have one salt, as a rule. */
const MAX_MASTERS = 8;

/** What this release seals with: the second recommended option (RFC 9106 section 4). */
const ARGON2_COST = { memoryKiB: 65_536, passes: 3, lanes: 4 } as const;

/** Where the secret comes from that the key files are sealed under. */
export const sealSourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('credential').describe('random bytes, as LoadCredential of systemd hands over'),
    credentialFile: z.string().min(1).max(4_096).describe('at least 32 bytes; mode 0600'),
  }),
  z.strictObject({
    kind: z.literal('passphrase').describe('a passphrase, made into a key by argon2id'),
    passphraseFile: z.string().min(1).max(4_096).describe('its first line counts; mode 0600'),
  }),
]);
export type SealSource = z.infer<typeof sealSourceSchema>;

const salt = base64Schema(64).min(24);

/**
 * How the key of one sealed file is derived. The costs are bounded when read: a file put there by
 * somebody else must not make the keyholder fill its memory or stand still.
 */
export const sealDerivationSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('credential'), salt }),
  z.strictObject({
    kind: z.literal('argon2id'),
    memoryKiB: z.int().min(19_456).max(262_144),
    passes: z.int().min(2).max(8),
    lanes: z.int().min(1).max(4),
    /** Shared by the files of a folder, so that argon2id is paid once and not for each file. */
    masterSalt: salt,
    salt,
  }),
]);
export type SealDerivation = z.infer<typeof sealDerivationSchema>;
type Argon2Derivation = Extract<SealDerivation, { kind: 'argon2id' }>;

/** The secret that key files are sealed under, and the keys derived from it. */
export class SealingSecret {
  readonly #kind: SealSource['kind'];
  readonly #secret: Secret;
  readonly #masters = new Map<string, Promise<Secret>>();

  private constructor(kind: SealSource['kind'], secret: Secret) {
    this.#kind = kind;
    this.#secret = secret;
  }

  /** @throws KeyFileFault naming a file that is not there, open to others, or too short. */
  static async load(source: SealSource): Promise<SealingSecret> {
    if (source.kind === 'credential') {
      const bytes = await readSecretFile(source.credentialFile);
      if (bytes.length >= MIN_CREDENTIAL_BYTES)
        return new SealingSecret(source.kind, new Secret(bytes));
      throw new KeyFileFault(
        `${source.credentialFile} is shorter than ${MIN_CREDENTIAL_BYTES} bytes`,
      );
    }
    const text = (await readSecretFile(source.passphraseFile)).toString('utf8');
    const [line = ''] = text.split(/\r?\n/, 1);
    if (line.length >= MIN_PASSPHRASE_CHARS) {
      return new SealingSecret(source.kind, new Secret(Buffer.from(line.normalize('NFC'))));
    }
    throw new KeyFileFault(
      `the passphrase in ${source.passphraseFile} is shorter than ${MIN_PASSPHRASE_CHARS} characters`,
    );
  }

  /** How a further file is sealed; `like` is how another one of the same folder is. */
  newDerivation(like: SealDerivation | null): SealDerivation {
    const fresh = () => randomBytes(SALT_BYTES).toString('base64');
    if (this.#kind === 'credential') return { kind: 'credential', salt: fresh() };
    const masterSalt = like !== null && hasPresentCost(like) ? like.masterSalt : fresh();
    return { kind: 'argon2id', ...ARGON2_COST, masterSalt, salt: fresh() };
  }

  /** @throws KeyFileFault if the file was sealed under a secret of the other kind. */
  async key(derivation: SealDerivation): Promise<Buffer> {
    if ((derivation.kind === 'argon2id') !== (this.#kind === 'passphrase')) {
      const kind = derivation.kind === 'argon2id' ? 'a passphrase' : 'a credential file';
      throw new KeyFileFault(`was sealed under ${kind}, and the config names another kind`);
    }
    const master = derivation.kind === 'argon2id' ? await this.#master(derivation) : this.#secret;
    const fileSalt = Buffer.from(derivation.salt, 'base64');
    const info = 'sallyport sealed key';
    return Buffer.from(hkdfSync('sha256', master.reveal(), fileSalt, info, KEY_BYTES));
  }

  #master(derivation: Argon2Derivation): Promise<Secret> {
    const { memoryKiB, passes, lanes, masterSalt } = derivation;
    const name = [memoryKiB, passes, lanes, masterSalt].join(' ');
    const known = this.#masters.get(name);
    if (known !== undefined) return known;
    if (this.#masters.size >= MAX_MASTERS) this.#masters.clear();
    const made = argon2Async('argon2id', {
      message: this.#secret.reveal(),
      nonce: Buffer.from(masterSalt, 'base64'),
      memory: memoryKiB,
      passes,
      parallelism: lanes,
      tagLength: KEY_BYTES,
    }).then((bytes) => new Secret(bytes));
    this.#masters.set(name, made);
    return made;
  }
}

function hasPresentCost(like: SealDerivation): like is Argon2Derivation {
  return (
    like.kind === 'argon2id' &&
    like.memoryKiB === ARGON2_COST.memoryKiB &&
    like.passes === ARGON2_COST.passes &&
    like.lanes === ARGON2_COST.lanes
  );
}

/** @throws KeyFileFault */
async function readSecretFile(path: string): Promise<Buffer> {
  return await readPrivateFile(path, MAX_SECRET_FILE_BYTES);
}

/**
 * A file that its owner alone may read.
 *
 * @throws KeyFileFault if it is not there, longer than `maxBytes`, or open to others.
 */
export async function readPrivateFile(path: string, maxBytes: number): Promise<Buffer> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new KeyFileFault(`${path} cannot be read (${error.code})`);
  });
  const { mode, size } = found;
  // A pipe in its place would be read for ever.
  if (!found.isFile()) throw new KeyFileFault(`${path} is not a file`);
  if ((mode & OTHERS) !== 0) {
    throw new KeyFileFault(`${path} is open to others: its mode must be 0600`);
  }
  if (size > maxBytes) throw new KeyFileFault(`${path} is longer than ${maxBytes} bytes`);
  return await readFile(path);
}
