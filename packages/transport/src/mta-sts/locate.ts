import type { FetchPorts } from '@sallyport/lookup';
import type { Clock, Domain } from '@sallyport/mail';
import { fetchMtaSts, type PolicyFault } from './fetch.ts';
import type { MtaStsPolicy } from './policy.ts';
import { readMtaStsId } from './record.ts';

/** RFC 8461 section 3.3: a policy is fetched anew about once a day, long before it expires. */
const REFRESH_MS = 24 * 3_600_000;
/** RFC 8461 section 3.3: a fetch that failed is not tried again for five minutes, by id. */
const REST_MS = 5 * 60_000;
const FETCH_MS = 15_000;
const MAX_FAILURES = 10_000;

/** A policy that was fetched, as it is kept. */
export interface KnownMtaSts {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly fetchedAt: number;
  readonly policy: MtaStsPolicy;
}

/** Keeps policies over a restart. */
export interface MtaStsStore {
  /** @returns `lost` with the reason if something is kept that cannot be read. */
  load(
    domain: Domain,
  ): Promise<
    | { readonly kind: 'known'; readonly known: KnownMtaSts }
    | { readonly kind: 'nothing' }
    | { readonly kind: 'lost'; readonly reason: string }
  >;
  save(domain: Domain, known: KnownMtaSts): Promise<void>;
  /** Every domain of which a policy is kept. */
  domains(): Promise<readonly Domain[]>;
}

interface Problem {
  readonly fault: PolicyFault;
  readonly reason: string;
}

/** What MTA-STS says of a domain now. */
export type MtaStsFinding =
  /** No policy, or one in mode none. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'policy';
      readonly policy: MtaStsPolicy;
      readonly id: string;
      /** Why it could not be refreshed; it counts all the same until it expires. */
      readonly problem: Problem | null;
    }
  /** A policy is announced, cannot be had, and none is known from before. */
  | ({ readonly kind: 'unavailable' } & Problem)
  /** What was known from before cannot be read back: nobody may act as if there were none. */
  | { readonly kind: 'lost'; readonly reason: string };

export interface MtaStsPorts extends FetchPorts {
  readonly clock: Clock;
  readonly store: MtaStsStore;
  /** RFC 8461 section 3.3: an admin is told where a refresh fails. */
  readonly onProblem: (domain: Domain, reason: string) => void;
}

interface Failure extends Problem {
  readonly id: string;
  readonly until: number;
}

/** Finds the policy of a domain: the record each time, the policy when the record or the day is new. */
export class MtaStsLocator {
  readonly #ports: MtaStsPorts;
  readonly #running = new Map<Domain, Promise<MtaStsFinding>>();
  readonly #failures = new Map<Domain, Failure>();

  constructor(ports: MtaStsPorts) {
    this.#ports = ports;
  }

  /**
   * What counts for mail to the domain now (RFC 8461 sections 3.3 and 5.1).
   *
   * @throws whatever the store throws.
   */
  locate(domain: Domain): Promise<MtaStsFinding> {
    const running = this.#running.get(domain);
    if (running !== undefined) return running;
    const started = this.#locate(domain).finally(() => this.#running.delete(domain));
    this.#running.set(domain, started);
    return started;
  }

  /** Looks at every policy that is kept: those older than a day are fetched anew. */
  async refreshAll(): Promise<void> {
    for (const domain of await this.#ports.store.domains()) await this.locate(domain);
  }

  async #locate(domain: Domain): Promise<MtaStsFinding> {
    const kept = await this.#ports.store.load(domain);
    const answer = await this.#ports.resolver.query(`_mta-sts.${domain}`, 'TXT');
    const id = answer.kind === 'answer' ? readMtaStsId(answer.records) : null;
    if (kept.kind === 'lost') return this.#replaceLost(domain, id ?? 'unknown', kept.reason);
    const now = this.#ports.clock.now().getTime();
    const live = kept.kind === 'known' && isLive(kept.known, now) ? kept.known : null;
    // RFC 8461 section 3.1: that the record is gone does not lift a policy that is known
    if (id === null) return live === null ? { kind: 'none' } : findingOf(live, null);
    if (live !== null && live.id === id && isFresh(live, now)) {
      return findingOf(live, null);
    }
    const fetched = await this.#fetch(domain, id);
    if ('policy' in fetched) return findingOf(fetched, null);
    return live === null ? { kind: 'unavailable', ...fetched } : findingOf(live, fetched);
  }

  /** Whether there is a record counts for nothing here: a policy was known, and nobody knows which. */
  async #replaceLost(domain: Domain, id: string, reason: string): Promise<MtaStsFinding> {
    const fetched = await this.#fetch(domain, id);
    return 'policy' in fetched ? findingOf(fetched, null) : { kind: 'lost', reason };
  }

  async #fetch(domain: Domain, id: string): Promise<KnownMtaSts | Problem> {
    const { clock, store, onProblem } = this.#ports;
    const before = this.#failures.get(domain);
    if (before !== undefined && before.id === id && before.until > clock.now().getTime()) {
      return { fault: before.fault, reason: before.reason };
    }
    const fetched = await fetchMtaSts(domain, this.#ports, AbortSignal.timeout(FETCH_MS));
    const now = clock.now().getTime();
    this.#failures.delete(domain);
    if (fetched.kind === 'policy') {
      const known = { id, fetchedAt: now, policy: fetched.policy };
      await store.save(domain, known);
      return known;
    }
    const { fault, reason } = fetched;
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= MAX_FAILURES && oldest !== undefined) this.#failures.delete(oldest);
    this.#failures.set(domain, { id, fault, reason, until: now + REST_MS });
    onProblem(domain, `${fault}: ${reason}`);
    return { fault, reason };
  }
}

function isLive({ fetchedAt, policy }: KnownMtaSts, now: number): boolean {
  // A clock that was set back must not lift a policy, nor make it last for ever.
  return Math.abs(now - fetchedAt) < policy.maxAgeSeconds * 1_000;
}

function isFresh({ fetchedAt }: KnownMtaSts, now: number): boolean {
  return fetchedAt <= now && now - fetchedAt < REFRESH_MS;
}

function findingOf({ id, policy }: KnownMtaSts, problem: Problem | null): MtaStsFinding {
  return policy.mode === 'none' ? { kind: 'none' } : { kind: 'policy', policy, id, problem };
}
