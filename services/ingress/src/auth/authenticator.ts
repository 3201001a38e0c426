import { Gate } from '@sallyport/mail';
import { matchesPassword, type PasswordHash, RECOMMENDED_COST } from '@sallyport/password';
import type { Authenticator, LoginOutcome } from '../smtp/types.ts';
import { FailureLimit } from './failure-limit.ts';
import type { Login } from './password-file.ts';

/** Limits of guessing. */
export interface LoginLimits {
  readonly hashesAtOnce: number;
  readonly maxWaiting: number;
  readonly failuresPerAddress: number;
  readonly failuresPerLogin: number;
  readonly windowMs: number;
}

export interface PasswordAuthenticatorOptions {
  /** The logins as the file has them now. */
  readonly logins: () => Promise<ReadonlyMap<string, Login>>;
  readonly limits: LoginLimits;
  readonly monotonicMs: () => number;
  /** Told of every outcome, for the audit log. */
  readonly onOutcome: (
    outcome: 'ok' | 'refused' | 'locked',
    who: { readonly login: string; readonly address: string },
  ) => void;
}

/** Checks passwords against argon2id hashes. */
export class PasswordAuthenticator implements Authenticator {
  readonly #options: PasswordAuthenticatorOptions;
  /** Each hash takes 64 MiB and a quarter of a second. */
  readonly #gate: Gate;
  readonly #perAddress: FailureLimit;
  readonly #perLogin: FailureLimit;

  constructor(options: PasswordAuthenticatorOptions) {
    this.#options = options;
    const { limits } = options;
    this.#gate = new Gate({ atOnce: limits.hashesAtOnce, maxWaiting: limits.maxWaiting });
    const { windowMs } = limits;
    this.#perAddress = new FailureLimit({ max: limits.failuresPerAddress, windowMs });
    this.#perLogin = new FailureLimit({ max: limits.failuresPerLogin, windowMs });
  }

  /** RFC 4954 section 6: 535 for wrong credentials, 454 where they were not even looked at. */
  async authenticate(request: {
    readonly login: string;
    readonly password: string;
    readonly address: string;
  }): Promise<LoginOutcome> {
    const { login, password, address } = request;
    const now = this.#options.monotonicMs();
    if (this.#perAddress.isReached(address, now) || this.#perLogin.isReached(login, now)) {
      this.#options.onOutcome('locked', { login, address });
      return { kind: 'refused', fault: 'authentication-busy' };
    }
    const logins = await this.#options.logins();
    const known = logins.get(login);
    // A login that does not exist costs the same time as one that does.
    const hash = known?.hash ?? decoy(logins);
    const matches = await this.#gate.run(() => matchesPassword(password, hash));
    if (matches === null) return { kind: 'refused', fault: 'authentication-busy' };
    if (!matches || known === undefined) return this.#failed(login, address);
    this.#perLogin.clear(login);
    this.#options.onOutcome('ok', { login, address });
    return { kind: 'ok', login };
  }

  #failed(login: string, address: string): LoginOutcome {
    const now = this.#options.monotonicMs();
    this.#perAddress.add(address, now);
    this.#perLogin.add(login, now);
    this.#options.onOutcome('refused', { login, address });
    return { kind: 'refused', fault: 'authentication-failed' };
  }
}

/** A hash that no password has, as dear as those of the file. */
function decoy(logins: ReadonlyMap<string, Login>): PasswordHash {
  const first = logins.values().next();
  const like = first.done === true ? null : first.value.hash;
  const { memoryKib, passes, parallelism } = like ?? RECOMMENDED_COST;
  return {
    memoryKib,
    passes,
    parallelism,
    salt: Buffer.alloc(16),
    tag: Buffer.alloc(like?.tag.length ?? 32),
  };
}
