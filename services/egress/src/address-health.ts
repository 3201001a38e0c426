import { isIP } from 'node:net';
import type { Clock } from '@sallyport/mail';

const DEAD_MS = 10 * 60_000;
const MAX_ADDRESSES = 10_000;
/** So many addresses of a family in a row, and the family itself is taken to be without a way. */
const FAMILY_FAILURES = 3;

interface Place {
  readonly address: string;
  readonly port: number;
}

interface Family {
  failures: number;
  lastAt: number;
}

/**
 * The addresses that lately gave no answer. They are tried after the others, never left out: a
 * dead host, or a network without IPv6, costs its time once and not with every message.
 */
export class AddressHealth {
  readonly #clock: Clock;
  readonly #deadSince = new Map<string, number>();
  readonly #families = new Map<number, Family>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** No answer from there. */
  failed(place: Place): void {
    const now = this.#clock.now().getTime();
    const isNew = !this.#isDead(place, now);
    const [oldest] = this.#deadSince.keys();
    if (this.#deadSince.size >= MAX_ADDRESSES && oldest !== undefined) {
      this.#deadSince.delete(oldest);
    }
    this.#deadSince.set(keyOf(place), now);
    const name = isIP(place.address);
    const family = this.#families.get(name) ?? { failures: 0, lastAt: now };
    if (isNew) family.failures += 1;
    family.lastAt = now;
    this.#families.set(name, family);
  }

  reached(place: Place): void {
    this.#deadSince.delete(keyOf(place));
    this.#families.delete(isIP(place.address));
  }

  /** In the order given (RFC 5321 section 5.1), but what is likely to be in vain comes last. */
  ordered<Hop extends Place>(hops: readonly Hop[]): readonly Hop[] {
    const now = this.#clock.now().getTime();
    const rank = (hop: Hop): number => {
      if (this.#isDead(hop, now)) return 2;
      return this.#isFamilyDead(isIP(hop.address), now) ? 1 : 0;
    };
    return hops.toSorted((a, b) => rank(a) - rank(b));
  }

  #isDead(place: Place, now: number): boolean {
    const since = this.#deadSince.get(keyOf(place));
    return since !== undefined && now - since < DEAD_MS;
  }

  #isFamilyDead(name: number, now: number): boolean {
    const family = this.#families.get(name);
    if (family === undefined || now - family.lastAt >= DEAD_MS) return false;
    return family.failures >= FAMILY_FAILURES;
  }
}

function keyOf({ address, port }: Place): string {
  return `${address} ${port}`;
}
