import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const KEY_BYTES = 32;
const MAX_TICKET_CHARS = 3_000;

/**
 * Facts that a browser keeps for us between two steps and cannot change. Nothing is kept here for
 * somebody who has not signed in, so nobody can fill it up.
 */
export class Tickets<T extends object> {
  readonly #key = randomBytes(KEY_BYTES);
  readonly #purpose: string;
  readonly #lifeMs: number;

  constructor(purpose: string, lifeMs: number) {
    this.#purpose = purpose;
    this.#lifeMs = lifeMs;
  }

  issue(facts: T, now: Date): string {
    const body = Buffer.from(
      JSON.stringify({ facts, until: now.getTime() + this.#lifeMs }),
    ).toString('base64url');
    return `${body}.${this.#mac(body).toString('base64url')}`;
  }

  /** The facts of a ticket of ours that is not too old; else null. */
  open(ticket: string | undefined, now: Date): T | null {
    if (ticket === undefined || ticket.length > MAX_TICKET_CHARS) return null;
    const [body = '', mac = ''] = ticket.split('.');
    const given = Buffer.from(mac, 'base64url');
    const own = this.#mac(body);
    if (given.length !== own.length || !timingSafeEqual(given, own)) return null;
    // Ours by its MAC, so it is what `issue` was given.
    const { facts, until } = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as {
      facts: T;
      until: number;
    };
    return now.getTime() < until ? facts : null;
  }

  #mac(body: string): Buffer {
    return createHmac('sha256', this.#key).update(`${this.#purpose}\n${body}`).digest();
  }
}
