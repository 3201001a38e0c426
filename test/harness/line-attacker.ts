import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { freePort } from './ports.ts';

/** What an attacker on the line makes of one piece that the server sent. */
export type Tamper = (piece: Buffer, at: { readonly index: number }) => Buffer;

export interface LineAttacker extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** What the client said, as the attacker heard it. */
  heard(): Buffer;
}

/** Passes a connection on and changes what the server says: the man in the middle of RFC 3207 section 6. */
export async function startLineAttacker(
  target: { readonly host: string; readonly port: number },
  tamper: Tamper,
): Promise<LineAttacker> {
  const host = '127.0.0.1';
  const port = await freePort();
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target);
    let index = 0;
    near.on('data', (piece: Buffer) => {
      heard.push(piece);
      far.write(piece);
    });
    far.on('data', (piece: Buffer) => {
      near.write(tamper(piece, { index }));
      index += 1;
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.once('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    host,
    port,
    heard: () => Buffer.concat(heard),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
