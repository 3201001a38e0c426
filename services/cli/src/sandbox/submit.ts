import { connect, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';

export interface Submission {
  readonly host: string;
  readonly port: number;
  readonly helo: string;
  readonly from: string;
  readonly to: string;
  /** The message, lines ended by CR LF. */
  readonly message: string;
}

const TIMEOUT_MS = 15_000;

/**
 * Hands one message to a relay port, as an inner MTA would (RFC 5321 section 3.3).
 *
 * @returns the server's last reply.
 * @throws Error with the server's reply if it refuses.
 */
export async function submitMessage(submission: Submission): Promise<string> {
  const socket = connect({ host: submission.host, port: submission.port });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('SMTP server took too long')));
  const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
  try {
    const replies = readReplies(lines);
    await expectReply(replies, '220');
    await say(socket, replies, `EHLO ${submission.helo}`, '250');
    await say(socket, replies, `MAIL FROM:<${submission.from}>`, '250');
    await say(socket, replies, `RCPT TO:<${submission.to}>`, '250');
    await say(socket, replies, 'DATA', '354');
    const stuffed = submission.message.replace(/^\./gm, '..');
    const last = await say(socket, replies, `${stuffed}\r\n.`, '250');
    socket.end('QUIT\r\n');
    return last;
  } finally {
    lines.close();
    socket.destroy();
  }
}

async function* readReplies(lines: Interface): AsyncGenerator<string, undefined> {
  for await (const line of lines) {
    // RFC 5321 section 4.2.1: a hyphen after the code says that more lines follow.
    if (line[3] !== '-') yield line;
  }
  return undefined;
}

type Replies = AsyncGenerator<string, undefined>;

async function say(socket: Socket, replies: Replies, line: string, code: string): Promise<string> {
  socket.write(`${line}\r\n`);
  return await expectReply(replies, code);
}

async function expectReply(replies: Replies, code: string): Promise<string> {
  const { value } = await replies.next();
  if (value === undefined) throw new Error('the SMTP server closed the connection');
  if (!value.startsWith(code)) throw new Error(`the SMTP server answered: ${value}`);
  return value;
}
