import { mkdir } from 'node:fs/promises';
import { type AuditEvent, auditEventSchema } from '@sallyport/audit-log';
import {
  type Handlers,
  type HealthServer,
  IpcRefused,
  recorderProtocol,
  serveHealth,
  serveSocket,
} from '@sallyport/ipc';
import { type Logger, Metrics } from '@sallyport/log';
import { type Clock, repeat } from '@sallyport/mail';
import { z } from 'zod';
import { CommitLog } from './commit-log.ts';
import { LogCounts } from './log-counts.ts';
import { publishLogKey, readLogKey } from './log-key.ts';
import type { RecorderOptions } from './options.ts';
import { type RecoveredLog, recoverLog } from './recover.ts';
import { retainLog } from './retain.ts';
import { type OpenSegment, openSegmentFile } from './segment-file.ts';

const FOLDER_MODE = 0o750;
const EMPTY_HEAD = {
  size: 0,
  root: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', // SHA-256 of nothing
  time: new Date(0).toISOString(),
};

/** What the recorder gets from outside. */
export interface RecorderParts {
  readonly options: RecorderOptions;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The disk; another one only in tests. */
  readonly openSegment?: OpenSegment;
  readonly segmentLeaves?: number;
  readonly retryMs?: number;
}

/** A recorder that takes events. */
export interface Recorder {
  close(reason: string): Promise<void>;
}

/**
 * Starts the recorder: takes the socket, recovers the log's end, then answers.
 *
 * @throws Error if the socket is taken, the key is unfit or the log is damaged before a head.
 */
export async function startRecorder(parts: RecorderParts): Promise<Recorder> {
  const { options, logger } = parts;
  const opened = Promise.withResolvers<CommitLog>();
  opened.promise.catch(() => {}); // told to the caller below
  const server = await serveSocket({
    path: options.socket,
    mode: options.socketMode,
    protocol: recorderProtocol,
    handlers: handlersOf(opened.promise),
    logger,
    maxInFlight: 4_096,
  });
  try {
    const metrics = new Metrics('recorder');
    const counts = new LogCounts(metrics);
    const log = await openLog(parts, counts);
    opened.resolve(log);
    const stopRetaining = await beginRetaining(parts, log);
    const health = await serveRecorderHealth(parts, { log, counts, metrics });
    return {
      close: async (reason) => {
        stopRetaining();
        await log
          .record({ kind: 'service-stopped', service: 'recorder', reason }, true)
          .catch((cause: unknown) => logger.error('recorder.stop-not-recorded', { cause }));
        await log.close();
        await health.close();
        await server.close();
      },
    };
  } catch (error) {
    opened.reject(new IpcRefused('recorder-unavailable', 'the audit log cannot be opened'));
    await server.close();
    throw error;
  }
}

function serveRecorderHealth(
  { options, logger }: RecorderParts,
  of: { readonly log: CommitLog; readonly counts: LogCounts; readonly metrics: Metrics },
): Promise<HealthServer> {
  return serveHealth({
    path: options.healthSocket,
    logger,
    metrics: of.metrics,
    check: () =>
      of.log.isWritable
        ? { ok: true, sentence: 'the audit log takes events' }
        : {
            ok: false,
            sentence:
              'the audit log cannot be written, so no mail is accepted and no key is used: see to the disk of the audit folder',
          },
    notices: (after) => of.counts.notices(after),
  });
}

const DAY_MS = 86_400_000;

/** Removes what is too old, now and each day; what goes wrong waits for the next day. */
async function beginRetaining(parts: RecorderParts, log: CommitLog): Promise<() => void> {
  const { options, logger, clock, segmentLeaves } = parts;
  const { folder, keepForMs } = options;
  if (keepForMs === undefined) return () => {};
  const { publicKey } = await readLogKey(options.privateKeyFile);
  const record = (event: AuditEvent) => log.record(event, true);
  const retain = (): void => {
    const given = { folder, keepForMs, publicKey, clock, logger, record };
    retainLog({ ...given, ...(segmentLeaves === undefined ? {} : { segmentLeaves }) }).catch(
      (cause: unknown) => logger.error('audit.retention-failed', { cause }),
    );
  };
  retain();
  return repeat(clock, DAY_MS, retain);
}

async function openLog(parts: RecorderParts, counts: LogCounts): Promise<CommitLog> {
  const { options, logger, clock } = parts;
  await mkdir(options.folder, { recursive: true, mode: FOLDER_MODE });
  const { privateKey, publicKey } = await readLogKey(options.privateKeyFile);
  await publishLogKey(options.folder, publicKey);
  const recovered = await recoverLog(options.folder, publicKey);
  const first = openingEvents(recovered);
  const log = new CommitLog({
    folder: options.folder,
    recovered,
    privateKey,
    openSegment: parts.openSegment ?? openSegmentFile,
    clock,
    logger,
    commitDelayMs: options.commitDelayMs,
    counts,
    ...(parts.segmentLeaves === undefined ? {} : { segmentLeaves: parts.segmentLeaves }),
    ...(parts.retryMs === undefined ? {} : { retryMs: parts.retryMs }),
  });
  await Promise.all(first.map((event) => log.record(event, true)));
  if (recovered.cut !== null) logger.warn('audit.recovered', { ...recovered.cut });
  return log;
}

/** What a start says: what was cut, which uses of keys nobody knows the end of, and the start itself. */
function openingEvents(recovered: RecoveredLog): AuditEvent[] {
  const events: AuditEvent[] = [];
  if (recovered.cut !== null) {
    const sentence = 'lines after the last signed head were cut; no caller had an answer for them';
    events.push({ kind: 'log-recovered', ...recovered.cut, sentence });
  }
  for (const [intent, { queueId, keyId, operation }] of recovered.openIntents) {
    events.push({ kind: 'key-outcome', queueId, keyId, operation, intent, outcome: 'unknown' });
  }
  events.push({ kind: 'service-started', service: 'recorder' });
  return events;
}

function handlersOf(opened: Promise<CommitLog>): Handlers<typeof recorderProtocol> {
  return {
    record: async ({ event, durable }) => {
      const parsed = auditEventSchema.safeParse(event);
      if (!parsed.success) {
        throw new IpcRefused(null, `invalid-event: ${z.prettifyError(parsed.error)}`);
      }
      const log = await opened;
      return { index: await log.record(parsed.data, durable) };
    },
    head: async () => {
      const { head } = await opened;
      return head === null ? EMPTY_HEAD : { size: head.size, root: head.root, time: head.time };
    },
  };
}
