import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { permissionsOf, ROLES, type Role } from '@sallyport/accounts';
import { openAuditIndex } from '@sallyport/audit-index';
import {
  type AuditEvent,
  composeCommit,
  LOG_KEY_FILE,
  MerkleTree,
  type RecordedEvent,
  type SignedHead,
  segmentName,
} from '@sallyport/audit-log';
import {
  adviseProtocol,
  connectSocket,
  egressProtocol,
  type Handlers,
  hintProtocol,
  IpcRefused,
  keyDeskProtocol,
  keyholderConsoleProtocol,
  type QueueEntry,
  queuePage,
  recorderProtocol,
  serveSocket,
} from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { newQueueId } from '@sallyport/mail';
import { importPolicy } from '@sallyport/policy-store/write';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { closeSockets, createDesk, type Desk } from './desk/desk.ts';
import type { SignIn } from './identity.ts';
import { type ConsoleOptions, consoleOptionsSchema } from './options.ts';
import { createServer } from './server.ts';

export const HOST = 'gw.acme.example';
export const CSRF = 'shown-by-our-own-form';
export const NOW = new Date('2026-11-21T12:00:00Z');

/** How a test asks the console: as somebody with a role, or as nobody. */
interface Ask {
  readonly as?: Role | null;
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  /** Fields of a form of ours; its token is added. */
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A console in this process over a log, a policy and a queue that the test fills. */
export interface TestConsole extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly desk: Desk;
  readonly options: ConsoleOptions;
  /** What worker outward and egress have; orders take from it. */
  readonly queue: Map<string, QueueEntry>;
  /** Orders that came to them. */
  readonly orders: Readonly<Record<string, unknown>>[];
  log(...events: AuditEvent[]): Promise<void>;
  /** Everything of a kind, newest first. */
  logged(kind: string): Promise<RecordedEvent[]>;
  ask(of: Ask): Promise<LightMyRequestResponse>;
  setTime(now: Date): void;
}

/** Signs in whoever the header `x-role` names: everything behind it is the console itself. */
const testSignIn: SignIn = {
  identify: async ({ headers }) => {
    const role = ROLES.find((one) => one === headers['x-role']);
    if (role === undefined) return null;
    const actor = {
      accountId: role,
      name: `${role}@acme.example`,
      roles: [role],
      permissions: permissionsOf([role]),
      via: 'session' as const,
    };
    return { actor, csrf: CSRF, isFresh: true };
  },
  isForged: ({ headers, body }) => {
    const given = typeof body === 'object' && body !== null && 'csrf' in body ? body.csrf : null;
    return given !== CSRF && headers['x-csrf'] !== CSRF;
  },
  register: () => {},
};

/** What worker advise answers; a method that is left out is refused. Without any nobody answers. */
export type TestAdvise = Partial<Handlers<typeof adviseProtocol>>;

/** Starts one. @param of.policy the document in force. @param of.config what differs of its options. */
export async function testConsole(
  of: {
    readonly policy?: object;
    readonly advise?: TestAdvise;
    readonly config?: Partial<Pick<ConsoleOptions, 'fourEyes' | 'wayOut'>>;
  } = {},
): Promise<TestConsole> {
  const folder = await mkdtemp(join(tmpdir(), 'spc-'));
  const options = { ...(await optionsIn(folder)), ...of.config };
  const policy = JSON.stringify(of.policy ?? {});
  await importPolicy(options.folders.policy, policy, { author: 'test', reason: 'test', now: NOW });
  let now = NOW;
  const clock = { now: () => now };
  const log = await testLog(options.folders.audit, clock);
  const logger = createLogger({ service: 'console', now: clock.now, write: () => {} });
  const queue = new Map<string, QueueEntry>();
  const orders: Readonly<Record<string, unknown>>[] = [];
  const servers = await Promise.all(
    (['outward', 'egress'] as const).map(
      async (part) =>
        await serveSocket({
          path: options.sockets[part],
          protocol: egressProtocol,
          handlers: queueHandlers(part, queue, orders),
          logger,
        }),
    ),
  );
  if (of.advise !== undefined) {
    const path = options.sockets.advise;
    const handlers = adviseHandlers(of.advise);
    servers.push(await serveSocket({ path, protocol: adviseProtocol, handlers, logger }));
  }
  const index = await openAuditIndex({
    auditFolder: options.folders.audit,
    file: join(options.folders.index, 'audit.sqlite'),
  });
  const sockets = socketsOf(options);
  const desk = createDesk({ options, clock, logger, sockets, index, record: log });
  const app = await createServer({ desk, signIn: testSignIn });
  return {
    app,
    desk,
    options,
    queue,
    orders,
    log,
    logged: async (kind) => {
      await index.catchUp();
      return index.search({ kinds: [kind], limit: 1_000 }).events;
    },
    ask: async (asked) => await inject(app, asked),
    setTime: (time) => {
      now = time;
    },
    [Symbol.asyncDispose]: async () => {
      await app.close();
      closeSockets(sockets);
      for (const server of servers) await server.close();
      index.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function optionsIn(folder: string): Promise<ConsoleOptions> {
  const at = (name: string): string => join(folder, name);
  const tls = { certificateFile: at('tls.pem'), keyFile: at('tls-key.pem') };
  const subject = ['-subj', `/CN=${HOST}`];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const files = ['-out', tls.certificateFile, '-keyout', tls.keyFile];
  execFileSync('openssl', ['req', '-x509', ...key, ...subject, ...files], { stdio: 'ignore' });
  const folders = {
    accounts: at('accounts'),
    audit: at('audit'),
    policy: at('policy'),
    index: at('index'),
    tlsReports: at('tls-reports'),
  };
  for (const one of Object.values(folders)) await mkdir(one);
  return consoleOptionsSchema.parse({
    gatewayName: HOST,
    domains: ['acme.example'],
    listen: [{ host: '127.0.0.1', port: 0 }],
    tls,
    publicUrl: `https://${HOST}`,
    oidc: null,
    fourEyes: true,
    wayOut: { routes: [], dns: { trusted: false } },
    folders,
    sockets: {
      recorder: at('recorder.sock'),
      advise: at('advise.sock'),
      outward: at('outward.sock'),
      egress: at('egress.sock'),
      keyholder: at('keyholder.sock'),
      keyDesk: at('key-desk.sock'),
    },
  });
}

type Log = (...events: AuditEvent[]) => Promise<void>;

/** A log of one segment; each call is a commit. */
async function testLog(folder: string, clock: { readonly now: () => Date }): Promise<Log> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  await writeFile(join(folder, LOG_KEY_FILE), pem);
  let tree = new MerkleTree();
  let lastHead: SignedHead | null = null;
  return async (...events) => {
    const beginsSegment = lastHead === null;
    const commit = composeCommit(events, { tree, lastHead, beginsSegment, privateKey, clock });
    ({ tree, head: lastHead } = commit);
    await appendFile(join(folder, segmentName(0)), commit.bytes);
  };
}

type QueueHandlers = Handlers<typeof egressProtocol>;

function originOf({ reversePath }: QueueEntry): 'outward' | 'inward' {
  return reversePath.endsWith('@acme.example') ? 'outward' : 'inward';
}

/** What `outgoing` is to egress, all else is to worker outward. */
function queueHandlers(
  part: 'outward' | 'egress',
  queue: Map<string, QueueEntry>,
  orders: Readonly<Record<string, unknown>>[],
): QueueHandlers {
  const own = (id: string): QueueEntry | undefined => {
    const entry = queue.get(id);
    return (entry?.folder === 'outgoing') === (part === 'egress') ? entry : undefined;
  };
  const take = (verb: string, order: { readonly id: string }) => {
    if (own(order.id) === undefined) return { kind: 'unknown-id' } as const;
    orders.push({ verb, ...order });
    if (verb !== 'retry') queue.delete(order.id);
    return { kind: 'done' } as const;
  };
  return {
    hint: () => ({}),
    list: async (query) => {
      const names = async function* () {
        for (const id of queue.keys()) yield { id };
      };
      return await queuePage(query, names(), async ({ id }) => own(id) ?? null);
    },
    show: ({ id }) => {
      const entry = own(id);
      return entry === undefined
        ? { kind: 'unknown-id' }
        : { kind: 'entry', entry, details: { origin: originOf(entry) } };
    },
    release: (order) => take('release', order),
    retry: (order) => take('retry', order),
    drop: (order) => take('drop', order),
    pause: (order) => {
      orders.push({ verb: 'pause', ...order });
      return {};
    },
    resume: (order) => {
      orders.push({ verb: 'resume', ...order });
      return {};
    },
    probeSize: () => ({ sizeBytes: null }),
  };
}

function adviseHandlers(given: TestAdvise): Handlers<typeof adviseProtocol> {
  const none = (): never => {
    throw new IpcRefused(null, 'nothing is known of it here');
  };
  const { locate = none, trust = none, describe = none, survey = none } = given;
  const { probe = none, dnsCheck = none, tlsReports = none, simulate = none } = given;
  return { locate, trust, describe, survey, probe, dnsCheck, tlsReports, simulate };
}

function socketsOf({ sockets }: ConsoleOptions): Desk['ports']['sockets'] {
  const deadlineMs = 2_000;
  const { recorder, advise, outward, egress, keyholder, keyDesk } = sockets;
  return {
    recorder: connectSocket({ path: recorder, protocol: recorderProtocol, deadlineMs }),
    advise: connectSocket({ path: advise, protocol: adviseProtocol, deadlineMs }),
    outward: connectSocket({ path: outward, protocol: hintProtocol, deadlineMs }),
    egress: connectSocket({ path: egress, protocol: egressProtocol, deadlineMs }),
    keyholder: connectSocket({ path: keyholder, protocol: keyholderConsoleProtocol, deadlineMs }),
    keyDesk: connectSocket({ path: keyDesk, protocol: keyDeskProtocol, deadlineMs }),
  };
}

async function inject(app: FastifyInstance, asked: Ask): Promise<LightMyRequestResponse> {
  const { as = null, method = 'GET', url, form, json, headers } = asked;
  const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
  const body =
    form === undefined ? JSON.stringify(json) : new URLSearchParams({ csrf: CSRF, ...form });
  return await app.inject({
    method,
    url,
    headers: {
      host: HOST,
      ...(as === null ? {} : { 'x-role': as }),
      ...(body === undefined ? {} : { 'content-type': type }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: String(body) }),
  });
}

/** A message that is held, its copy in hold, one that waits, and one that is nowhere. */
export const HELD = newQueueId(NOW);
export const COPY = newQueueId(NOW);
export const WAITS = newQueueId(NOW);
export const GONE = newQueueId(NOW);
export const WHY =
  'Held: no certificate of bravo.example was found to encrypt to, and its rule requires it.';

/** How hold has the copy, unless it is said otherwise. */
export function heldEntry(id: string, more: Partial<QueueEntry> = {}): QueueEntry {
  return {
    id,
    state: 'held',
    folder: 'hold',
    createdAt: NOW.toISOString(),
    dueAt: null,
    destination: 'bravo.example',
    reversePath: 'alice@acme.example',
    forwardPaths: ['bob@bravo.example'],
    sizeBytes: 1_234,
    attempts: 0,
    fault: 'recipient-certificate-missing',
    sentence: WHY,
    expiresAt: '2026-11-26T12:00:00.000Z',
    release: 'A mail admin or a security admin may release it.',
    ...more,
  };
}

/** How the queue has the one that waits. */
export const WAITING: Partial<QueueEntry> = {
  state: 'waiting',
  folder: 'outgoing',
  fault: 'tls-not-offered',
  forwardPaths: ['carol@charlie.example'],
  destination: 'charlie.example',
};

/** What the log says of the held one. */
export const EVENTS: readonly AuditEvent[] = [
  {
    kind: 'accepted',
    queueId: HELD,
    origin: 'outward',
    sizeBytes: 1_234,
    recipients: 1,
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
    personal: { reversePath: 'alice@acme.example', forwardPath: 'bob@bravo.example' },
  },
  {
    kind: 'decided',
    queueId: HELD,
    decision: 'hold',
    fault: 'recipient-certificate-missing',
    recipients: 1,
    domains: ['bravo.example'],
    rule: 'Bravo Hospital',
    policyVersion: 1,
    sentence: WHY,
  },
  {
    kind: 'held',
    queueId: HELD,
    heldId: COPY,
    fault: 'recipient-certificate-missing',
    sentence: WHY,
  },
];
