import { chmod, chown, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestCa } from '../harness/ca.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { freePort } from '../harness/ports.ts';
import { postfixMain, postfixMaster } from '../harness/postfix-config.ts';
import { runOk, startProcess } from '../harness/process.ts';
import { isListening, waitFor } from '../harness/wait.ts';
import type { System } from './system.ts';

const NOBODY = 65_534;
const PIPE_PROCESSES = 4;
/** A pipe signs and encrypts at a twentieth of what the others do: a round of it is shorter. */
const PIPE_SHARE = 0.15;

export interface PostfixSystemOptions {
  readonly kind: 'relay' | 'pipe';
  readonly sink: { readonly host: string; readonly port: number };
  /** Makes the keys of the pipe. */
  readonly ca: TestCa;
}

/**
 * Postfix as an administrator would set it up instead of a gateway: relaying over TLS, with or
 * without a content filter that signs and encrypts by the OpenSSL command line.
 */
export async function startPostfixSystem(options: PostfixSystemOptions): Promise<System> {
  const folder = await temporaryFolder(`bench-${options.kind}`);
  const at = (...names: string[]): string => join(folder.path, ...names);
  const host = '127.0.0.1';
  const port = await freePort();
  for (const name of ['etc', 'spool', 'data']) await mkdir(at(name), { mode: 0o755 });
  await chown(at('data'), Number(String(await runOk('id', ['-u', 'postfix']))), 0);
  await writeFile(at('etc', 'main.cf'), mainCf(options, folder.path));
  const filter = options.kind === 'pipe' ? await writeFilter(options.ca, folder.path) : null;
  await writeFile(at('etc', 'master.cf'), masterCf(`${host}:${port}`, filter));
  await copyFile('/etc/postfix/postfix-files', at('etc', 'postfix-files'));
  await writeFile(at('etc', 'dynamicmaps.cf'), '');
  for (const file of ['main.cf', 'master.cf', 'dynamicmaps.cf'])
    await chmod(at('etc', file), 0o644);
  // sendmail(1) as another user takes the configuration of /etc/postfix only. In a mount namespace
  // of its own that is ours, and nobody else sees it.
  const start = `mount --bind ${at('etc')} /etc/postfix && exec postfix start-fg`;
  const server = await startProcess('unshare', [
    '-m',
    '--propagation',
    'private',
    'sh',
    '-c',
    start,
  ]);
  const log = (): Promise<string> => readFile(at('log'), 'utf8').catch(() => '');
  try {
    await waitFor(() => isListening(host, port), { what: `Postfix ${options.kind}` });
  } catch (error) {
    await server.stop();
    throw new Error(`${server.output()}\n${await log()}`, { cause: error });
  }
  return {
    name: options.kind,
    title:
      options.kind === 'pipe'
        ? `Postfix + pipe \`openssl smime -sign \\| openssl smime -encrypt \\| sendmail\`, ${PIPE_PROCESSES} at once`
        : 'Postfix relay, no crypto but TLS',
    host,
    port,
    recipient: 'bob@bravo.example',
    share: options.kind === 'pipe' ? PIPE_SHARE : 1,
    processIds: () => new Map(),
    log: async () => (await log()).split('\n').slice(-40).join('\n'),
    [Symbol.asyncDispose]: async () => {
      // The master is not the process that was started: it is stopped by the id that it wrote down.
      const master = Number((await readFile(at('spool', 'pid', 'master.pid'), 'latin1')).trim());
      if (isAlive(master)) process.kill(master, 'SIGTERM');
      await waitFor(() => !isAlive(master), { what: 'the end of Postfix' });
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** @returns the script, which reads a message and hands it on signed and encrypted. */
async function writeFilter(ca: TestCa, folder: string): Promise<string> {
  const signer = await ca.issueAuthority('domain-signing-authority', 'acme.example');
  const recipient = await ca.issueAuthority('domain-confidentiality-authority', 'bravo.example');
  const copy = async (from: string, name: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, await readFile(from), { mode: 0o600 });
    await chown(path, NOBODY, NOBODY);
    return path;
  };
  const certificate = await copy(signer.certificateFile, 'signer.pem');
  const key = await copy(signer.keyFile, 'signer.key');
  const encryptTo = await copy(recipient.certificateFile, 'recipient.pem');
  const script = join(folder, 'filter.sh');
  const lines = [
    '#!/bin/sh',
    `openssl smime -sign -binary -signer ${certificate} -inkey ${key} | \\`,
    `openssl smime -encrypt -binary -aes256 -from "$1" -to "$2" -subject bench ${encryptTo} | \\`,
    '/usr/sbin/sendmail -G -i -f "$1" -- "$2"',
  ];
  await writeFile(script, `${lines.join('\n')}\n`, { mode: 0o755 });
  await chmod(script, 0o755);
  return script;
}

function mainCf({ sink }: PostfixSystemOptions, folder: string): string {
  return postfixMain('mail.acme.example', folder, {
    relayhost: `[${sink.host}]:${sink.port}`,
    // Rate limits off, and connections kept over TLS too: the best that Postfix can do here.
    in_flow_delay: '0',
    smtpd_client_connection_count_limit: '0',
    smtpd_client_message_rate_limit: '0',
    smtp_tls_security_level: 'encrypt',
    smtp_tls_connection_reuse: 'yes',
    smtp_tls_session_cache_database: `btree:${folder}/data/smtp_scache`,
    smtp_connection_cache_on_demand: 'yes',
  });
}

function masterCf(listen: string, filter: string | null): string {
  const content = filter === null ? '' : '\n  -o content_filter=smimef:dummy';
  const pipe =
    filter === null
      ? []
      : [
          `smimef unix - n n - ${PIPE_PROCESSES} pipe`,
          `  flags=Rq user=nobody null_sender= argv=${filter} \${sender} \${recipient}`,
        ];
  return postfixMaster([
    `${listen} inet n - n - - smtpd${content}`,
    'pickup unix n - n 60 1 pickup',
    'qmgr unix n - n 300 1 qmgr',
    'tlsproxy unix - - n - 0 tlsproxy',
    ...pipe,
  ]);
}
