import { headHash, type SignedHead } from '@sallyport/audit-log';
import type { Logger } from '@sallyport/log';
import { type Clock, rest } from '@sallyport/mail';
import type { NewestHead } from './newest-head.ts';
import type { Position } from './position.ts';
import type { Checkpoint, Target } from './target.ts';

const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 300_000;

/** What one target is served with. */
export interface ShipmentParts {
  readonly gatewayName: string;
  readonly heads: NewestHead;
  readonly target: Target;
  readonly position: Position;
  readonly everyMs: number;
  readonly firstBackoffMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The line that goes out; it names its gateway, for those who gather from many. */
export function checkpointOf(head: SignedHead, gatewayName: string): Checkpoint {
  const { size, root, time, previous, signature } = head;
  const text = JSON.stringify({
    gateway: gatewayName,
    head: { size, root, time, previous, signature },
  });
  return { size, time, hash: headHash(head), text };
}

/** Whether one target has the newest head. */
export class Shipment {
  readonly #parts: ShipmentParts;
  #failures = 0;
  #last: { readonly size: number; readonly hash: string } | null = null;

  constructor(parts: ShipmentParts) {
    this.#parts = parts;
  }

  /** Tries since the target last had what it should; 0 if it has. */
  get failures(): number {
    return this.#failures;
  }

  /** Where it goes, for people: without the path of a URL, which may hold a secret. */
  get place(): string {
    const { name } = this.#parts.target;
    return name.startsWith('https ') ? (name.split('/')[0] ?? name) : name;
  }

  /** Ships whenever there is a newer head, until the signal; an outage is waited out. */
  async run(signal: AbortSignal): Promise<void> {
    this.#last = await this.#parts.position.read();
    while (!signal.aborted) {
      const isDone = await this.#once().catch((cause: unknown) => {
        this.#parts.logger.error('audit-head.fault', { target: this.#parts.target.name, cause });
        return false;
      });
      this.#failures = isDone ? 0 : this.#failures + 1;
      await rest(this.#parts.clock, isDone ? this.#parts.everyMs : this.#backoffMs(), signal);
    }
  }

  #backoffMs(): number {
    const first = this.#parts.firstBackoffMs ?? FIRST_BACKOFF_MS;
    return Math.min(first * 2 ** Math.min(this.#failures - 1, 20), LONGEST_BACKOFF_MS);
  }

  /** @returns false if the newest head is not at the target. */
  async #once(): Promise<boolean> {
    const { target, logger, position, gatewayName } = this.#parts;
    const found = await this.#parts.heads.look();
    if (found.kind === 'none') return false;
    if (found.kind === 'unsigned') {
      logger.error('audit-head.not-signed', { target: target.name, segment: found.segment });
      return false;
    }
    const checkpoint = checkpointOf(found.head, gatewayName);
    if (checkpoint.hash === this.#last?.hash) return true;
    const { size } = checkpoint;
    if (this.#last !== null && size <= this.#last.size) {
      const advice = 'the log was cut or begun anew: sallyport audit verify --against a copy';
      logger.error('audit-head.went-back', { size, shippedSize: this.#last.size, advice });
    }
    const outcome = await target.ship(checkpoint);
    if (outcome.kind === 'away') {
      const { reason } = outcome;
      logger.warn('audit-head.not-shipped', { target: target.name, size, reason });
      return false;
    }
    this.#last = { size, hash: checkpoint.hash };
    logger.info('audit-head.shipped', { target: target.name, size });
    await position.write(this.#last);
    return true;
  }
}
