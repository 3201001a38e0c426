import { randomBytes } from 'node:crypto';
import { type Account, hashSecret } from '@sallyport/accounts';

const ID_BYTES = 32;
const CSRF_BYTES = 24;
const IDLE_MS = 30 * 60_000;
const WHOLE_MS = 12 * 60 * 60_000;
/** How long after signing in somebody may do what matters most without proving it again. */
const FRESH_MS = 10 * 60_000;
const MAX_OF_ACCOUNT = 20;
const MAX_IN_ALL = 2_000;
const MAX_AGENT_CHARS = 200;

export type SignInMethod = 'password' | 'passkey' | 'recovery-code' | 'one-time-link' | 'oidc';

/** Somebody who is signed in, in one browser. */
export interface Session {
  /** For its owner to name it by; not what the browser holds. */
  readonly id: string;
  readonly accountId: string;
  /** Of the account when it began: another one now means that it has ended. */
  readonly epoch: number;
  readonly csrf: string;
  readonly method: SignInMethod;
  readonly signedInAt: Date;
  readonly address: string;
  /** What the browser says it is: a stranger's text. */
  readonly agent: string;
  lastSeenAt: Date;
}

export interface NewSession {
  readonly account: Account;
  readonly method: SignInMethod;
  readonly address: string;
  readonly agent: string;
  readonly now: Date;
}

/** Who is signed in. Only hashes of what the browsers hold are kept; a restart ends all. */
export class Sessions {
  readonly #sessions = new Map<string, Session>();

  /** Begins a session. @returns what the browser is to hold. */
  begin(of: NewSession): string {
    const { account, method, address, now } = of;
    this.#makeRoom(account.id, now);
    const secret = randomBytes(ID_BYTES).toString('base64url');
    const key = hashSecret(secret);
    this.#sessions.set(key, {
      id: key.slice(0, 16),
      accountId: account.id,
      epoch: account.epoch,
      csrf: randomBytes(CSRF_BYTES).toString('base64url'),
      method,
      signedInAt: now,
      address,
      agent: of.agent.slice(0, MAX_AGENT_CHARS),
      lastSeenAt: now,
    });
    return secret;
  }

  /** The session that a browser holds, if it has not ended; it was seen now. */
  find(secret: string | undefined, now: Date): Session | null {
    if (secret === undefined || secret.length > 2 * ID_BYTES) return null;
    const key = hashSecret(secret);
    const session = this.#sessions.get(key);
    if (session === undefined) return null;
    if (hasEnded(session, now)) {
      this.#sessions.delete(key);
      return null;
    }
    session.lastSeenAt = now;
    return session;
  }

  /** Ends the session that a browser holds. */
  end(secret: string | undefined): void {
    if (secret !== undefined) this.#sessions.delete(hashSecret(secret));
  }

  /** Ends one session of an account. @returns false if it has none of that id. */
  endOne(account: Account, id: string): boolean {
    for (const [key, session] of this.#sessions) {
      if (session.accountId !== account.id || session.id !== id) continue;
      return this.#sessions.delete(key);
    }
    return false;
  }

  /** What is signed in to an account, newest first. */
  of(account: Account, now: Date): Session[] {
    return [...this.#sessions.values()]
      .filter((one) => one.accountId === account.id && one.epoch === account.epoch)
      .filter((one) => !hasEnded(one, now))
      .sort((a, b) => b.signedInAt.getTime() - a.signedInAt.getTime());
  }

  #makeRoom(accountId: string, now: Date): void {
    for (const [key, session] of this.#sessions) {
      if (hasEnded(session, now)) this.#sessions.delete(key);
    }
    // Maps keep their order: the first ones are the oldest.
    const own = [...this.#sessions].filter(([, session]) => session.accountId === accountId);
    const tooMany = own.length - MAX_OF_ACCOUNT + 1;
    for (const [key] of own.slice(0, Math.max(0, tooMany))) this.#sessions.delete(key);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= MAX_IN_ALL && oldest !== undefined) this.#sessions.delete(oldest);
  }
}

function hasEnded({ lastSeenAt, signedInAt }: Session, now: Date): boolean {
  const time = now.getTime();
  return time - lastSeenAt.getTime() > IDLE_MS || time - signedInAt.getTime() > WHOLE_MS;
}

/** True if whoever holds it proved a short while ago who they are. */
export function isFresh({ signedInAt }: Session, now: Date): boolean {
  return now.getTime() - signedInAt.getTime() <= FRESH_MS;
}
