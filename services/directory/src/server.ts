import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer, type SecureContext } from 'node:tls';
import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import { type ConnectionPorts, endSoon, LdapConnection } from './connection.ts';
import { createHttpListener, HTTP_LIMITS } from './http.ts';
import { PublishedFiles } from './http-files.ts';
import { ClientLimiter, clientOf } from './limiter.ts';
import type { DirectoryOptions } from './options.ts';
import { formatDisconnection, RESULT } from './protocol.ts';
import { Published } from './published.ts';

const TLS_LIMITS = { minVersion: 'TLSv1.2', handshakeTimeout: 10_000 } as const;
const MAX_REQUESTS_PER_SOCKET = 1_000;

export interface RunningDirectory {
  /** Of LDAP, then of HTTP, each in the order of the options. */
  readonly ports: readonly number[];
  close(): Promise<void>;
}

type Listen = DirectoryOptions['listen'][number];

interface Listeners {
  readonly ports: ConnectionPorts;
  readonly files: PublishedFiles;
  readonly secure: TlsMaterial | null;
  readonly options: DirectoryOptions;
}

/** Listens and answers. @throws if a file cannot be read or a port cannot be taken. */
export async function startDirectory(
  options: DirectoryOptions,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<RunningDirectory> {
  const published = new Published(options, { clock, logger });
  await published.load();
  const secure = await readTls(options);
  const ports: ConnectionPorts = {
    published,
    baseDns: options.baseDn,
    limits: options.limits,
    limiter: new ClientLimiter(options.limits, clock),
    secureContext: secure?.context ?? null,
    logger,
  };
  const files = new PublishedFiles(options, { clock, logger });
  const listeners = { ports, files, secure, options };
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  const start = async (server: Server, on: Listen, protocol: 'ldap' | 'http') => {
    const speaksLdap = protocol === 'ldap' && !on.tls;
    server.on('connection', (socket: Socket) => {
      const isAdmitted = admit(socket, { limiter: ports.limiter, sockets, speaksLdap });
      if (isAdmitted && speaksLdap) new LdapConnection(socket, false, ports);
    });
    server.on('tlsClientError', (_error, socket: Socket) => socket.destroy());
    server.maxConnections = options.limits.connections;
    server.listen(on.port, on.host);
    await once(server, 'listening');
    servers.push(server);
  };
  for (const on of options.listen) await start(ldapServer(on.tls, listeners), on, 'ldap');
  for (const on of options.http) await start(httpServer(on.tls, listeners), on, 'http');
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

function ldapServer(tls: boolean, { ports, secure }: Listeners): Server {
  if (!tls) return createServer();
  return createTlsServer(
    { ...secure?.files, ...TLS_LIMITS },
    (socket) => new LdapConnection(socket, true, ports),
  );
}

function httpServer(tls: boolean, { ports, files, secure, options }: Listeners): Server {
  const listener = createHttpListener({
    published: ports.published,
    limiter: ports.limiter,
    files,
    overTls: tls,
    logger: ports.logger,
  });
  const common = { ...HTTP_LIMITS, keepAliveTimeout: options.limits.idleSeconds * 1_000 };
  const server = tls
    ? createHttpsServer({ ...common, ...secure?.files, ...TLS_LIMITS }, listener)
    : createHttpServer(common, listener);
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
  // Silence while we wait for the client to read, too.
  server.setTimeout(options.limits.idleSeconds * 1_000);
  return server;
}

/** Counts a connection, or ends it if too many are open: then it returns false. */
function admit(
  socket: Socket,
  to: {
    readonly limiter: ClientLimiter;
    readonly sockets: Set<Socket>;
    readonly speaksLdap: boolean;
  },
): boolean {
  const client = clientOf(socket.remoteAddress ?? 'unknown');
  socket.on('error', () => socket.destroy());
  if (!to.limiter.connected(client)) {
    if (to.speaksLdap) endSoon(socket, formatDisconnection(RESULT.busy, 'too many connections'));
    else socket.destroy();
    return false;
  }
  to.sockets.add(socket);
  socket.once('close', () => {
    to.sockets.delete(socket);
    to.limiter.disconnected(client);
  });
  return true;
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
