/** DNS servers on loopback that say what a test wants, honest or not. */
import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after } from 'node:test';
import type { Clock } from '@sallyport/mail';
import packet from 'dns-packet';
import { systemRandom } from '../random.ts';
import { TestClock } from '../test-web.ts';
import type { Resolver } from './records.ts';
import { createResolver } from './resolver.ts';

export type Script = (
  query: packet.DecodedPacket,
  over: 'udp' | 'tcp',
) => (Buffer | packet.Packet)[];

interface TestDns {
  readonly port: number;
  /** Queries so far. */
  readonly asked: () => number;
  /** The source ports of those over UDP. */
  readonly ports: () => ReadonlySet<number>;
  readonly closeTcp: () => void;
}

const stops: (() => void)[] = [];
after(() => {
  for (const stop of stops) stop();
});

/** A DNS server on one free port, UDP and TCP, that says what the script says. */
export async function serve(script: Script): Promise<TestDns> {
  let asked = 0;
  const ports = new Set<number>();
  const tcp = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      asked += 1;
      for (const reply of script(packet.decode(bytes.subarray(2)), 'tcp')) {
        socket.write(Buffer.isBuffer(reply) ? reply : packet.streamEncode(reply));
      }
    });
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const address = tcp.address();
  assert.ok(typeof address === 'object' && address !== null);
  const udp = createSocket('udp4');
  udp.on('message', (bytes: Buffer, from: RemoteInfo) => {
    asked += 1;
    ports.add(from.port);
    for (const reply of script(packet.decode(bytes), 'udp')) {
      udp.send(Buffer.isBuffer(reply) ? reply : packet.encode(reply), from.port, from.address);
    }
  });
  udp.bind(address.port, '127.0.0.1');
  await once(udp, 'listening');
  stops.push(() => {
    tcp.close();
    udp.close();
  });
  const facts = { port: address.port, asked: () => asked, ports: () => ports };
  return { ...facts, closeTcp: () => void tcp.close() };
}

/** The reply that belongs to a query. */
export const reply = (query: packet.DecodedPacket, rest: packet.Packet = {}): packet.Packet => ({
  type: 'response',
  id: query.id ?? 0,
  questions: query.questions ?? [],
  ...rest,
});

/** The name asked for, in lower case. */
export const nameIn = (query: packet.DecodedPacket): string =>
  (query.questions?.[0]?.name ?? '').toLowerCase();

export const a = (name: string, data: string, ttl = 60): packet.Answer => ({
  type: 'A',
  name,
  ttl,
  data,
});

export function resolverFor(
  ports: number[],
  rest: { trusted?: boolean; clock?: Clock; timeoutMs?: number } = {},
): Resolver {
  return createResolver({
    servers: ports.map((port) => ({ address: '127.0.0.1', port })),
    trusted: rest.trusted ?? false,
    timeoutMs: rest.timeoutMs ?? 300,
    clock: rest.clock ?? new TestClock(),
    random: systemRandom,
  });
}
