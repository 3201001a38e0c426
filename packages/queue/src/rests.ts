import type { Entry } from './destination-gate.ts';

const FIRST_GUESS_MS = 200;
const MIN_SPACING_MS = 10;
const MAX_REST_MS = 5 * 60_000;
const MAX_DESTINATIONS = 10_000;

interface Pace {
  averageMs: number;
  running: number;
  nextAt: number;
}

/**
 * How long a job of a busy destination is put off: each one gets a later moment, as far apart as
 * the destination has lately finished work, so that a long queue is not taken up again and again.
 */
export class Rests {
  readonly #paces = new Map<string, Pace>();

  /** When the job should be asked about again. */
  next(
    destination: string,
    entry: Exclude<Entry, { readonly kind: 'entered' }>,
    now: number,
  ): number {
    const pace = this.#paceOf(destination);
    const ofWork = pace.averageMs / Math.max(1, pace.running);
    const spacing = Math.max(MIN_SPACING_MS, entry.kind === 'full' ? ofWork : entry.spacingMs);
    const earliest = entry.kind === 'full' ? now + spacing : entry.opensAt;
    pace.nextAt = Math.max(earliest, pace.nextAt + spacing);
    if (pace.nextAt > now + MAX_REST_MS) pace.nextAt = now + MAX_REST_MS;
    return pace.nextAt;
  }

  started(destination: string): void {
    this.#paceOf(destination).running += 1;
  }

  ended(destination: string, tookMs: number): void {
    const pace = this.#paceOf(destination);
    pace.running = Math.max(0, pace.running - 1);
    pace.averageMs = pace.averageMs * 0.8 + tookMs * 0.2;
  }

  #paceOf(destination: string): Pace {
    const known = this.#paces.get(destination);
    if (known !== undefined) return known;
    if (this.#paces.size >= MAX_DESTINATIONS) {
      for (const [name, pace] of this.#paces) if (pace.running === 0) this.#paces.delete(name);
    }
    const pace = { averageMs: FIRST_GUESS_MS, running: 0, nextAt: 0 };
    this.#paces.set(destination, pace);
    return pace;
  }
}
