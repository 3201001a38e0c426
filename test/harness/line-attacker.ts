import { listenBetween, type TcpServer } from './tcp-server.ts';

/** What an attacker on the line makes of one piece that the server sent. */
export type Tamper = (piece: Buffer, at: { readonly index: number }) => Buffer;

export interface LineAttacker extends TcpServer {
  /** What the client said, as the attacker heard it. */
  heard(): Buffer;
}

/** Passes a connection on and changes what the server says: the man in the middle of RFC 3207 section 6. */
export async function startLineAttacker(
  target: { readonly host: string; readonly port: number },
  tamper: Tamper,
): Promise<LineAttacker> {
  const heard: Buffer[] = [];
  const server = await listenBetween(target, (near, far) => {
    let index = 0;
    near.on('data', (piece: Buffer) => {
      heard.push(piece);
      far.write(piece);
    });
    far.on('data', (piece: Buffer) => {
      near.write(tamper(piece, { index }));
      index += 1;
    });
  });
  return { ...server, heard: () => Buffer.concat(heard) };
}
