/** Reading policy versions. Services get this; only console and cli may import `write`. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@sallyport/mail';
import { type PolicyDocument, parsePolicyDocument } from '@sallyport/policy';
import {
  hashStep,
  inForceAt,
  type NamedVersion,
  type PolicyStep,
  parseStepFile,
  stepFile,
  stepSchema,
} from './step.ts';
import {
  hashVersion,
  type PolicyVersion,
  parseVersionFile,
  versionFile,
  versionSchema,
} from './version.ts';

export { stateOf, type VersionState } from './history.ts';
export {
  inForceAt,
  type NamedVersion,
  type PolicyStep,
  plannedAt,
  type RehearsalSummary,
} from './step.ts';
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

/** The numbers of all versions, in order. */
export async function listVersions(folder: string): Promise<number[]> {
  return await numbersOf(folder, parseVersionFile);
}

async function numbersOf(
  folder: string,
  parse: (name: string) => number | null,
): Promise<number[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    throw new PolicyUnavailable('the policy folder cannot be read', { cause });
  }
  return names.flatMap((name) => parse(name) ?? []).sort((a, b) => a - b);
}

async function readStep(folder: string, step: number): Promise<PolicyStep> {
  try {
    const text = await readFile(join(folder, stepFile(step)), 'utf8');
    const parsed = stepSchema.parse(JSON.parse(text));
    if (hashStep(parsed) !== parsed.hash || parsed.step !== step) {
      throw new Error('the step does not match its hash');
    }
    return parsed;
  } catch (cause) {
    throw new PolicyUnavailable(`step ${step} of the policy cannot be used`, { cause });
  }
}

/**
 * Every step that was taken, oldest first.
 *
 * @throws PolicyUnavailable if one is missing, damaged, or does not follow the one before it.
 */
export async function readSteps(folder: string): Promise<PolicyStep[]> {
  const steps: PolicyStep[] = [];
  for (const number of await numbersOf(folder, parseStepFile)) {
    const step = await readStep(folder, number);
    const before = steps.at(-1);
    if (number !== steps.length + 1 || step.previous !== (before?.hash ?? null)) {
      throw new PolicyUnavailable(`step ${number} of the policy does not follow the one before it`);
    }
    steps.push(step);
  }
  return steps;
}

async function lastStep(folder: string): Promise<PolicyStep> {
  const number = (await numbersOf(folder, parseStepFile)).at(-1);
  if (number === undefined) throw new PolicyUnavailable('no policy version is active');
  return await readStep(folder, number);
}

function inForce(last: PolicyStep, now: Date): NamedVersion {
  const named = inForceAt(last, now);
  if (named === null) throw new PolicyUnavailable('no policy version is active');
  return named;
}

/**
 * The number of the version in force.
 *
 * @throws PolicyUnavailable if no version was ever activated.
 */
export async function activeVersion(folder: string, now: Date): Promise<number> {
  return inForce(await lastStep(folder), now).version;
}

/** The policy in force, parsed. @throws PolicyUnavailable as above. */
export async function readActivePolicy(folder: string, now: Date): Promise<ActivePolicy> {
  return await readPolicy(folder, inForce(await lastStep(folder), now));
}

/** One version, parsed. With a hash it must be that very document. */
async function readPolicy(
  folder: string,
  named: { readonly version: number; readonly sha256?: string },
): Promise<ActivePolicy> {
  const stored = await readVersion(folder, named.version);
  const { version, sha256 } = stored;
  if (named.sha256 !== undefined && named.sha256 !== sha256) {
    throw new PolicyUnavailable(`policy version ${version} is not what was put in force`);
  }
  const parsed = parsePolicyDocument(JSON.parse(stored.document));
  if (parsed.kind === 'invalid') {
    const first = parsed.faults[0];
    throw new PolicyUnavailable(`policy version ${version}: ${first?.path} ${first?.reason}`);
  }
  return { version, sha256, policy: parsed.policy };
}

/**
 * The policy of one version, for a look back; zero is the one in force.
 *
 * @returns null if it cannot be used any more.
 */
export async function policyByNumber(
  folder: string,
  number: number,
  now: Date,
): Promise<PolicyDocument | null> {
  try {
    const version = number === 0 ? await activeVersion(folder, now) : number;
    return (await readPolicy(folder, { version })).policy;
  } catch (error) {
    if (error instanceof PolicyUnavailable) return null;
    throw error;
  }
}

const CHECK_EVERY_MS = 1_000;
/** Versions by which mail on its way was decided. */
const MAX_KEPT_VERSIONS = 8;

/** Keeps the policy in force at hand and notices a new one within a second. */
export class PolicyReader {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #kept = new Map<number, Promise<ActivePolicy>>();
  #active: ActivePolicy | null = null;
  #last: PolicyStep | null = null;
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
    this.#loading ??= this.#reload(new Date(now)).finally(() => {
      this.#loading = null;
    });
    return await this.#loading;
  }

  /**
   * The version by which a message was decided, whatever is in force by now.
   *
   * @throws PolicyUnavailable if it cannot be used.
   */
  async version(number: number): Promise<ActivePolicy> {
    const active = await this.current();
    if (active.version === number) return active;
    const kept = this.#kept.get(number);
    if (kept !== undefined) return await kept;
    const loading = readPolicy(this.#folder, { version: number });
    this.#kept.set(number, loading);
    loading.catch(() => this.#kept.delete(number));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT_VERSIONS && oldest !== undefined) this.#kept.delete(oldest);
    return await loading;
  }

  async #reload(now: Date): Promise<ActivePolicy> {
    const number = (await numbersOf(this.#folder, parseStepFile)).at(-1);
    if (number === undefined) throw new PolicyUnavailable('no policy version is active');
    if (this.#last?.step !== number) {
      this.#last = null;
      this.#active = null;
      this.#last = await readStep(this.#folder, number);
    }
    const named = inForce(this.#last, now);
    if (this.#active?.version !== named.version) {
      this.#active = null;
      this.#active = await readPolicy(this.#folder, named);
    }
    this.#checkedAt = now.getTime();
    return this.#active;
  }
}
