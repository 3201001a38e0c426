/** What the tests of ingress share: listeners on loopback, ports held in memory. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEvent } from '@sallyport/audit-log';
import { createLogger } from '@sallyport/log';
import { type QueueId, systemClock } from '@sallyport/mail';
import type { QueueFileHeader } from '@sallyport/spool';
import { mailbox } from '@sallyport/test/addresses';
import { type Ingress, type LoginStore, startIngress } from './ingress.ts';
import { type IngressOptionsInput, ingressOptionsSchema } from './options.ts';
import type { IngressPorts, InwardPort } from './ports.ts';
import { type ListenerOptions, listenSmtp, type TlsSettings } from './smtp/listener.ts';
import type { DataSink, SessionRules, Transactions } from './smtp/types.ts';

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

/** Port 0: any that is free. */
export const PARTNER_LISTENER = {
  kind: 'partner',
  host: '127.0.0.1',
  port: 0,
  tls: 'none',
  greetingDelayMs: 0,
} as const;

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
