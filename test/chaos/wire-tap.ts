import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { holdsCanary, LONGEST_FORM } from './canary.ts';

interface Place {
  readonly host: string;
  readonly port: number;
}

/** What may be said in clear before TLS: nothing of a message. */
const CLEAR_COMMANDS = /^(EHLO [^\r\n]+|STARTTLS|NOOP|RSET|QUIT)\r\n/i;
const CLEAR_REPLY = /^\d{3}[ -][^\r\n]*\r\n/;
const MAX_FAULTS = 20;
const TLS_TYPES: ReadonlySet<number> = new Set([20, 21, 22, 23]);

/**
 * A TCP relay between egress and the partner's ingress that reads along: the canary must never
 * pass, and after the reply to STARTTLS there are TLS records alone.
 */
export class WireTap {
  readonly faults: string[] = [];
  tlsConnections = 0;
  readonly #from: Place;
  readonly #to: Place;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  constructor(from: Place, to: Place) {
    this.#from = from;
    this.#to = to;
  }

  async open(): Promise<void> {
    const server = createServer((client) => this.#relay(client));
    server.listen(this.#from.port, this.#from.host);
    await once(server, 'listening');
    this.#server = server;
  }

  /** From here on connections are refused, as those to a gateway that is down. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #relay(client: Socket): void {
    const server = connect({ ...this.#to });
    const talk = new Conversation({
      complain: (fault) => {
        if (this.faults.length < MAX_FAULTS) this.faults.push(fault);
      },
      becameSecure: () => {
        this.tlsConnections += 1;
      },
    });
    const pass = (from: Socket, to: Socket, see: (chunk: Buffer) => void): void => {
      this.#sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        see(chunk);
        if (!to.destroyed && !to.write(chunk)) from.pause();
      });
      to.on('drain', () => from.resume());
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroySoon();
      });
    };
    pass(client, server, (chunk) => talk.clientSays(chunk));
    pass(server, client, (chunk) => talk.serverSays(chunk));
  }
}

interface Told {
  readonly complain: (fault: string) => void;
  readonly becameSecure: () => void;
}

/** Both sides of one connection, in the order in which they came. */
class Conversation {
  readonly #told: Told;
  readonly #client: Side;
  readonly #server: Side;
  #isSecure = false;
  #isStartTlsAsked = false;

  constructor(told: Told) {
    this.#told = told;
    this.#client = new Side('client', told.complain);
    this.#server = new Side('server', told.complain);
  }

  clientSays(chunk: Buffer): void {
    this.#client.push(chunk);
    if (this.#isSecure) {
      this.#client.takeRecords();
      return;
    }
    for (let line = this.#client.line(); line !== null; line = this.#client.line()) {
      if (!CLEAR_COMMANDS.test(line)) this.#told.complain(`in clear: ${line.slice(0, 100)}`);
      if (/^STARTTLS\r\n/i.test(line)) this.#isStartTlsAsked = true;
    }
  }

  serverSays(chunk: Buffer): void {
    this.#server.push(chunk);
    while (!this.#isSecure) {
      const line = this.#server.line();
      if (line === null) return;
      if (!CLEAR_REPLY.test(line)) this.#told.complain(`no reply: ${line.slice(0, 100)}`);
      if (this.#isStartTlsAsked && line.startsWith('220 ')) {
        this.#isSecure = true;
        this.#told.becameSecure();
      }
    }
    this.#server.takeRecords();
  }
}

/** What one side has said and what is not yet understood of it. */
class Side {
  readonly #name: string;
  readonly #complain: (fault: string) => void;
  #rest = Buffer.alloc(0);
  #seen = Buffer.alloc(0);
  #isBroken = false;

  constructor(name: string, complain: (fault: string) => void) {
    this.#name = name;
    this.#complain = complain;
  }

  push(chunk: Buffer): void {
    this.#seen = Buffer.concat([this.#seen, chunk]);
    if (holdsCanary(this.#seen)) this.#complain(`the ${this.#name} sent the canary`);
    this.#seen = this.#seen.subarray(-LONGEST_FORM);
    this.#rest = Buffer.concat([this.#rest, chunk]);
  }

  line(): string | null {
    const end = this.#rest.indexOf('\r\n');
    if (end < 0) return null;
    const line = this.#rest.toString('latin1', 0, end + 2);
    this.#rest = this.#rest.subarray(end + 2);
    return line;
  }

  /** RFC 8446 section 5.1: type, version 3.x, length. */
  takeRecords(): void {
    while (this.#rest.length >= 5 && !this.#isBroken) {
      const [type = 0, version = 0] = this.#rest;
      if (!TLS_TYPES.has(type) || version !== 3) {
        this.#isBroken = true;
        this.#complain(`the ${this.#name} spoke in clear after STARTTLS`);
        return;
      }
      const end = 5 + this.#rest.readUInt16BE(3);
      if (this.#rest.length < end) return;
      this.#rest = this.#rest.subarray(end);
    }
  }
}
