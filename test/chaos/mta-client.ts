import { connect, type Socket } from 'node:net';

export interface Handover {
  readonly port: number;
  readonly helo: string;
  readonly from: string;
  readonly to: readonly string[];
  /** The message, lines ended by CR LF, the last one included. */
  readonly message: Buffer;
}

/**
 * What an MTA knows after a transaction. `unknown`: the connection broke after the final dot and
 * before its reply, so the server may or may not have the message (RFC 5321 section 4.5.4.1, RFC 1047).
 */
export type HandoverResult =
  | { readonly kind: 'accepted'; readonly reply: string }
  | { readonly kind: 'refused'; readonly reply: string }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };

const REPLY_TIMEOUT_MS = 75_000;

/** Hands one message to a relay port on loopback (RFC 5321 section 3.3). Never rejects. */
export async function handOver(handover: Handover): Promise<HandoverResult> {
  const socket = connect({ host: '127.0.0.1', port: handover.port });
  const replies = new Replies(socket);
  let isDotSent = false;
  try {
    const commands = [
      { line: null, code: '220' },
      { line: `EHLO ${handover.helo}`, code: '250' },
      { line: `MAIL FROM:<${handover.from}>`, code: '250' },
      ...handover.to.map((path) => ({ line: `RCPT TO:<${path}>`, code: '250' })),
      { line: 'DATA', code: '354' },
    ];
    for (const { line, code } of commands) {
      if (line !== null) socket.write(`${line}\r\n`);
      const reply = await replies.next();
      if (!reply.startsWith(code)) return { kind: 'refused', reply };
    }
    // No line of ours begins with a dot, so there is nothing to stuff.
    socket.write(handover.message);
    isDotSent = true;
    socket.write('.\r\n');
    const reply = await replies.next();
    socket.write('QUIT\r\n');
    return reply.startsWith('250') ? { kind: 'accepted', reply } : { kind: 'refused', reply };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: isDotSent ? 'unknown' : 'lost', reason };
  } finally {
    socket.destroySoon();
  }
}

/** The replies of one connection; only the last line of each. */
class Replies {
  readonly #lines: string[] = [];
  #rest = '';
  #ended: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(socket: Socket) {
    socket.setTimeout(REPLY_TIMEOUT_MS, () => socket.destroy(new Error('no reply in time')));
    socket.on('data', (chunk: Buffer) => this.#push(chunk.toString('latin1')));
    socket.on('error', (error: Error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the connection is closed')));
  }

  async next(): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      // RFC 5321 section 4.2.1: a hyphen after the code says that more lines follow.
      if (line !== undefined && line[3] !== '-') return line;
      if (line !== undefined) continue;
      if (this.#ended !== null) throw this.#ended;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #push(text: string): void {
    const lines = (this.#rest + text).split('\r\n');
    this.#rest = lines.pop() ?? '';
    this.#lines.push(...lines);
    this.#wake?.();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#wake?.();
  }
}
