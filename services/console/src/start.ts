import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openAuditIndex } from '@sallyport/audit-index';
import {
  adviseProtocol,
  connectSocket,
  egressProtocol,
  hintProtocol,
  keyDeskProtocol,
  keyholderConsoleProtocol,
  recorderProtocol,
} from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import type { FastifyInstance } from 'fastify';
import { type ConsoleSockets, closeSockets, createDesk, type DeskPorts } from './desk/desk.ts';
import type { ConsoleOptions } from './options.ts';
import { createServer } from './server.ts';
import { createSignIn } from './sign-in/sign-in.ts';

const CALL_DEADLINE_MS = 20_000;
const FOLDER_MODE = 0o700;

export interface ConsoleParts {
  readonly options: ConsoleOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A console that takes requests. */
export interface Console {
  /** Where it listens. */
  readonly ports: readonly number[];
  close(): Promise<void>;
}

/** Starts the console: opens the index, connects, listens. @throws Error if an address is taken or a file missing. */
export async function startConsole({ options, clock, logger }: ConsoleParts): Promise<Console> {
  await mkdir(options.folders.index, { recursive: true, mode: FOLDER_MODE });
  const index = await openAuditIndex({
    auditFolder: options.folders.audit,
    file: join(options.folders.index, 'audit.sqlite'),
  });
  // A big log takes minutes: nobody has to ask first, and nobody waits for all of it.
  let isClosed = false;
  index.catchUp().catch((cause: unknown) => {
    if (!isClosed) logger.error('console.index-not-read', { cause });
  });
  const sockets = connect(options);
  const record: DeskPorts['record'] = async (event) => {
    await sockets.recorder.call('record', { event, durable: true });
  };
  const desk = createDesk({ options, clock, logger, sockets, record, index });
  const signIn = await createSignIn(desk);
  const servers = await Promise.all(
    options.listen.map(async ({ host, port }) => {
      const server = await createServer({ desk, signIn });
      await server.listen({ host, port });
      return server;
    }),
  );
  return {
    ports: servers.flatMap(portsOf),
    close: async () => {
      isClosed = true;
      await Promise.all(servers.map(async (server): Promise<void> => await server.close()));
      closeSockets(sockets);
      index.close();
    },
  };
}

function connect({ sockets }: ConsoleOptions): ConsoleSockets {
  const deadlineMs = CALL_DEADLINE_MS;
  return {
    recorder: connectSocket({ path: sockets.recorder, protocol: recorderProtocol, deadlineMs }),
    advise: connectSocket({ path: sockets.advise, protocol: adviseProtocol, deadlineMs }),
    outward: connectSocket({ path: sockets.outward, protocol: hintProtocol, deadlineMs }),
    egress: connectSocket({ path: sockets.egress, protocol: egressProtocol, deadlineMs }),
    keyholder: connectSocket({
      path: sockets.keyholder,
      protocol: keyholderConsoleProtocol,
      deadlineMs,
    }),
    keyDesk: connectSocket({ path: sockets.keyDesk, protocol: keyDeskProtocol, deadlineMs }),
  };
}

function portsOf(app: FastifyInstance): number[] {
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? [address.port] : [];
}
