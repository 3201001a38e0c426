import type { Logger } from '@sallyport/log';
import {
  decisionFor,
  openSession,
  type SessionFault,
  type SmtpClientSettings,
  type SmtpSession,
  type SmtpTarget,
  tlsDemandKey,
} from '@sallyport/transport';

export interface PoolOptions {
  readonly settings: SmtpClientSettings;
  /** How long a connection may wait for its next message. */
  readonly idleMs: number;
  /** Transactions of one connection. */
  readonly maxUses: number;
  /** Connections that wait at once. */
  readonly maxIdle: number;
  readonly logger: Logger;
}

/** A session on loan from the pool. */
export interface Loan {
  readonly kind: 'loan';
  readonly session: SmtpSession;
  readonly isReused: boolean;
  /** Gives it back; one that is not reusable is ended. */
  release(options: { readonly isReusable: boolean }): void;
}

interface Idle {
  readonly key: string;
  readonly session: SmtpSession;
  readonly uses: number;
  readonly timer: NodeJS.Timeout;
}

/**
 * Keeps connections for the next message to the same host under the same demand. What TLS had to
 * fulfil is a part of the key (TR-7): what was opened for less never serves a domain that asks more.
 */
export class SessionPool {
  readonly #options: PoolOptions;
  readonly #idle = new Map<string, Idle[]>();
  #idleCount = 0;
  #isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** A session that has passed the target's rule: a kept one, or a new one. */
  async acquire(
    target: SmtpTarget,
    { fresh }: { readonly fresh: boolean },
  ): Promise<Loan | SessionFault> {
    const key = keyOf(target);
    const kept = fresh ? null : this.#takeKept(key);
    if (kept !== null) return this.#loan(kept, { isReused: true });
    const opening = await openSession(target, this.#options.settings);
    if (opening.kind === 'fault') return opening;
    return this.#loan({ key, session: opening.session, uses: 0 }, { isReused: false });
  }

  /** Ends all that wait. */
  close(): void {
    this.#isClosed = true;
    for (const list of [...this.#idle.values()]) for (const idle of [...list]) this.#end(idle);
  }

  #loan(given: Omit<Idle, 'timer'>, { isReused }: { readonly isReused: boolean }): Loan {
    const { key, session } = given;
    return {
      kind: 'loan',
      session,
      isReused,
      release: ({ isReusable }) => {
        const uses = given.uses + 1;
        const { maxUses, maxIdle } = this.#options;
        const hasRoom = this.#idleCount < maxIdle && !this.#isClosed;
        if (isReusable && uses < maxUses && hasRoom && session.wire.isQuiet) {
          this.#keep({ key, session, uses });
        } else this.#quit(session);
      },
    };
  }

  #keep(kept: Omit<Idle, 'timer'>): void {
    const timer = setTimeout(() => this.#end(idle), this.#options.idleMs);
    const idle: Idle = { ...kept, timer };
    const list = this.#idle.get(kept.key);
    if (list === undefined) this.#idle.set(kept.key, [idle]);
    else list.push(idle);
    this.#idleCount += 1;
  }

  #takeKept(key: string): Idle | null {
    const list = this.#idle.get(key) ?? [];
    for (let idle = list.at(-1); idle !== undefined; idle = list.at(-1)) {
      this.#forget(idle);
      // A server that spoke unasked is out of step: its next reply would answer the wrong command.
      if (idle.session.wire.isQuiet) return idle;
      idle.session.wire.destroy();
    }
    return null;
  }

  #forget(idle: Idle): boolean {
    clearTimeout(idle.timer);
    const list = this.#idle.get(idle.key);
    const at = list?.indexOf(idle) ?? -1;
    if (list === undefined || at < 0) return false;
    list.splice(at, 1);
    if (list.length === 0) this.#idle.delete(idle.key);
    this.#idleCount -= 1;
    return true;
  }

  #end(idle: Idle): void {
    if (this.#forget(idle)) this.#quit(idle.session);
  }

  #quit(session: SmtpSession): void {
    session.wire.quit(this.#options.settings.timeouts.quitMs).catch((cause: unknown) => {
      this.#options.logger.error('session.quit-failed', { cause });
    });
  }
}

/** Where nothing may be sent nothing is ever kept, so that key fits no connection. */
function keyOf(target: SmtpTarget): string {
  const decision = decisionFor(target);
  const demand = decision.kind === 'refuse' ? 'none' : tlsDemandKey(decision.demand);
  return `${target.host} ${target.address} ${target.port} ${demand}`;
}
