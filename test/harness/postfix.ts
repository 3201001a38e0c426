import { chmod, chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Issued } from './ca.ts';
import { temporaryFolder } from './folder.ts';
import { freePort } from './ports.ts';
import { POSTFIX_DAEMONS, postfixMain, postfixMaster } from './postfix-config.ts';
import { runOk, startProcess } from './process.ts';
import { isListening, waitFor } from './wait.ts';

const NOBODY = 65_534;

export interface PostfixOptions {
  /** `inner` relays what is not its own to the gateway; `partner` is the world outside. */
  readonly role: 'inner' | 'partner';
  readonly name: string;
  readonly domains: readonly string[];
  /** Mailboxes that exist; otherwise every one does. */
  readonly mailboxes?: readonly string[];
  readonly host?: string;
  readonly port?: number;
  readonly tls?: { readonly level: 'none' | 'may' | 'encrypt'; readonly certificate?: Issued };
  /** Where mail for all other domains goes. With `caFile`, over TLS of level secure. */
  readonly relayTo?: {
    readonly host: string;
    readonly port: number;
    readonly secure?: { readonly caFile: string; readonly match: string };
  };
  readonly sizeLimit?: number;
}

/** One message of a Maildir: what Postfix put on top is taken apart, line ends are CR LF. */
interface StoredMessage {
  readonly deliveredTo: string;
  readonly returnPath: string;
  readonly raw: Buffer;
}

export interface Postfix extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly folder: string;
  messages(): Promise<StoredMessage[]>;
  /** Waits for messages that the test is about. @returns all that match, at least `count`. */
  waitForMessages(
    matches: (message: StoredMessage) => boolean,
    options?: { readonly count?: number; readonly timeoutMs?: number },
  ): Promise<StoredMessage[]>;
  log(): Promise<string>;
  /** Tries all that is queued at once. */
  flush(): Promise<void>;
}

/** Starts Postfix as its own instance: own folder, own port, own log. */
export async function startPostfix(options: PostfixOptions): Promise<Postfix> {
  const folder = await temporaryFolder(`postfix-${options.role}`);
  const at = (...names: string[]): string => join(folder.path, ...names);
  const host = options.host ?? '127.0.0.1';
  const port = options.port ?? (await freePort(host));
  for (const name of ['etc', 'spool', 'data', 'mail']) await mkdir(at(name), { mode: 0o755 });
  await chown(at('data'), Number(String(await runOk('id', ['-u', 'postfix']))), 0);
  await chown(at('mail'), NOBODY, NOBODY);
  await writeFile(at('etc', 'main.cf'), mainCf(options, folder.path));
  const master = postfixMaster([
    `${host}:${port} inet n - n - - smtpd`,
    'qmgr unix n - n 1 1 qmgr',
    'virtual unix - n n - - virtual',
  ]);
  await writeFile(at('etc', 'master.cf'), master);
  for (const file of ['main.cf', 'master.cf']) await chmod(at('etc', file), 0o644);
  await runOk('postfix', ['-c', at('etc'), 'check']);
  // master itself, in the foreground: `postfix start-fg` would leave it behind under init.
  const server = await startProcess(`${POSTFIX_DAEMONS}/master`, ['-d', '-c', at('etc')], {
    env: { MAIL_CONFIG: at('etc') },
    ownGroup: true,
  });
  const log = (): Promise<string> => readFile(at('log'), 'utf8').catch(() => '');
  try {
    await waitFor(() => isListening(host, port), { what: `Postfix ${options.name}` });
  } catch (error) {
    await server.stop();
    throw new Error(`${server.output()}\n${await log()}`, { cause: error });
  }
  const messages = (): Promise<StoredMessage[]> => readMaildir(at('mail', 'all', 'new'));
  return {
    host,
    port,
    folder: folder.path,
    messages,
    waitForMessages: (matches, { count = 1, timeoutMs = 15_000 } = {}) =>
      waitFor(
        async () => {
          const found = (await messages()).filter(matches);
          return found.length >= count ? found : null;
        },
        { what: `${count} message(s) at Postfix ${options.name}`, timeoutMs },
      ),
    log,
    flush: async () => {
      await runOk('postqueue', ['-c', at('etc'), '-f']);
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function readMaildir(folder: string): Promise<StoredMessage[]> {
  const names = await readdir(folder).catch(() => []);
  return await Promise.all(
    names.sort().map(async (name) => parseStored(await readFile(join(folder, name), 'latin1'))),
  );
}

// virtual(8) puts Return-Path, X-Original-To and Delivered-To on top, in this order.
function parseStored(text: string): StoredMessage {
  const match = /^Return-Path: <(.*)>\nX-Original-To: .*\nDelivered-To: (.*)\n/.exec(text);
  const rest = text.slice(match?.[0].length ?? 0).replace(/\r?\n/g, '\r\n');
  return {
    returnPath: match?.[1] ?? '',
    deliveredTo: match?.[2] ?? '',
    raw: Buffer.from(rest, 'latin1'),
  };
}

function mainCf(options: PostfixOptions, folder: string): string {
  const { relayTo, tls, mailboxes } = options;
  return postfixMain(options.name, folder, {
    virtual_mailbox_domains: options.domains.join(' '),
    virtual_mailbox_base: `${folder}/mail`,
    virtual_mailbox_maps:
      mailboxes === undefined
        ? 'static:all/'
        : `inline:{${mailboxes.map((one) => `{${one}=all/}`).join(' ')}}`,
    virtual_uid_maps: `static:${NOBODY}`,
    virtual_gid_maps: `static:${NOBODY}`,
    virtual_alias_maps: '',
    virtual_mailbox_limit: '0',
    relayhost: relayTo === undefined ? '[127.0.0.1]:1' : `[${relayTo.host}]:${relayTo.port}`,
    smtpd_recipient_restrictions: 'reject_unlisted_recipient permit_mynetworks reject',
    message_size_limit: String(options.sizeLimit ?? 52_428_800),
    minimal_backoff_time: '1s',
    maximal_backoff_time: '2s',
    queue_run_delay: '1s',
    smtpd_error_sleep_time: '0',
    smtpd_tls_loglevel: '1',
    smtpd_tls_received_header: 'yes',
    smtpd_tls_security_level: tls?.level ?? 'none',
    ...(tls?.certificate === undefined
      ? {}
      : {
          smtpd_tls_cert_file: tls.certificate.certificateFile,
          smtpd_tls_key_file: tls.certificate.keyFile,
        }),
    ...(relayTo?.secure === undefined
      ? { smtp_tls_security_level: 'none' }
      : {
          smtp_tls_security_level: 'secure',
          smtp_tls_CAfile: relayTo.secure.caFile,
          smtp_tls_secure_cert_match: relayTo.secure.match,
        }),
  });
}
