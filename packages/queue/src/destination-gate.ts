import type { DestinationLimits, StartOptions } from './schedule.ts';

interface Gate {
  running: number;
  /** Rate: no start before this. */
  opensAt: number;
}

/** Whether one more job of a destination may start. */
export type Entry =
  | { readonly kind: 'entered' }
  | { readonly kind: 'full' }
  | { readonly kind: 'too-early'; readonly opensAt: number; readonly spacingMs: number };

const ENTERED: Entry = { kind: 'entered' };
const FULL: Entry = { kind: 'full' };
const MAX_IDLE_GATES = 10_000;

/** Concurrency and rate per destination, kept by the process that owns the work. */
export class DestinationGates {
  readonly #limitsOf: (destination: string) => DestinationLimits | null;
  readonly #gates = new Map<string, Gate>();

  constructor(perDestination: StartOptions['perDestination']) {
    this.#limitsOf =
      typeof perDestination === 'function' ? perDestination : () => perDestination ?? null;
  }

  /** Takes a slot of the destination, if there is one at this moment. */
  enter(destination: string, now: number): Entry {
    // Asked each time: a destination that is in trouble gets less than others.
    const limits = this.#limitsOf(destination);
    if (limits === null) return ENTERED;
    const gate = this.#gateOf(destination, now);
    if (gate.running >= limits.concurrency) return FULL;
    const { rate } = limits;
    const spacingMs = rate === undefined ? 0 : rate.perMs / rate.count;
    if (now < gate.opensAt) return { kind: 'too-early', opensAt: gate.opensAt, spacingMs };
    gate.running += 1;
    gate.opensAt = now + spacingMs;
    return ENTERED;
  }

  /** Gives the slot back. */
  leave(destination: string): void {
    const gate = this.#gates.get(destination);
    if (gate !== undefined) gate.running = Math.max(0, gate.running - 1);
  }

  #gateOf(destination: string, now: number): Gate {
    const known = this.#gates.get(destination);
    if (known !== undefined) return known;
    if (this.#gates.size >= MAX_IDLE_GATES) this.#forgetIdle(now);
    const gate = { running: 0, opensAt: 0 };
    this.#gates.set(destination, gate);
    return gate;
  }

  #forgetIdle(now: number): void {
    for (const [destination, gate] of this.#gates) {
      if (gate.running === 0 && gate.opensAt <= now) this.#gates.delete(destination);
    }
  }
}
