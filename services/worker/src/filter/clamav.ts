import { connect, type Socket } from 'node:net';
import type { Content } from '@sallyport/mail';
import type { Scanner } from './filter.ts';

export interface ClamdOptions {
  readonly target: { readonly path: string } | { readonly host: string; readonly port: number };
  readonly timeoutMs: number;
}

const MAX_REPLY_BYTES = 4_096;
// clamd decodes base64 only in what it takes for mail, and it tells mail by the first field: an
// entity out of a CMS layer begins with Content-Type and would pass with a virus in it.
const MAIL_MARK = Buffer.from('Received: from localhost by localhost\r\n');

/** ClamAV by zINSTREAM: 4-byte length and bytes, a zero length at the end (clamd manual page). */
export function createClamdScanner(options: ClamdOptions): Scanner {
  return {
    scan: async (content) => {
      try {
        return parseReply(await ask(options, content));
      } catch (error) {
        const reason = error instanceof Error ? error.message : 'no answer';
        return { kind: 'unavailable', reason };
      }
    },
  };
}

async function ask(options: ClamdOptions, content: Content): Promise<string> {
  const socket = connect(options.target);
  const reply = readReply(socket, options.timeoutMs);
  // A rejection before the stream is written must not be an unhandled one.
  reply.catch(() => socket.destroy());
  try {
    await sendStream(socket, content);
    return await reply;
  } finally {
    socket.destroy();
  }
}

async function sendStream(socket: Socket, content: Content): Promise<void> {
  await write(socket, Buffer.from('zINSTREAM\0'));
  await writeChunk(socket, MAIL_MARK);
  for await (const chunk of content.open()) {
    if (chunk.length > 0) await writeChunk(socket, chunk);
  }
  await write(socket, Buffer.alloc(4));
}

async function writeChunk(socket: Socket, chunk: Uint8Array): Promise<void> {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(chunk.length);
  await write(socket, length);
  await write(socket, chunk);
}

async function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // clamd may answer (size limit, shutdown) and close before everything is written.
    socket.write(bytes, (error) =>
      error ? reject(new Error('scanner closed the connection')) : resolve(),
    );
  });
}

async function readReply(socket: Socket, timeoutMs: number): Promise<string> {
  return await new Promise<string>((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error('scanner took too long')), timeoutMs);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += String(chunk);
      const end = text.indexOf('\0');
      if (end >= 0) settle(() => resolve(text.slice(0, end)));
      else if (text.length > MAX_REPLY_BYTES)
        settle(() => reject(new Error('scanner reply too long')));
    });
    socket.once('error', () => settle(() => reject(new Error('scanner not reachable'))));
    socket.once('close', () => settle(() => reject(new Error('scanner closed the connection'))));
  });
}

function parseReply(reply: string): Awaited<ReturnType<Scanner['scan']>> {
  if (reply === 'stream: OK') return { kind: 'clean' };
  const found = /^stream: (.+) FOUND$/.exec(reply);
  if (found?.[1] !== undefined) return { kind: 'found', name: found[1] };
  return { kind: 'unavailable', reason: `scanner said ${reply.slice(0, 100)}` };
}
