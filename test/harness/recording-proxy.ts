import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { freePort } from './ports.ts';

export interface RecordingProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Everything that went either way, as it was on the wire. */
  recorded(): Buffer;
}

/** Passes a TCP connection on and keeps every octet: what a listener on the line would have. */
export async function startRecordingProxy(
  target: { readonly host: string; readonly port: number },
  at: { readonly host?: string; readonly port?: number } = {},
): Promise<RecordingProxy> {
  const host = at.host ?? '127.0.0.1';
  const port = at.port ?? (await freePort(host));
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.once('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        to.write(chunk);
      });
    }
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    host,
    port,
    recorded: () => Buffer.concat(chunks),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
