/**
 * The next hop that all systems deliver to: a minimal SMTP server with STARTTLS and PIPELINING in
 * a process of its own, which counts whole messages and keeps none. Its parent asks for the count.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';

/** Where the sink listens and how it shows itself there. */
export interface SinkListener {
  readonly host: string;
  readonly port: number;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** What the sink tells its parent. */
export interface SinkReport {
  readonly kind: 'ready' | 'count';
  /** Messages that ended with the final dot. */
  readonly messages: number;
  /** Messages that came without TLS; there must be none. */
  readonly clear: number;
}

const END = Buffer.from('\r\n.\r\n');
const LF = 10;
const EHLO = '250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n';

let messages = 0;
let clear = 0;

class Session {
  #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #isData = false;
  readonly #context: SecureContext;

  constructor(socket: Socket, context: SecureContext) {
    this.#socket = socket;
    this.#context = context;
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', this.#onData);
    socket.write('220 sink ESMTP\r\n');
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let replies = '';
    for (;;) {
      const reply = this.#isData ? this.#endOfData() : this.#command();
      if (reply === null) break;
      replies += reply;
    }
    if (replies !== '') this.#socket.write(replies);
  };

  #endOfData(): string | null {
    const at = this.#rest.indexOf(END);
    if (at === -1) return null;
    this.#rest = this.#rest.subarray(at + END.length);
    this.#isData = false;
    messages += 1;
    if (!(this.#socket instanceof TLSSocket)) clear += 1;
    return '250 2.0.0 taken\r\n';
  }

  #command(): string | null {
    const at = this.#rest.indexOf(LF);
    if (at === -1) return null;
    const verb = this.#rest.toString('latin1', 0, Math.min(at, 8)).toUpperCase();
    this.#rest = this.#rest.subarray(at + 1);
    if (verb.startsWith('DATA')) {
      // The CR LF before a lone dot may be the command's own.
      this.#isData = true;
      return '354 go on\r\n';
    }
    if (verb.startsWith('EHLO')) {
      const last = this.#socket instanceof TLSSocket ? '250 SIZE 104857600' : '250 STARTTLS';
      return `${EHLO}${last}\r\n`;
    }
    if (verb.startsWith('STARTTLS')) return this.#startTls();
    if (verb.startsWith('QUIT')) {
      this.#socket.end('221 2.0.0 bye\r\n');
      return null;
    }
    return '250 2.0.0 ok\r\n';
  }

  #startTls(): null {
    const plain = this.#socket;
    plain.removeListener('data', this.#onData);
    this.#rest = Buffer.alloc(0);
    plain.write('220 2.0.0 go on\r\n');
    const secure = new TLSSocket(plain, { isServer: true, secureContext: this.#context });
    secure.on('error', () => secure.destroy());
    secure.on('data', this.#onData);
    this.#socket = secure;
    return null;
  }
}

async function listen(listener: SinkListener): Promise<void> {
  const context = createSecureContext({
    cert: readFileSync(listener.certificateFile),
    key: readFileSync(listener.keyFile),
  });
  const server = createServer((socket) => new Session(socket, context));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listener.port, listener.host, 512, resolve);
  });
}

function tell(kind: SinkReport['kind']): void {
  process.send?.({ kind, messages, clear } satisfies SinkReport);
}

process.on('message', () => tell('count'));
process.on('SIGINT', () => undefined);
process.once('disconnect', () => process.exit(0));
const listeners = JSON.parse(process.argv[2] ?? '[]') as readonly SinkListener[];
for (const listener of listeners) await listen(listener);
tell('ready');
