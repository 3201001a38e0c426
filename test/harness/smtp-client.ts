import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

const TIMEOUT_MS = 30_000;

/** One reply of the server (RFC 5321 section 4.2). */
export interface Reply {
  readonly code: number;
  readonly lines: readonly string[];
  readonly text: string;
}

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** Where to connect from. */
  readonly localAddress?: string;
}

/** TLS that the client verifies: authorities and the name that must be in the certificate. */
export interface ClientTls {
  readonly ca: string | Buffer;
  readonly servername: string;
  /** What the client shows of itself, PEM. */
  readonly cert?: string;
  readonly key?: string;
}

/** A client that says exactly what it is told, with no manners of its own. */
export class SmtpClient implements AsyncDisposable {
  #socket: Socket | TLSSocket;
  #buffer = '';
  #waiting: ((reply: Reply | null) => void)[] = [];
  #replies: (Reply | null)[] = [];
  #lines: string[] = [];

  private constructor(socket: Socket | TLSSocket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  /** Connects; with `tls`, TLS comes at once (port 465). Does not read the greeting. */
  static async connect(host: string, port: number, tls?: ClientTls): Promise<SmtpClient> {
    return await SmtpClient.#connect({ host, port }, tls);
  }

  static async #connect(to: ServerAddress, tls?: ClientTls): Promise<SmtpClient> {
    const socket = tls === undefined ? connectTcp({ ...to }) : connectTls({ ...to, ...tls });
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    return new SmtpClient(socket);
  }

  /** Connects, reads the greeting, says EHLO, and STARTTLS and EHLO again if `tls` is given. */
  static async open(
    options: ServerAddress,
    tls?: ClientTls,
    helo = 'client.test',
  ): Promise<SmtpClient> {
    const client = await SmtpClient.#connect(options);
    await client.reply();
    await client.command(`EHLO ${helo}`);
    if (tls !== undefined) {
      await client.command('STARTTLS');
      await client.secure(tls);
      await client.command(`EHLO ${helo}`);
    }
    return client;
  }

  #listen(socket: Socket | TLSSocket): void {
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('the server took too long')));
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.once('close', () => this.#give(null));
  }

  #take(chunk: Buffer): void {
    this.#buffer += chunk.toString('latin1');
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end < 0) return;
      const line = this.#buffer.slice(0, end);
      this.#buffer = this.#buffer.slice(end + 2);
      this.#lines.push(line);
      if (line[3] === '-') continue;
      const lines = this.#lines;
      this.#lines = [];
      this.#give({ code: Number(line.slice(0, 3)), lines, text: lines.join('\n') });
    }
  }

  #give(reply: Reply | null): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#replies.push(reply);
    else next(reply);
  }

  /** The next reply, or null once the server has closed the connection. */
  async replyOrEnd(): Promise<Reply | null> {
    const [first] = this.#replies;
    if (first === null) return null;
    const kept = this.#replies.shift();
    if (kept !== undefined) return kept;
    return await new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** @throws Error if the server closes the connection instead. */
  async reply(): Promise<Reply> {
    const reply = await this.replyOrEnd();
    if (reply === null) throw new Error('the server closed the connection');
    return reply;
  }

  /** Bytes as they are. */
  write(bytes: string | Uint8Array): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  async command(line: string): Promise<Reply> {
    this.write(`${line}\r\n`);
    return await this.reply();
  }

  /** Starts TLS on the connection, after the server's 220. */
  async secure(tls: ClientTls): Promise<void> {
    const plain = this.#socket;
    plain.removeAllListeners('data');
    plain.removeAllListeners('close');
    const socket = connectTls({ socket: plain, ...tls });
    await once(socket, 'secureConnect');
    this.#socket = socket;
    this.#listen(socket);
  }

  /** One message. @returns the first reply that is no success, or the one to its end of data. */
  async send(message: {
    readonly from: string;
    readonly to: readonly string[];
    readonly data: string | Buffer;
    readonly mailParameters?: string;
  }): Promise<Reply> {
    const mail = await this.command(`MAIL FROM:<${message.from}>${message.mailParameters ?? ''}`);
    if (mail.code !== 250) return mail;
    for (const to of message.to) {
      const rcpt = await this.command(`RCPT TO:<${to}>`);
      if (rcpt.code !== 250) return rcpt;
    }
    const data = await this.command('DATA');
    if (data.code !== 354) return data;
    this.write(`${dotStuffed(message.data)}.\r\n`);
    return await this.reply();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await Promise.resolve();
  }
}

/** Message data ready for DATA (RFC 5321 section 4.5.2), with a last CR LF. */
export function dotStuffed(data: string | Buffer): string {
  const text = typeof data === 'string' ? data : data.toString('latin1');
  const ended = text.endsWith('\r\n') ? text : `${text}\r\n`;
  return ended.replace(/^\./, '..').replaceAll('\r\n.', '\r\n..');
}

/** Opens a session, sends one message and leaves. */
export async function sendMessage(
  server: { readonly host: string; readonly port: number },
  message: Parameters<SmtpClient['send']>[0],
  tls?: ClientTls,
): Promise<Reply> {
  await using client = await SmtpClient.open(server, tls);
  return await client.send(message);
}
