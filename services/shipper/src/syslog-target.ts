import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { anchorsOf } from '@sallyport/transport';
import type { TargetOptions } from './options.ts';
import type { Checkpoint, Shipped, Target } from './target.ts';

const DEADLINE_MS = 15_000;
/** So long a server has to end a session that it does not want. */
const PATIENCE_MS = 500;
/** Facility 13 (log audit), severity 5 (notice): RFC 5424 section 6.2.1. */
const PRIORITY = 13 * 8 + 5;
const MAX_HOSTNAME_CHARS = 255;

/** Sends each head as one syslog message over TLS; the server's certificate must have its name. */
export function syslogTarget(
  options: Extract<TargetOptions, { kind: 'syslog' }>,
  gatewayName: string,
): Target {
  return {
    name: `syslog ${options.host}:${options.port}`,
    ship: async (checkpoint) => await ship(options, syslogFrame(checkpoint, gatewayName)),
  };
}

/** A message as RFC 5424 section 6 has it, with its length before it (RFC 5425 section 4.3). */
export function syslogFrame({ time, text }: Checkpoint, gatewayName: string): Buffer {
  const host = gatewayName.replace(/[^!-~]/g, '').slice(0, MAX_HOSTNAME_CHARS) || '-';
  const message = Buffer.from(`<${PRIORITY}>1 ${time} ${host} sallyport - audit-head - ${text}`);
  return Buffer.concat([Buffer.from(`${message.length} `), message]);
}

async function ship(
  { host, port, anchorsFile }: Extract<TargetOptions, { kind: 'syslog' }>,
  frame: Buffer,
): Promise<Shipped> {
  const ca = await anchorsOf(anchorsFile).catch((error: Error) => error);
  if (ca instanceof Error) return { kind: 'away', reason: ca.message };
  return await new Promise((resolve) => {
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = connect({ host, port, ca, ...name, minVersion: 'TLSv1.2' });
    let sending: NodeJS.Timeout | undefined;
    let isSent = false;
    const settle = (result: Shipped): void => {
      clearTimeout(deadline);
      clearTimeout(sending);
      socket.destroy();
      resolve(result);
    };
    const away = (reason: string): void => settle({ kind: 'away', reason });
    const deadline = setTimeout(() => away(`no end within ${DEADLINE_MS / 1_000} s`), DEADLINE_MS);
    socket.once('error', (error: Error) => away(error.message));
    // A server that wants none of it ends the session as soon as there is one.
    socket.once('secureConnect', () => {
      sending = setTimeout(() => {
        isSent = true;
        socket.end(frame);
      }, PATIENCE_MS);
    });
    // RFC 5425 section 4.4: close_notify. Syslog has no reply; that the server took the message and
    // closed in turn is the most that can be known.
    socket.once('end', () => {
      if (isSent) settle({ kind: 'shipped' });
      else away('the server closed the connection before it was sent anything');
    });
    socket.once('close', () => away('the server closed the connection'));
    socket.resume();
  });
}
