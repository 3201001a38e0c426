import { readFileSync } from 'node:fs';
import {
  connectSocket,
  hintProtocol,
  type IpcClient,
  inwardProtocol,
  recorderProtocol,
} from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import type { QueueId } from '@sallyport/mail';
import { Spool } from '@sallyport/spool';
import type { IngressOptions } from './options.ts';
import type { HintPort, IngressPorts, InwardPort, RecorderPort } from './ports.ts';

const HINT_DEADLINE_MS = 2_000;
const CANCEL_DEADLINE_MS = 5_000;

/** The ports of the running service, and how to let go of them. */
export interface Wiring {
  readonly ports: IngressPorts;
  close(): Promise<void>;
}

/** Connects to spool, recorder, worker inward and the two that take hints. */
export async function wire(options: IngressOptions, logger: Logger): Promise<Wiring> {
  const { sockets } = options;
  const spool = await Spool.open({
    folder: options.spool.folder,
    readerKeys: { worker: readFileSync(options.spool.workerKeyFile, 'utf8') },
    logger,
  });
  const recorder = connectSocket({
    path: sockets.recorder,
    protocol: recorderProtocol,
    deadlineMs: options.recorderDeadlineMs,
  });
  const hint = (path: string | null) =>
    path === null
      ? null
      : connectSocket({ path, protocol: hintProtocol, deadlineMs: HINT_DEADLINE_MS });
  const toOutward = hint(sockets.outwardHints);
  const toEgress = hint(sockets.egressHints);
  const inward =
    sockets.inward === null
      ? null
      : connectSocket({
          path: sockets.inward,
          protocol: inwardProtocol,
          deadlineMs: options.recipientDeadlineMs,
        });
  return {
    ports: {
      spool,
      recorder: recorderPort(recorder),
      inward: inward === null ? null : inwardPort(inward),
      hints: hintPort({ toOutward, toEgress, logger }),
    },
    close: async () => {
      for (const client of [recorder, toOutward, toEgress, inward]) client?.close();
      await spool.close();
    },
  };
}

function recorderPort(client: IpcClient<typeof recorderProtocol>): RecorderPort {
  return {
    record: async (event, { durable }) => {
      await client.call('record', { event, durable });
    },
  };
}

function inwardPort(client: IpcClient<typeof inwardProtocol>): InwardPort {
  return {
    demands: (request) => client.call('demands', request),
    recipient: (request) => client.call('recipient', request),
    judge: (request, { deadlineMs, signal }) =>
      client.call(
        'judge',
        { ...request, forwardPaths: [...request.forwardPaths] },
        { deadlineMs, signal },
      ),
    cancel: async (request) => {
      await client.call('cancel', request, { deadlineMs: CANCEL_DEADLINE_MS });
    },
  };
}

function hintPort(to: {
  readonly toOutward: IpcClient<typeof hintProtocol> | null;
  readonly toEgress: IpcClient<typeof hintProtocol> | null;
  readonly logger: Logger;
}): HintPort {
  const send = async (
    client: IpcClient<typeof hintProtocol> | null,
    { id, destination }: { readonly id: QueueId; readonly destination: string },
  ): Promise<void> => {
    try {
      await client?.call('hint', { id, destination });
    } catch (cause) {
      // The spool is scanned each minute: a lost hint costs time, not mail.
      to.logger.warn('hint.lost', { queueId: id, cause });
    }
  };
  return {
    incoming: (id, destination) => send(to.toOutward, { id, destination }),
    outgoing: (id, destination) => void send(to.toEgress, { id, destination }),
  };
}
