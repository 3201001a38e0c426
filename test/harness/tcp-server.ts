import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { freePort } from './ports.ts';

/** Where a server is; left out, on 127.0.0.1 and a port that is free. */
export interface Place {
  readonly host?: string;
  readonly port?: number;
}

export interface TcpServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** Takes connections until it is disposed of; those that are left then end with it. */
export async function listenTcp(
  take: (socket: Socket) => void,
  at: Place = {},
): Promise<TcpServer> {
  const host = at.host ?? '127.0.0.1';
  const port = at.port ?? (await freePort(host));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    take(socket);
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    host,
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Takes connections and makes one to the target for each; what goes over them is for `pass` to do. */
export async function listenBetween(
  target: { readonly host: string; readonly port: number },
  pass: (near: Socket, far: Socket) => void,
  at: Place = {},
): Promise<TcpServer> {
  return await listenTcp((near) => {
    const far = connect(target);
    near.once('close', () => far.destroy());
    far.on('error', () => near.destroy());
    far.once('close', () => near.destroy());
    pass(near, far);
  }, at);
}
