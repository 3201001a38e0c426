import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer, type SecureContext } from 'node:tls';
import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import { type ConnectionPorts, LdapConnection } from './connection.ts';
import { PublishedEntries } from './entries.ts';
import { ClientLimiter } from './limiter.ts';
import type { DirectoryOptions } from './options.ts';
import { formatDisconnection, RESULT } from './protocol.ts';

export interface RunningDirectory {
  readonly ports: readonly number[];
  close(): Promise<void>;
}

/** Listens and answers. @throws if a file cannot be read or a port cannot be taken. */
export async function startDirectory(
  options: DirectoryOptions,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<RunningDirectory> {
  const entries = new PublishedEntries({ file: options.entriesFile, clock, logger });
  await entries.load();
  const limiter = new ClientLimiter(options.limits, clock);
  const secure = await readTls(options);
  const ports: ConnectionPorts = {
    entries,
    baseDns: options.baseDn,
    limits: options.limits,
    limiter,
    secureContext: secure?.context ?? null,
    logger,
  };
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  for (const listen of options.listen) {
    const take = (socket: Socket): void =>
      accept(socket, { ports, sockets, isEncrypted: listen.tls });
    const server = listen.tls
      ? createTlsServer({ ...secure?.files, minVersion: 'TLSv1.2' }, take)
      : createServer(take);
    server.on('tlsClientError', (_error, socket: Socket) => socket.destroy());
    server.maxConnections = options.limits.connections;
    server.listen(listen.port, listen.host);
    await once(server, 'listening');
    servers.push(server);
  }
  return {
    ports: servers.map((server) => (server.address() as AddressInfo).port),
    close: async () => {
      const closed = servers.map((server) => once(server, 'close'));
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}

function accept(
  socket: Socket,
  to: {
    readonly ports: ConnectionPorts;
    readonly sockets: Set<Socket>;
    readonly isEncrypted: boolean;
  },
): void {
  const client = socket.remoteAddress ?? 'unknown';
  const { limiter } = to.ports;
  if (!limiter.connected(client)) {
    socket.on('error', () => socket.destroy());
    socket.end(formatDisconnection(RESULT.busy, 'too many connections'));
    socket.destroySoon();
    return;
  }
  to.sockets.add(socket);
  socket.once('close', () => {
    to.sockets.delete(socket);
    limiter.disconnected(client);
  });
  new LdapConnection(socket, to.isEncrypted, to.ports);
}

interface TlsMaterial {
  readonly files: { readonly cert: Buffer; readonly key: Buffer };
  readonly context: SecureContext;
}

async function readTls(options: DirectoryOptions): Promise<TlsMaterial | null> {
  if (options.tlsCertificateFile === undefined || options.tlsKeyFile === undefined) return null;
  const [cert, key] = await Promise.all([
    readFile(options.tlsCertificateFile),
    readFile(options.tlsKeyFile),
  ]);
  const context = createSecureContext({ cert, key, minVersion: 'TLSv1.2' });
  return { files: { cert, key }, context };
}
