import type { Socket } from 'node:net';
import { listenTcp, type Place, type TcpServer } from './tcp-server.ts';

/** Answers a command line, or the end of data; null closes the connection without an answer. */
export type Script = (line: string, session: { readonly seen: readonly string[] }) => string | null;

export interface ScriptedServer extends TcpServer {
  /** Every line of every session, message data included. */
  readonly lines: readonly string[];
}

/** Plain manners without any extension; a script changes single answers. */
export function politeScript(extensions: readonly string[] = []): Script {
  return (line) => {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'EHLO')
      return ['250-scripted.test', ...extensions.map((one) => `250-${one}`), '250 HELP'].join(
        '\r\n',
      );
    if (verb === 'DATA') return '354 go on';
    if (verb === 'QUIT') return '221 bye';
    return '250 ok';
  };
}

/** An SMTP server that says what its script says, however hostile. */
export async function startScriptedServer(script: Script, at: Place = {}): Promise<ScriptedServer> {
  const lines: string[] = [];
  return { ...(await listenTcp((socket) => talk(socket, script, lines), at)), lines };
}

function talk(socket: Socket, script: Script, lines: string[]): void {
  const seen: string[] = [];
  let buffer = '';
  let inData = false;
  const answer = (text: string | null): void => {
    if (text === null) socket.destroy();
    else socket.write(`${text}\r\n`);
    inData = text?.startsWith('354') === true;
  };
  socket.write('220 scripted.test ESMTP\r\n');
  socket.on('data', (chunk) => {
    buffer += chunk.toString('latin1');
    for (let end = buffer.indexOf('\r\n'); end >= 0; end = buffer.indexOf('\r\n')) {
      const line = buffer.slice(0, end);
      buffer = buffer.slice(end + 2);
      lines.push(line);
      seen.push(line);
      if (!inData || line === '.') answer(script(line, { seen }));
    }
  });
}
