import type { AuditEvent } from '@sallyport/audit-log';
import { createLogger } from '@sallyport/log';
import { newQueueId } from '@sallyport/mail';
import type { PolicyReader } from '@sallyport/policy-store/read';
import { generateReaderKey, type QueueFileHeader, Spool } from '@sallyport/spool';
import { type InwardPorts, inwardHandlers } from '../../services/worker/src/inward/serve-inward.ts';
import { KeyChangeLog } from '../../services/worker/src/shared/key-change-log.ts';
import { silentLookup } from '../../services/worker/src/shared/test-lookup-ports.ts';
import { temporaryFolder } from './folder.ts';
import { activePolicy, type CountingKeyring, countingKeyring, type Rule } from './inward-path.ts';
import { SMIME_NOW } from './smime-identities.ts';

type Handlers = ReturnType<typeof inwardHandlers>;
type Answer = Awaited<ReturnType<Handlers['judge']>>;

/** Worker inward in this process: its handlers over a spool of its own and keyholder's own code. */
export interface InwardService extends AsyncDisposable {
  /** Hands a message in as ingress does and waits for the answer. */
  ask(bytes: Buffer): Promise<{ readonly answer: Answer; readonly tookMs: number }>;
  readonly keyring: CountingKeyring;
  readonly events: AuditEvent[];
}

/** Starts it; `change` puts other ports in the place of some. */
export async function startInwardService(options: {
  readonly rule: Rule;
  readonly floorMs: number;
  readonly change?: (ports: InwardPorts) => Partial<InwardPorts>;
}): Promise<InwardService> {
  const folder = await temporaryFolder('inward');
  const logger = createLogger({ service: 'test', now: () => SMIME_NOW, write: () => {} });
  const [worker, egress] = [generateReaderKey(), generateReaderKey()];
  const spool = await Spool.open({
    folder: folder.path,
    readerKeys: { worker: worker.publicKeyPem, egress: egress.publicKeyPem },
    privateKey: { name: 'worker', pem: worker.privateKeyPem },
    logger,
  });
  const keyring = countingKeyring();
  const events: AuditEvent[] = [];
  const ports: InwardPorts = {
    spool,
    logger,
    clock: { now: () => SMIME_NOW },
    scanner: null,
    askers: new Map(),
    authservId: 'gw.acme.example',
    decryptionFloorMs: options.floorMs,
    keyring: keyring.keyring,
    policy: { current: async () => activePolicy(options.rule) } as unknown as PolicyReader,
    recorder: {
      record: async (event) => {
        events.push(event);
      },
    },
    mayOpenFor: () => async () => true,
    correlates: async () => false,
    lookup: silentLookup({ now: () => SMIME_NOW }),
    keyChangeLog: new KeyChangeLog({ record: async () => {} }),
  };
  const handlers = inwardHandlers({ ...ports, ...options.change?.(ports) });
  const context = { closed: new AbortController().signal };
  return {
    keyring,
    events,
    ask: async (bytes) => {
      const header = headerOf();
      const writer = await spool.create('tmp', header, 'worker');
      await writer.write(bytes);
      await writer.finish({ syncNow: false });
      const params = {
        queueId: header.id,
        client: CLIENT,
        reversePath: header.reversePath,
        forwardPaths: header.forwardPaths.map(({ path }) => path),
        sizeBytes: bytes.length,
      };
      const startedMs = performance.now();
      try {
        const answer = await handlers.judge(params, context);
        return { answer, tookMs: performance.now() - startedMs };
      } finally {
        await spool.remove('tmp', header.id);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await spool.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const CLIENT = {
  address: '192.0.2.1',
  port: 4711,
  helo: 'mx.bravo.example',
  tls: null,
  login: null,
  listener: 'partner' as const,
};

function headerOf(): QueueFileHeader {
  return {
    version: 1,
    id: newQueueId(SMIME_NOW),
    createdAt: SMIME_NOW.toISOString(),
    origin: 'inward',
    reversePath: 'bounce@relay.example',
    client: null,
    forwardPaths: [{ path: 'ann@acme.example' }],
    evidence: null,
    dsn: {},
    smtpUtf8: false,
    eightBit: false,
    requireTls: false,
    extra: {},
  };
}
