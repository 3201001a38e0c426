import { listenBetween, type Place, type TcpServer } from './tcp-server.ts';

export interface RecordingProxy extends TcpServer {
  /** Everything that went either way, as it was on the wire. */
  recorded(): Buffer;
}

/** Passes a TCP connection on and keeps every octet: what a listener on the line would have. */
export async function startRecordingProxy(
  target: { readonly host: string; readonly port: number },
  at: Place = {},
): Promise<RecordingProxy> {
  const chunks: Buffer[] = [];
  const server = await listenBetween(
    target,
    (near, far) => {
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          to.write(chunk);
        });
      }
    },
    at,
  );
  return { ...server, recorded: () => Buffer.concat(chunks) };
}
