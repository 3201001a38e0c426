import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { ServerIdentity } from './certificates.ts';

/** What a scripted next hop does; what is left out it does well. */
export interface Script {
  readonly identity?: ServerIdentity;
  readonly greeting?: string;
  readonly extensions?: readonly string[];
  /** Octets written in answer to STARTTLS instead of a handshake. */
  readonly starttls?: string;
  /** Octets in clear that come right behind the 220 of STARTTLS. */
  readonly injected?: string;
  readonly maxTlsVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL's list of what it speaks below TLS 1.3. */
  readonly ciphers?: string;
  /** Asks clients for a certificate; whatever they show, or none, is taken. */
  readonly asksForCertificate?: boolean;
  /** A reply of its own for a command; `die` ends the connection; undefined is the usual reply. */
  readonly reply?: (command: string, session: { readonly isTls: boolean }) => string | undefined;
  /** The reply to the final dot; `die` ends the connection in mid-DATA instead. */
  readonly afterData?: (data: string) => string;
}

interface ReceivedMessage {
  readonly mail: string;
  readonly recipients: readonly string[];
  readonly data: Buffer;
  readonly isTls: boolean;
}

export interface ScriptedServer extends AsyncDisposable {
  readonly port: number;
  readonly messages: ReceivedMessage[];
  /** Every octet that arrived in clear. */
  clear(): string;
  /** Every command, in order, clear or not. */
  readonly commands: string[];
  connections(): number;
  /** What each client asked for by SNI and showed of itself. */
  readonly clients: { readonly serverName: string; readonly certificate: string | null }[];
}

/** A next hop on loopback that misbehaves as told. */
export async function startScriptedServer(
  script: Script,
  at: { readonly host?: string; readonly port?: number } = {},
): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  const messages: ReceivedMessage[] = [];
  const commands: string[] = [];
  const clear: Buffer[] = [];
  const clients: ScriptedServer['clients'] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    talk(socket, { script, messages, commands, clear, clients, isTls: false });
    socket.write(script.greeting ?? '220 mx.bravo.example ESMTP\r\n');
  });
  server.listen(at.port ?? 0, at.host ?? '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    messages,
    commands,
    clients,
    clear: () => Buffer.concat(clear).toString('latin1'),
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Talk {
  readonly script: Script;
  readonly messages: ReceivedMessage[];
  readonly commands: string[];
  readonly clear: Buffer[];
  readonly clients: ScriptedServer['clients'];
  readonly isTls: boolean;
}

function talk(socket: Socket, context: Talk): void {
  let rest: Buffer = Buffer.alloc(0);
  let isData = false;
  let mail = '';
  let recipients: string[] = [];
  const say = (text: string): void => {
    if (text === 'die') socket.destroy();
    else socket.write(text);
  };
  const takeData = (): boolean => {
    const end = rest.subarray(0, 3).equals(Buffer.from('.\r\n')) ? 0 : rest.indexOf('\r\n.\r\n');
    if (context.script.afterData?.('') === 'die') {
      socket.destroy();
      return false;
    }
    if (end === -1) return false;
    const raw = rest.subarray(0, end === 0 ? 0 : end + 2).toString('latin1');
    rest = rest.subarray(end === 0 ? 3 : end + 5);
    const data = Buffer.from(raw.replace(/(^|\r\n)\./g, '$1'), 'latin1');
    isData = false;
    const reply = context.script.afterData?.(raw) ?? '250 2.0.0 queued as 4711\r\n';
    if (reply.startsWith('250')) {
      context.messages.push({ mail, recipients, data, isTls: context.isTls });
    }
    say(reply);
    return true;
  };
  const note = (line: string, verb: string, own: string | undefined): void => {
    if (verb === 'MAIL') [mail, recipients] = [own?.startsWith('2') === false ? '' : line, []];
    if (verb === 'RCPT' && mail !== '' && (own === undefined || own.startsWith('2')))
      recipients.push(line);
  };
  const take = (line: string): void => {
    context.commands.push(line);
    const verb = line.slice(0, 4).toUpperCase();
    const own = context.script.reply?.(line, context);
    if (verb === 'STAR' && own === undefined) {
      startTls(socket, context);
      return;
    }
    note(line, verb, own);
    const nobody =
      verb === 'DATA' && recipients.length === 0 ? '554 5.5.1 no recipients\r\n' : null;
    const answer = own ?? nobody ?? usual(verb, context);
    isData = verb === 'DATA' && answer.startsWith('354');
    say(answer);
    if (verb === 'QUIT') socket.end();
  };
  socket.on('data', (chunk: Buffer) => {
    if (!context.isTls) context.clear.push(chunk);
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      if (isData) {
        if (!takeData()) return;
        continue;
      }
      const end = rest.indexOf('\r\n');
      if (end === -1) return;
      const line = rest.toString('utf8', 0, end);
      rest = rest.subarray(end + 2);
      take(line);
    }
  });
}

function usual(verb: string, { script, isTls }: Talk): string {
  if (verb === 'EHLO') {
    const offered = script.extensions ?? ['PIPELINING', '8BITMIME', 'SIZE 1000000'];
    const lines = [
      'mx.bravo.example',
      ...offered,
      ...(script.identity !== undefined && !isTls ? ['STARTTLS'] : []),
    ];
    return lines.map((line, at) => `250${at === lines.length - 1 ? ' ' : '-'}${line}\r\n`).join('');
  }
  if (verb === 'DATA') return '354 go ahead\r\n';
  if (verb === 'QUIT') return '221 2.0.0 bye\r\n';
  return '250 2.0.0 ok\r\n';
}

function startTls(socket: Socket, context: Talk): void {
  const { script } = context;
  socket.write(script.starttls ?? `220 2.0.0 go ahead\r\n${script.injected ?? ''}`);
  const { identity } = script;
  if (script.starttls !== undefined || identity === undefined) return;
  socket.removeAllListeners('data');
  let asked = '';
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: createSecureContext({
      ...identity,
      maxVersion: script.maxTlsVersion ?? 'TLSv1.3',
      ...(script.ciphers === undefined ? {} : { ciphers: script.ciphers }),
    }),
    requestCert: script.asksForCertificate === true,
    SNICallback: (name, give) => {
      asked = name;
      give(null);
    },
  });
  secure.once('secure', () => {
    const certificate = secure.getPeerX509Certificate()?.subject ?? null;
    context.clients.push({ serverName: asked, certificate });
  });
  secure.on('error', () => socket.destroy());
  talk(secure, { ...context, isTls: true });
}
