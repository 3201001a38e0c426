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

/** One question to one server: UDP, and TCP if the reply was cut (RFC 7766 section 5). */
export async function exchange(options: ExchangeOptions): Promise<ExchangeResult> {
  const reply = await overUdp(options);
  return reply.kind === 'reply' && reply.truncated ? overTcp(options) : reply;
}

function overUdp(options: ExchangeOptions): Promise<ExchangeResult> {
  const { server, question, timeoutMs } = options;
  return new Promise((resolve) => {
    // A socket of its own for each query: the kernel draws its source port at random
    // (RFC 5452 section 9.2), and connect() lets in replies of this server only.
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    let strays = 0;
    let isDone = false;
    const done = (result: ExchangeResult): void => {
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
      if (reply.kind === 'reply') done(reply);
      else if (reply.kind === 'malformed') done({ kind: 'failure', reason: 'malformed' });
      else {
        strays += 1;
        if (strays > MAX_STRAY_REPLIES) done({ kind: 'failure', reason: 'malformed' });
      }
    });
    socket.connect(server.port, server.address, () => {
      if (!isDone) socket.send(encodeQuery(question, options));
    });
  });
}

function overTcp(options: ExchangeOptions): Promise<ExchangeResult> {
  const { server, question, timeoutMs } = options;
  return new Promise((resolve) => {
    const socket = connect({ host: server.address, port: server.port });
    const chunks: Buffer[] = [];
    let length = 0;
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
      if (length < 2) return;
      const bytes = Buffer.concat(chunks);
      const end = 2 + bytes.readUInt16BE(0);
      if (length < end) return;
      const reply = decodeReply(bytes.subarray(2, end), question);
      done(reply.kind === 'reply' ? reply : { kind: 'failure', reason: 'malformed' });
    });
  });
}
