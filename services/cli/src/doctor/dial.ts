import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { anchorsOf } from '@sallyport/transport';
import { reasonOf } from './finding.ts';

const TIMEOUT_MS = 4_000;
const MAX_TEXT_BYTES = 64 * 1024;

export type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/** What a server said, or why it said nothing. */
export type Dialled =
  | { readonly kind: 'answered'; readonly text: string }
  | { readonly kind: 'silent'; readonly reason: string };

/** How far a dialogue goes. */
export interface Dialogue {
  /** What is said: as soon as there is a connection, or once the server has greeted. */
  readonly say?: string;
  /** The server speaks first, a reply of SMTP; one that does not begin with 2 is all that is heard. */
  readonly isGreeted?: boolean;
  /** True once enough was heard; a connection alone is enough if it is left out. */
  readonly isEnough?: (heard: string) => boolean;
  /** TLS from the first byte; the certificate must be good, with these anchors or the system's. */
  readonly tls?: {
    readonly anchorsFile: string | undefined;
    /** True where the gateway takes the anchors of the system, and not those that Node brings. */
    readonly isSystem?: boolean;
  };
  readonly timeoutMs?: number;
}

/** Connects, says a little, listens a little, and goes; never longer than its timeout. */
export async function dial(place: Place, dialogue: Dialogue = {}): Promise<Dialled> {
  try {
    const socket = await open(place, dialogue);
    return await converse(socket, dialogue);
  } catch (error) {
    return { kind: 'silent', reason: reasonOf(error) };
  }
}

async function open(place: Place, { tls }: Dialogue): Promise<Socket> {
  if (tls === undefined || 'path' in place) return connect(place);
  const { anchorsFile = null, isSystem = false } = tls;
  const ca = anchorsFile === null && !isSystem ? {} : { ca: await anchorsOf(anchorsFile) };
  const name = isIP(place.host) === 0 ? { servername: place.host } : {};
  return connectTls({ ...place, ...ca, ...name });
}

async function converse(socket: Socket, dialogue: Dialogue): Promise<Dialled> {
  const { say, isGreeted = false, isEnough, tls, timeoutMs = TIMEOUT_MS } = dialogue;
  const { promise, resolve } = Promise.withResolvers<Dialled>();
  let heard = '';
  const silent = (reason: string): void => resolve({ kind: 'silent', reason });
  const timer = setTimeout(() => silent(`no answer within ${timeoutMs / 1_000} s`), timeoutMs);
  socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
    if (say !== undefined && !isGreeted) socket.write(say);
    if (isEnough === undefined) resolve({ kind: 'answered', text: '' });
  });
  socket.on('data', (chunk: Buffer) => {
    const isFirst = !isWholeReply(heard);
    heard = (heard + chunk.toString('latin1')).slice(0, MAX_TEXT_BYTES);
    if (isGreeted && isFirst && isWholeReply(heard)) {
      if (!heard.startsWith('2')) resolve({ kind: 'answered', text: heard });
      else if (say !== undefined) socket.write(say);
    }
    if (isEnough?.(heard) === true) resolve({ kind: 'answered', text: heard });
  });
  socket.once('error', (error) => silent(reasonOf(error)));
  socket.once('close', () => silent('closed the connection'));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** The last line of an SMTP reply is there (RFC 5321 section 4.2.1). */
export function isWholeReply(heard: string): boolean {
  return /^\d{3}(?: [^\r\n]*)?\r?\n/m.test(heard);
}
