import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server as HttpsServer } from 'node:https';
import type { Server } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Issued } from './ca.ts';

/** A server that keeps what the shipper brought. */
export interface Collector extends AsyncDisposable {
  readonly port: number;
  /** One for each head: a syslog message, or the body of a POST. */
  readonly received: readonly string[];
}

async function listening(server: Server | HttpsServer, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

async function closed(server: Server, sockets: ReadonlySet<{ destroy(): void }>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** Reads frames as RFC 5425 section 4.3 has them; anything else is no message. */
export async function startSyslogTls(identity: Issued, port = 0): Promise<Collector> {
  const received: string[] = [];
  const sockets = new Set<TLSSocket>();
  const tls = {
    cert: await readFile(identity.certificateFile),
    key: await readFile(identity.keyFile),
  };
  const server = createTlsServer(tls, (socket) => {
    sockets.add(socket);
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const digits = /^([1-9]\d{0,8}) /.exec(rest.toString('latin1', 0, 10))?.[1];
        const start = (digits?.length ?? 0) + 1;
        const end = start + Number(digits);
        if (digits === undefined || rest.length < end) return;
        received.push(rest.toString('utf8', start, end));
        rest = rest.subarray(end);
      }
    });
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  const taken = await listening(server, port);
  return { port: taken, received, [Symbol.asyncDispose]: () => closed(server, sockets) };
}

/** Ends each session at once, as a server does that wants another client; keeps nothing. */
export async function startRefusingTls(identity: Issued): Promise<Collector> {
  const tls = {
    cert: await readFile(identity.certificateFile),
    key: await readFile(identity.keyFile),
  };
  const server = createTlsServer(tls, (socket) => {
    socket.on('error', () => undefined);
    socket.end();
  });
  const port = await listening(server, 0);
  return { port, received: [], [Symbol.asyncDispose]: () => closed(server, new Set()) };
}

export interface HttpsCollector extends Collector {
  /** Headers of each request, taken or not. */
  readonly headers: readonly NodeJS.Dict<string | string[]>[];
  /** What is answered from now on. */
  status: number;
}

/** Takes JSON by POST over TLS. */
export async function startHttpsCollector(identity: Issued, port = 0): Promise<HttpsCollector> {
  const received: string[] = [];
  const headers: NodeJS.Dict<string | string[]>[] = [];
  const sockets = new Set<{ destroy(): void }>();
  const tls = {
    cert: await readFile(identity.certificateFile),
    key: await readFile(identity.keyFile),
  };
  const server = createServer(tls, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.once('end', () => {
      headers.push(request.headers);
      if (collector.status === 200) received.push(body);
      response.writeHead(collector.status).end('{}');
    });
  });
  server.on('connection', (socket) => sockets.add(socket));
  const collector = {
    port: await listening(server, port),
    received,
    headers,
    status: 200,
    [Symbol.asyncDispose]: () => closed(server, sockets),
  };
  return collector;
}
