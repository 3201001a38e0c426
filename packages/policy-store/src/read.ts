/** Reading policy versions. Services get this; only console and cli may import `write`. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@sallyport/mail';
import { type PolicyDocument, parsePolicyDocument } from '@sallyport/policy';
import {
  ACTIVE_FILE,
  hashVersion,
  type PolicyVersion,
  versionFile,
  versionSchema,
} from './version.ts';

export type { PolicyVersion } from './version.ts';

/** The policy in force and how to name it in a record. */
export interface ActivePolicy {
  readonly version: number;
  readonly sha256: string;
  readonly policy: PolicyDocument;
}

/** A version that cannot be read or does not match its hash. Mail waits; it is never judged without. */
export class PolicyUnavailable extends Error {
  override readonly name = 'PolicyUnavailable';
}

/**
 * Reads one version and checks its hash.
 *
 * @throws PolicyUnavailable if it is missing, damaged, or not valid under the schema.
 */
export async function readVersion(folder: string, version: number): Promise<PolicyVersion> {
  const path = join(folder, versionFile(version));
  try {
    const parsed = versionSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    if (hashVersion(parsed) !== parsed.sha256 || parsed.version !== version) {
      throw new Error('the document does not match its hash');
    }
    return parsed;
  } catch (cause) {
    throw new PolicyUnavailable(`policy version ${version} cannot be used`, { cause });
  }
}

/**
 * The number of the version in force.
 *
 * @throws PolicyUnavailable if no version was ever activated.
 */
export async function activeVersion(folder: string): Promise<number> {
  try {
    const text = (await readFile(join(folder, ACTIVE_FILE), 'utf8')).trim();
    if (!/^\d{1,6}$/.test(text)) throw new Error('not a number');
    return Number.parseInt(text, 10);
  } catch (cause) {
    throw new PolicyUnavailable('no policy version is active', { cause });
  }
}

/** The policy in force, parsed. @throws PolicyUnavailable as above. */
export async function readActivePolicy(folder: string): Promise<ActivePolicy> {
  const stored = await readVersion(folder, await activeVersion(folder));
  const parsed = parsePolicyDocument(JSON.parse(stored.document));
  if (parsed.kind === 'invalid') {
    const first = parsed.faults[0];
    throw new PolicyUnavailable(
      `policy version ${stored.version}: ${first?.path} ${first?.reason}`,
    );
  }
  return { version: stored.version, sha256: stored.sha256, policy: parsed.policy };
}

const CHECK_EVERY_MS = 1_000;

/** Keeps the policy in force at hand and notices a new one within a second. */
export class PolicyReader {
  readonly #folder: string;
  readonly #clock: Clock;
  #active: ActivePolicy | null = null;
  #stamp = '';
  #checkedAt = 0;
  #loading: Promise<ActivePolicy> | null = null;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  /** @throws PolicyUnavailable while the version in force cannot be used. */
  async current(): Promise<ActivePolicy> {
    const now = this.#clock.now().getTime();
    const fresh = now - this.#checkedAt < CHECK_EVERY_MS && now >= this.#checkedAt;
    if (this.#active !== null && fresh) return this.#active;
    this.#loading ??= this.#reload(now).finally(() => {
      this.#loading = null;
    });
    return await this.#loading;
  }

  async #reload(now: number): Promise<ActivePolicy> {
    const stamp = await this.#readStamp();
    if (this.#active === null || stamp !== this.#stamp) {
      this.#active = null;
      this.#active = await readActivePolicy(this.#folder);
      this.#stamp = stamp;
    }
    this.#checkedAt = now;
    return this.#active;
  }

  async #readStamp(): Promise<string> {
    try {
      const { mtimeNs, ino } = await stat(join(this.#folder, ACTIVE_FILE), { bigint: true });
      return `${ino}:${mtimeNs}`;
    } catch (cause) {
      throw new PolicyUnavailable('no policy version is active', { cause });
    }
  }
}
