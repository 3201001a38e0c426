import type { QueueId } from '@sallyport/mail';

/** Messages that may wait for their turn before those who bring more are asked to wait. */
const ROOM = 64;
/** Nobody waits longer: what is accepted is safe, however long the line is. */
const LONGEST_WAIT_MS = 1_000;
/** A message of which nothing was heard is somebody else's work, or put off. */
const FORGET_MS = 60_000;

/**
 * Slows those who bring mail faster than it is worked on, so that it waits where it came from and
 * not here: the answer to a hint comes when there is room, or after a second.
 */
export class Backlog {
  readonly #waiting = new Map<QueueId, number>();
  readonly #answers: (() => void)[] = [];

  /** Resolves when the next message may come. `now` is any clock in milliseconds. */
  async room(id: QueueId, now: number): Promise<void> {
    this.#forget(now);
    this.#waiting.set(id, now);
    if (this.#waiting.size <= ROOM) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answers.push(resolve);
    const timer = setTimeout(() => {
      this.#answers.splice(this.#answers.indexOf(resolve), 1);
      resolve();
    }, LONGEST_WAIT_MS);
    await promise;
    clearTimeout(timer);
  }

  /** Its turn has come: one of those who wait may bring the next. */
  started(id: QueueId): void {
    if (this.#waiting.delete(id)) this.#answers.shift()?.();
  }

  #forget(now: number): void {
    for (const [id, since] of this.#waiting) {
      if (now - since < FORGET_MS) return;
      this.#waiting.delete(id);
    }
  }
}
