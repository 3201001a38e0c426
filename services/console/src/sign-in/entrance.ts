import {
  type Account,
  type AccountEvent,
  AccountStore,
  type Accounts,
  type Changed,
  findAccount,
  PasswordHasher,
  type Plan,
} from '@sallyport/accounts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DeskPorts } from '../desk/desk.ts';
import { clearCookie, cookieOf, setCookie } from './cookies.ts';
import { Delays, networkOf } from './delays.ts';
import { isFresh, type Session, Sessions, type SignInMethod } from './sessions.ts';
import { Tickets } from './ticket.ts';

const STEP_MS = 5 * 60_000;
const DEVICE_DAYS = 90;
const DAY_S = 86_400;
/** Twenty people behind one address may each mistype once. */
const FREE_TRIES_OF_ADDRESS = 20;
const LONGEST_OF_ADDRESS_MS = 15 * 60_000;
const FREE_TRIES_OF_ACCOUNT = 6;
const LONGEST_OF_ACCOUNT_MS = 60_000;
const FREE_TRIES_OF_DEVICE = 10;

/** What a browser carries from one step of signing in to the next. */
export interface Step {
  /** Who has shown the right password already; null: nobody yet. */
  readonly accountId: string | null;
  readonly next: string;
  /** What a passkey is to sign; null: none was asked for. */
  readonly challenge: string | null;
  readonly use: 'sign-in' | 'register';
}

/** Everything that signing in works with. */
export interface Entrance {
  readonly ports: DeskPorts;
  readonly store: AccountStore;
  readonly sessions: Sessions;
  /** Strangers and those who were here before do not wait for each other. */
  readonly hashers: { readonly stranger: PasswordHasher; readonly known: PasswordHasher };
  readonly delays: {
    readonly address: Delays;
    readonly account: Delays;
    readonly device: Delays;
  };
  readonly steps: Tickets<Step>;
  readonly devices: Tickets<{ readonly accountId: string }>;
  /** Challenges that opened a session: none opens a second one. */
  readonly spent: SpentOnce;
  /** `https://host[:port]`, and the host alone: the relying party of passkeys. */
  readonly origin: string;
  readonly host: string;
}

export function createEntrance(ports: DeskPorts): Entrance {
  const { origin, hostname } = new URL(ports.options.publicUrl);
  return {
    ports,
    store: new AccountStore(ports.options.folders.accounts),
    sessions: new Sessions(),
    hashers: {
      stranger: new PasswordHasher({ atOnce: 1, maxWaiting: 16 }),
      known: new PasswordHasher({ atOnce: 1, maxWaiting: 16 }),
    },
    delays: {
      address: new Delays({ free: FREE_TRIES_OF_ADDRESS, longestMs: LONGEST_OF_ADDRESS_MS }),
      account: new Delays({ free: FREE_TRIES_OF_ACCOUNT, longestMs: LONGEST_OF_ACCOUNT_MS }),
      device: new Delays({ free: FREE_TRIES_OF_DEVICE, longestMs: LONGEST_OF_ADDRESS_MS }),
    },
    steps: new Tickets('step', STEP_MS),
    devices: new Tickets('device', DEVICE_DAYS * DAY_S * 1_000),
    spent: new SpentOnce(),
    origin,
    host: hostname,
  };
}

const MAX_SPENT = 10_000;

/** Remembers what may count only once; the oldest are too old to count by themselves. */
export class SpentOnce {
  readonly #spent = new Set<string>();

  /** @returns false if it was spent before. */
  spend(value: string): boolean {
    if (this.#spent.has(value)) return false;
    this.#spent.add(value);
    const [oldest] = this.#spent;
    if (this.#spent.size > MAX_SPENT && oldest !== undefined) this.#spent.delete(oldest);
    return true;
  }
}

/** Somebody who is signed in: their session and their account as it is now. */
export interface SignedIn {
  readonly session: Session;
  readonly account: Account;
  readonly isFresh: boolean;
}

/** Who holds the cookie of a session that has not ended; null: nobody. */
export async function signedIn(
  entrance: Entrance,
  request: FastifyRequest,
): Promise<SignedIn | null> {
  const now = entrance.ports.clock.now();
  const cookie = cookieOf(request, 'session');
  const session = entrance.sessions.find(cookie, now);
  if (session === null) return null;
  const account = findAccount(await entrance.store.read(), { id: session.accountId });
  if (account === null || account.disabled || account.epoch !== session.epoch) {
    entrance.sessions.end(cookie);
    return null;
  }
  return { session, account, isFresh: isFresh(session, now) };
}

interface Admission {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly account: Account;
  readonly method: SignInMethod;
}

/**
 * Lets somebody in: a new session under a new secret, whatever the browser held before, so that
 * nobody can have somebody sign in to a session that they know (fixation).
 */
export async function admit(
  entrance: Entrance,
  { request, reply, account, method }: Admission,
): Promise<void> {
  const { ports, sessions, delays, devices } = entrance;
  await ports.record({
    kind: 'console-signed-in',
    accountId: account.id,
    method,
    personal: { by: account.name, client: request.ip },
  });
  sessions.end(cookieOf(request, 'session'));
  const now = ports.clock.now();
  const agent = request.headers['user-agent'] ?? '';
  const value = sessions.begin({ account, method, address: request.ip, agent, now });
  setCookie(reply, 'session', { value });
  clearCookie(reply, 'step');
  const device = devices.issue({ accountId: account.id }, now);
  setCookie(reply, 'device', { value: device, maxAgeS: DEVICE_DAYS * DAY_S });
  delays.device.succeeded(account.id);
  if (method === 'password' || method === 'recovery-code') delays.account.succeeded(account.name);
}

export type RefusalReason =
  | 'wrong-password'
  | 'wrong-passkey'
  | 'wrong-recovery-code'
  | 'wrong-link'
  | 'too-many-tries'
  | 'provider'
  | 'no-role'
  | 'disabled';

/** Puts a refusal on record. */
export async function recordRefusal(
  entrance: Entrance,
  request: FastifyRequest,
  refusal: {
    readonly method: SignInMethod;
    readonly reason: RefusalReason;
    /** Null: none of that name. What was typed is not kept: it may be a password. */
    readonly account?: Account | null;
  },
): Promise<void> {
  const { method, reason, account } = refusal;
  await entrance.ports.record({
    kind: 'console-sign-in-refused',
    ...(account == null ? {} : { accountId: account.id }),
    method,
    reason,
    personal: { client: request.ip, ...(account == null ? {} : { account: account.name }) },
  });
}

/** How long this client must wait; it is told on record once a minute. */
export async function waitOf(
  entrance: Entrance,
  request: FastifyRequest,
  method: SignInMethod,
): Promise<number> {
  const now = entrance.ports.clock.now();
  const network = networkOf(request.ip);
  const waitMs = entrance.delays.address.waitMs(network, now);
  if (waitMs > 0 && entrance.delays.address.isToTell(network, now)) {
    await recordRefusal(entrance, request, { method, reason: 'too-many-tries' });
  }
  return waitMs;
}

/** Takes back what was counted for a client. */
export function forgiveClient(entrance: Entrance, request: FastifyRequest): void {
  entrance.delays.address.forgive(networkOf(request.ip));
}

/** Counts a failure of a client. */
export function failedFrom(entrance: Entrance, request: FastifyRequest): void {
  entrance.delays.address.failed(networkOf(request.ip), entrance.ports.clock.now());
}

/** Changes the accounts; each event is recorded with who gave the order. */
export async function changeAccounts<R>(
  entrance: Pick<Entrance, 'ports' | 'store'>,
  by: string,
  plan: (accounts: Accounts) => Plan<R>,
): Promise<Changed<R>> {
  return await entrance.store.change(plan, async (event: AccountEvent) => {
    await entrance.ports.record({ ...event, personal: { ...event.personal, by } });
  });
}
