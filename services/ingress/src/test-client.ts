import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const LIMIT_MS = 10_000;

/** A client that says exactly the bytes it is given. */
export class RawClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #text = '';
  #isClosed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        this.#wake();
        resolve();
      });
    });
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const client = new RawClient(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
    return client;
  }

  static async connectTls(port: number, ca: Buffer): Promise<RawClient> {
    const socket = connectTls({ port, host: '127.0.0.1', ca, servername: 'localhost' });
    const client = new RawClient(socket);
    await new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    socket.setNoDelay(true);
    return client;
  }

  /** After the 220 of STARTTLS: the same connection under TLS. */
  async upgrade(ca: Buffer): Promise<RawClient> {
    this.socket.removeAllListeners('data');
    const socket = connectTls({ socket: this.socket, ca, servername: 'localhost' });
    const client = new RawClient(socket);
    await new Promise((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes);
  }

  /** The next whole reply, its lines joined by LF; `closed` at the end of the connection. */
  async reply(): Promise<string> {
    const deadline = performance.now() + LIMIT_MS;
    for (;;) {
      const match = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3} [^\r\n]*\r\n/.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match[0].length);
        return match[0].trimEnd().replaceAll('\r\n', '\n');
      }
      if (this.#isClosed) return 'closed';
      if (performance.now() > deadline) throw new Error(`no reply; so far: ${this.#text}`);
      await this.#next();
    }
  }

  async #next(): Promise<void> {
    const timer = setTimeout(() => this.#wake(), LIMIT_MS);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    clearTimeout(timer);
  }

  /** Sends one line and gives its reply. */
  async command(line: string): Promise<string> {
    this.send(`${line}\r\n`);
    return this.reply();
  }

  /** All replies until the connection ends. */
  async rest(): Promise<string[]> {
    const replies: string[] = [];
    for (;;) {
      const reply = await this.reply();
      if (reply === 'closed') return replies;
      replies.push(reply);
    }
  }

  end(): void {
    this.socket.destroy();
  }
}

/** A client of the relay that has said EHLO. */
export async function open(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  await client.reply();
  await client.command('EHLO inner.acme.example');
  return client;
}

/** Sends one message and gives the reply to its data. */
export async function send(
  client: RawClient,
  of: { from?: string; to?: string[]; text?: string } = {},
): Promise<string> {
  assert.match(await client.command(`MAIL FROM:<${of.from ?? 'ann@acme.example'}>`), /^250/);
  for (const to of of.to ?? ['bob@bravo.example']) {
    assert.match(await client.command(`RCPT TO:<${to}>`), /^250/);
  }
  assert.match(await client.command('DATA'), /^354/);
  return client.command(`${of.text ?? 'Subject: x\r\n\r\nhello'}\r\n.`);
}
