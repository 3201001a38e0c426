import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Logger } from '@sallyport/log';
import { answerQuery } from './answer.ts';
import { ZonesFile } from './zones.ts';

const MAX_TCP_BYTES = 4_096;
const TCP_IDLE_MS = 10_000;
const MAX_PORT_TRIES = 20;

interface DnsOptions {
  readonly host: string;
  readonly port: number;
  readonly zonesFile: string;
}

export interface RunningServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Answers on UDP and TCP of one port. @throws if the zones cannot be read or no port can be taken. */
export async function startDns(options: DnsOptions, logger: Logger): Promise<RunningServer> {
  const file = new ZonesFile(options.zonesFile);
  await file.current();
  const respond = async (query: Buffer, over: 'udp' | 'tcp'): Promise<Buffer | null> => {
    try {
      return answerQuery(query, await file.current(), over);
    } catch (cause) {
      logger.error('dns.failed', { cause });
      return null;
    }
  };
  const sockets = new Set<Socket>();
  const tcp = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serveTcp(socket, respond);
  });
  // A free TCP port may be taken for UDP: another one is tried then.
  for (let tries = 1; ; tries += 1) {
    tcp.listen(options.port, options.host);
    await once(tcp, 'listening');
    const { port } = tcp.address() as AddressInfo;
    try {
      const udp = await bindUdp({ host: options.host, port }, respond);
      return { port, close: () => closeAll({ tcp, udp, sockets }) };
    } catch (error) {
      tcp.close();
      await once(tcp, 'close');
      if (options.port !== 0 || tries >= MAX_PORT_TRIES) throw error;
    }
  }
}

type Respond = (query: Buffer, over: 'udp' | 'tcp') => Promise<Buffer | null>;

async function bindUdp(
  at: { readonly host: string; readonly port: number },
  respond: Respond,
): Promise<ReturnType<typeof createSocket>> {
  const udp = createSocket(at.host.includes(':') ? 'udp6' : 'udp4');
  udp.on('message', (query: Buffer, from: RemoteInfo) => {
    void respond(query, 'udp').then((reply) => {
      if (reply !== null) udp.send(reply, from.port, from.address, () => undefined);
    });
  });
  udp.bind(at.port, at.host);
  await once(udp, 'listening');
  udp.on('error', () => undefined);
  return udp;
}

/** RFC 7766 section 8: two octets of length before each message. */
function serveTcp(socket: Socket, respond: Respond): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2) {
      const length = pending.readUInt16BE(0);
      if (length > MAX_TCP_BYTES) {
        socket.destroy();
        return;
      }
      if (pending.length < 2 + length) return;
      const query = pending.subarray(2, 2 + length);
      pending = pending.subarray(2 + length);
      void respond(query, 'tcp').then((reply) => {
        if (reply === null || socket.destroyed) return;
        const head = Buffer.alloc(2);
        head.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([head, reply]));
      });
    }
  });
}

async function closeAll(running: {
  readonly tcp: ReturnType<typeof createServer>;
  readonly udp: ReturnType<typeof createSocket>;
  readonly sockets: ReadonlySet<Socket>;
}): Promise<void> {
  const closed = [once(running.tcp, 'close'), once(running.udp, 'close')];
  running.tcp.close();
  running.udp.close();
  for (const socket of running.sockets) socket.destroy();
  await Promise.all(closed);
}
