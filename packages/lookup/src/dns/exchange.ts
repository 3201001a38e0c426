import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { decodeReply, encodeQuery, type Question, type Reply } from './wire.ts';

/** Replies that are not ours and are waited past before we give up: somebody is guessing. */
const MAX_STRAY_REPLIES = 32;

export interface DnsServer {
  readonly address: string;
  readonly port: number;
}

export type ExchangeResult =
  | Reply
  | { readonly kind: 'failure'; readonly reason: 'timeout' | 'malformed' | 'refused' };

interface ExchangeOptions {
  readonly server: DnsServer;
  readonly question: Question;
  readonly edns: boolean;
  readonly timeoutMs: number;
}

/**
 * One question to one server: UDP, and TCP if the reply was cut (RFC 7766 section 5) or its echo
 * was not ours. SMIMEA goes by TCP first (RFC 8162 section 7), unless the server has none.
 */
export async function exchange(options: ExchangeOptions): Promise<ExchangeResult> {
  if (options.question.type === 'SMIMEA') {
    const reply = await overTcp(options);
    if (reply.kind === 'reply' || reply.reason === 'malformed') return reply;
  }
  const reply = await overUdp(options);
  if (reply.kind === 'other-case') return overTcp(options);
  return reply.kind === 'reply' && reply.truncated ? overTcp(options) : reply;
}

type UdpResult = ExchangeResult | { readonly kind: 'other-case' };

function overUdp(options: ExchangeOptions): Promise<UdpResult> {
  const { server, question, timeoutMs } = options;
  return new Promise((resolve) => {
    // A socket of its own for each query: the kernel draws its source port at random
    // (RFC 5452 section 9.2), and connect() lets in replies of this server only.
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    let strays = 0;
    let isDone = false;
    const done = (result: UdpResult): void => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      socket.close();
      resolve(result);
    };
    const timer = setTimeout(() => done({ kind: 'failure', reason: 'timeout' }), timeoutMs);
    socket.on('error', () => done({ kind: 'failure', reason: 'refused' }));
    socket.on('message', (bytes) => {
      const reply = decodeReply(bytes, question);
      if (reply.kind === 'reply' || reply.kind === 'other-case') done(reply);
      else if (reply.kind === 'malformed') done({ kind: 'failure', reason: 'malformed' });
      else {
        strays += 1;
        if (strays > MAX_STRAY_REPLIES) done({ kind: 'failure', reason: 'malformed' });
      }
    });
    // Without a route the callback gets the error, and nothing may be sent on what is not connected.
    socket.connect(server.port, server.address, (error?: Error) => {
      if (error) done({ kind: 'failure', reason: 'refused' });
      else if (!isDone) socket.send(encodeQuery(question, options));
    });
  });
}

function overTcp(options: ExchangeOptions): Promise<ExchangeResult> {
  const { server, question, timeoutMs } = options;
  return new Promise((resolve) => {
    const socket = connect({ host: server.address, port: server.port });
    const chunks: Buffer[] = [];
    let length = 0;
    let needed = 2;
    const done = (result: ExchangeResult): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => done({ kind: 'failure', reason: 'timeout' }), timeoutMs);
    socket.on('error', () => done({ kind: 'failure', reason: 'refused' }));
    socket.on('close', () => done({ kind: 'failure', reason: 'malformed' }));
    socket.on('connect', () => {
      const query = encodeQuery(question, options);
      const head = Buffer.alloc(2);
      head.writeUInt16BE(query.length);
      socket.write(Buffer.concat([head, query]));
    });
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length < needed) return;
      const bytes = Buffer.concat(chunks);
      needed = 2 + bytes.readUInt16BE(0);
      if (length < needed) return;
      const reply = decodeReply(bytes.subarray(2, needed), question, 'tcp');
      const isWhole = reply.kind === 'reply' && !reply.truncated;
      done(isWhole ? reply : { kind: 'failure', reason: 'malformed' });
    });
  });
}
