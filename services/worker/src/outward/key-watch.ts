import type { Logger } from '@sallyport/log';
import type { Mailbox, QueueId } from '@sallyport/mail';
import type { AppliedPartner, TrustPolicy } from '@sallyport/policy';
import type { KeyChangeLog } from '../shared/key-change-log.ts';
import type { LookupPorts } from '../shared/lookup-ports.ts';
import { lookForKeyChange } from './certificates.ts';

/** A directory need not be asked more often for what an admin will look at. */
const WATCH_EVERY_MS = 60 * 60_000;
const MAX_WATCHED = 5_000;

/**
 * Looks, while mail goes to a pinned certificate, whether the partner shows another one by now. No
 * message waits for it, and none is treated otherwise: an admin decides.
 */
export class KeyWatch {
  readonly #lookup: LookupPorts;
  readonly #log: KeyChangeLog;
  readonly #logger: Logger;
  readonly #looked = new WeakMap<TrustPolicy, Map<string, number>>();

  constructor(options: {
    readonly lookup: LookupPorts;
    readonly keyChangeLog: KeyChangeLog;
    readonly logger: Logger;
  }) {
    this.#lookup = options.lookup;
    this.#log = options.keyChangeLog;
    this.#logger = options.logger;
  }

  /** Returns at once. */
  look(queueId: QueueId, recipient: Mailbox, applied: AppliedPartner): void {
    const now = this.#lookup.clock.now();
    if (!this.#isDue(recipient, applied, now)) return;
    lookForKeyChange(recipient, applied, this.#lookup, now)
      .then(async (changes) => {
        const { domain } = recipient;
        await this.#log.record(changes, { queueId, domain, rule: applied.rule });
      })
      .catch((cause: unknown) => this.#logger.warn('key-watch.failed', { queueId, cause }));
  }

  #isDue({ domain }: Mailbox, { trust }: AppliedPartner, now: Date): boolean {
    const looked = this.#looked.get(trust) ?? new Map<string, number>();
    this.#looked.set(trust, looked);
    const age = now.getTime() - (looked.get(domain) ?? Number.NEGATIVE_INFINITY);
    if (age >= 0 && age < WATCH_EVERY_MS) return false;
    if (looked.size >= MAX_WATCHED) looked.clear();
    looked.set(domain, now.getTime());
    return true;
  }
}
