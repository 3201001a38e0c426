import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DerReader, der, elementLength } from '@sallyport/der';
import { forkService } from '@sallyport/test/forked-service';
import { freePort } from '@sallyport/test/ports';

export const BASE = 'dc=bravo,dc=example';

export const text = (value: string): Buffer => der.octetString(Buffer.from(value));
export const app = (tag: number, ...parts: Buffer[]): Buffer =>
  der.tagged({ tagClass: 'application', tag, constructed: true }, ...parts);
export const message = (id: number, operation: Buffer, ...rest: Buffer[]): Buffer =>
  der.sequence(der.integer(id), operation, ...rest);
export const equals = (attribute: string, value: string): Buffer =>
  der.implicit(3, der.sequence(text(attribute), text(value)));
export const search = (filter: Buffer, baseDn = BASE): Buffer =>
  app(
    3,
    text(baseDn),
    der.enumerated(2),
    der.enumerated(0),
    der.integer(0),
    der.integer(0),
    der.boolean(false),
    filter,
    der.sequence(),
  );
export const bind = (name: string, password: string, version = 3): Buffer =>
  app(0, der.integer(version), text(name), der.implicit(0, text(password)));
export const extended = (oid: string): Buffer => app(23, der.implicit(0, text(oid)));

export interface Response {
  readonly id: number;
  readonly tag: number;
  /** Null for an entry. */
  readonly code: number | null;
  readonly bytes: Buffer;
}

/** Everything that is answered until we or the directory end the connection. */
export async function talk(port: number, sent: Buffer, expected: number): Promise<Response[]> {
  const socket = connect({ host: '127.0.0.1', port });
  const responses: Response[] = [];
  let pending: Buffer = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      const length = pending.length < 2 ? null : elementLength(pending);
      if (length === null || pending.length < length) return;
      responses.push(parseResponse(pending.subarray(0, length)));
      pending = pending.subarray(length);
      if (responses.length >= expected) socket.destroy();
    }
  });
  socket.write(sent);
  await once(socket, 'close');
  return responses;
}

export function parseResponse(bytes: Buffer): Response {
  const reader = new DerReader(bytes).sequence();
  const id = reader.smallInteger();
  const operation = reader.next();
  const code = operation.tag === 4 ? null : reader.inside(operation).enumerated();
  return { id, tag: operation.tag, code, bytes };
}

export const codes = (responses: readonly Response[]) =>
  responses.map(({ tag, code }) => [tag, code]);

export const entriesOf = (...mails: string[]): string =>
  JSON.stringify({
    entries: mails.map((mail) => ({
      cn: mail,
      mail: [mail],
      userCertificate: [Buffer.from(`certificate of ${mail}`).toString('base64')],
    })),
  });

export interface Running extends AsyncDisposable {
  readonly folder: string;
  /** LDAP. */
  readonly port: number;
  readonly ldaps: number;
  readonly http: number;
  readonly https: number;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** Limits and further options of a directory under test. */
export interface Wanted {
  readonly limits?: Record<string, number>;
  readonly options?: Record<string, unknown>;
  /** Listen for LDAPS, HTTP and HTTPS as well, with this certificate of a test CA. */
  readonly tls?: { readonly certificatePem: string; readonly keyPem: string };
  /** Called with the folder before the start. */
  readonly prepare?: (folder: string) => Promise<void>;
}

/** Starts the directory as a process of its own, as the supervisor does. */
export async function start(wanted: Wanted = {}): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-directory-'));
  const [port, ldaps, http, https] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const host = '127.0.0.1';
  const at = (name: string): string => join(folder, name);
  const { tls } = wanted;
  if (tls !== undefined) {
    await writeFile(at('tls.pem'), tls.certificatePem);
    await writeFile(at('tls-key.pem'), tls.keyPem);
  }
  const options = {
    listen: [
      { host, port, tls: false },
      ...(tls === undefined ? [] : [{ host, port: ldaps, tls: true }]),
    ],
    http: [
      { host, port: http, tls: false },
      ...(tls === undefined ? [] : [{ host, port: https, tls: true }]),
    ],
    ...(tls === undefined
      ? {}
      : { tlsCertificateFile: at('tls.pem'), tlsKeyFile: at('tls-key.pem') }),
    entriesFile: at('entries.json'),
    usersFolder: at('users'),
    crlFile: at('ca.crl'),
    statements: [{ domain: 'bravo.example', file: at('statement.jws') }],
    baseDn: [BASE],
    limits: wanted.limits ?? {},
    ...wanted.options,
  };
  await writeFile(options.entriesFile, entriesOf('bob@bravo.example', 'carol@bravo.example'));
  await wanted.prepare?.(folder);
  await writeFile(at('options.json'), JSON.stringify(options));
  const main = new URL('./main.ts', import.meta.url);
  const { child, stop: end } = await forkService(main, at('options.json'));
  const stop = async (): Promise<void> => {
    await end();
    await rm(folder, { recursive: true, force: true });
  };
  return { folder, port, ldaps, http, https, child, stop, [Symbol.asyncDispose]: stop };
}
