/** What the tests of ingress share: a raw client, listeners on loopback, ports held in memory. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { AuditEvent } from '@sallyport/audit-log';
import { createLogger } from '@sallyport/log';
import { type Mailbox, parseMailbox, type QueueId, systemClock } from '@sallyport/mail';
import type { QueueFileHeader } from '@sallyport/spool';
import { type Ingress, type LoginStore, startIngress } from './ingress.ts';
import { type IngressOptionsInput, ingressOptionsSchema } from './options.ts';
import type { IngressPorts, InwardPort } from './ports.ts';
import { type ListenerOptions, listenSmtp, type TlsSettings } from './smtp/listener.ts';
import type { DataSink, SessionRules, Transactions } from './smtp/types.ts';

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

/** @throws Error if the text is no mailbox. */
export function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  if (parsed === null) throw new Error(`no mailbox: ${text}`);
  return parsed;
}

/** Rules of a listener that forgives little and waits for nothing. */
export function testRules(changes: Partial<SessionRules> = {}): SessionRules {
  return {
    name: 'gw.acme.example',
    lineEnds: 'refuse',
    maxLineOctets: 998,
    maxMessageBytes: 1_000_000,
    maxRecipients: 100,
    maxErrors: 20,
    greetingDelayMs: 0,
    tls: 'none',
    auth: 'none',
    offersRequireTls: false,
    deadlines: {
      commandMs: 60_000,
      dataIdleMs: 60_000,
      dataMs: 60_000,
      sessionMs: 60_000,
      lingerMs: 5_000,
    },
    postmaster: mailbox('postmaster@acme.example'),
    ...changes,
  };
}

/** Transactions that take everything and remember it. */
export class RememberingTransactions {
  readonly messages: Buffer[] = [];
  readonly reversePaths: string[] = [];
  aborted = 0;

  session(): Transactions {
    return {
      mail: ({ reversePath }) => {
        this.reversePaths.push('null' in reversePath ? '' : reversePath.localPart);
        return null;
      },
      recipient: () => null,
      data: () => ({ kind: 'open', sink: this.#sink() }),
      reset: () => undefined,
    };
  }

  #sink(): DataSink {
    const chunks: Buffer[] = [];
    return {
      write: (pieces) => {
        chunks.push(...pieces.map((piece) => Buffer.from(piece)));
        return undefined;
      },
      finish: () => {
        this.messages.push(Buffer.concat(chunks));
        return Promise.resolve({ kind: 'accepted', queueId: `m${this.messages.length}` });
      },
      abort: () => {
        this.aborted += 1;
      },
    };
  }
}

/** A listener of the SMTP layer alone. */
export async function testListener(
  changes: Partial<ListenerOptions> & { readonly transactions: () => Transactions },
) {
  const listener = await listenSmtp({
    host: '127.0.0.1',
    port: 0,
    rules: testRules(),
    maxConnections: 100,
    maxConnectionsPerAddress: 100,
    tls: null,
    authenticator: null,
    logger: silentLogger(),
    monotonicMs: () => performance.now(),
    ...changes,
  });
  return {
    port: listener.port,
    close: (graceMs: number) => listener.close(graceMs),
    [Symbol.asyncDispose]: () => listener.close(0),
  };
}

export function silentLogger(lines: string[] = []) {
  return createLogger({
    service: 'ingress-test',
    now: () => systemClock.now(),
    write: (line) => lines.push(line),
  });
}

/** A certificate for `localhost` from a throw-away CA of its own. */
export function testTls(clientAnchors: Buffer | null = null): TlsSettings & { cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-ingress-'));
  try {
    const args = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2';
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
    execFileSync('openssl', [...args.split(' '), ...names, ...files], { stdio: 'pipe' });
    return {
      key: readFileSync(join(folder, 'key.pem')),
      cert: readFileSync(join(folder, 'cert.pem')),
      clientAnchors,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface StoredFile {
  readonly header: QueueFileHeader;
  readonly chunks: Buffer[];
  isFinished: boolean;
}

/** Ports in memory that write down, in order, what was asked of them. */
export class MemoryPorts {
  readonly steps: string[] = [];
  readonly events: AuditEvent[] = [];
  /** When worker outward has room for more. */
  hintAnswer: Promise<void> = Promise.resolve();
  readonly folders = {
    tmp: new Map<string, StoredFile>(),
    incoming: new Map<string, StoredFile>(),
    outgoing: new Map<string, StoredFile>(),
    hold: new Map<string, StoredFile>(),
  };
  /** Steps that fail: `record accepted`, `create`, `write`, `finish`, `commit incoming`, … */
  readonly failing = new Map<string, Error>();
  inward: InwardPort | null = null;
  onStep: (step: string) => Promise<void> | void = () => undefined;

  async #step(step: string): Promise<void> {
    this.steps.push(step);
    await this.onStep(step);
    const failure = this.failing.get(step);
    if (failure !== undefined) throw failure;
  }

  /** Puts a result of worker inward into `tmp`. */
  addResult(id: QueueId, like: QueueFileHeader): void {
    this.folders.tmp.set(id, { header: { ...like, id }, chunks: [], isFinished: true });
  }

  body(folder: keyof MemoryPorts['folders'], id: string): string {
    return Buffer.concat(this.folders[folder].get(id)?.chunks ?? []).toString('latin1');
  }

  get ports(): IngressPorts {
    return {
      inward: this.inward,
      recorder: {
        record: async (event, { durable }) => {
          await this.#step(`record ${event.kind}${durable ? '' : ' later'}`);
          this.events.push(event);
        },
      },
      hints: {
        incoming: () => {
          this.steps.push('hint incoming');
          return this.hintAnswer;
        },
        outgoing: () => this.steps.push('hint outgoing'),
      },
      spool: {
        create: async (_folder, header) => {
          await this.#step('create');
          const file: StoredFile = { header, chunks: [], isFinished: false };
          this.folders.tmp.set(header.id, file);
          return {
            write: async (chunk) => {
              if (this.failing.has('write')) await this.#step('write');
              file.chunks.push(Buffer.from(chunk));
            },
            finish: async () => {
              await this.#step('finish');
              file.isFinished = true;
            },
            abort: async () => {
              this.folders.tmp.delete(header.id);
              await this.#step('abort');
            },
          };
        },
        commit: async (id, from, to) => {
          await this.#step(`commit ${to}`);
          const file = this.folders[from].get(id);
          if (file === undefined) throw new Error(`no ${id} in ${from}`);
          this.folders[from].delete(id);
          this.folders[to].set(id, file);
        },
        remove: (folder, id) => Promise.resolve(this.folders[folder].delete(id)),
        emptyTmp: () => {
          const { size } = this.folders.tmp;
          this.folders.tmp.clear();
          return Promise.resolve(size);
        },
        hasRoomFor: () => Promise.resolve(!this.failing.has('room')),
      },
    };
  }
}

/** The whole ingress over memory ports, with one listener. */
export async function testIngress(of: {
  readonly memory: MemoryPorts;
  readonly listener: IngressOptionsInput['listeners'][number];
  readonly options?: Partial<IngressOptionsInput>;
  readonly tls?: TlsSettings;
  readonly logins?: LoginStore;
}) {
  const options = ingressOptionsSchema.parse({
    name: 'gw.acme.example',
    domains: ['acme.example'],
    listeners: [of.listener],
    tls: of.tls === undefined ? null : { keyFile: 'unused', certificateFile: 'unused' },
    login: of.logins === undefined ? null : { passwordFile: 'unused' },
    spool: { folder: 'unused', workerKeyFile: 'unused' },
    sockets: {
      recorder: 'unused',
      inward: 'unused',
      outwardHints: 'unused',
      egressHints: 'unused',
    },
    ...of.options,
  } satisfies IngressOptionsInput);
  const ingress: Ingress = await startIngress({
    options,
    ports: of.memory.ports,
    tls: of.tls ?? null,
    logins: of.logins ?? null,
    clock: systemClock,
    monotonicMs: () => performance.now(),
    logger: silentLogger(),
  });
  const [port = 0] = ingress.ports;
  return { port, ingress, [Symbol.asyncDispose]: () => ingress.close() };
}
