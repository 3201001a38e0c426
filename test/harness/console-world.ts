/**
 * A gateway as people meet it after a while: partners in several states, mail that went on, waits, is
 * held, failed and was refused, a proposal, an invitation, keys that end soon. Its clock is ahead.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addAccount } from '@sallyport/accounts';
import { formatPemCertificate } from '@sallyport/pki';
import { formatStoredReport, storedReportName } from '@sallyport/transport';
import { type ConsoleGateway, startConsole } from './console.ts';
import { startDns } from './dns.ts';
import { temporaryFolder } from './folder.ts';
import { makeMailCertificates } from './mail-certificates.ts';
import { textMessage } from './messages.ts';
import { politeScript, type Script, startScriptedServer } from './scripted-server.ts';
import { unrecorded } from './sign-in-steps.ts';
import { sendMessage } from './smtp-client.ts';
import { waitFor } from './wait.ts';

/** What strangers wrote, wherever they may write. */
export const HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(1)>';
/** Debian packages that it needs beside the browser's. */
export const WORLD_PACKAGES = ['nsd', 'unbound', 'bind9-dnsutils', 'ldnsutils'] as const;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** The certificates of the gateway are made for 825 days: they end 20 days after the world's end. */
const DAYS_AHEAD = 805;
const OUR = 'alice@acme.example';

function day(from: Date, days: number): string {
  return new Date(from.getTime() + days * DAY_MS).toISOString().slice(0, 10);
}

function agreement(id: string, validUntil: string) {
  return { id, asserts: 'staff login', validUntil, contact: 'security@bravo.example' };
}

/** Partners: held for want of a certificate, ending, ended, not encrypted to, with many domains. */
function policyFor(now: Date, pinned: string): { readonly partners: readonly object[] } {
  const tls = { level: 'may' };
  const inbound = { signature: 'when-present', encryption: 'when-present' };
  const sites = Array.from({ length: 12 }, (_, at) => `site-${at + 1}.echo.example`);
  return {
    partners: [
      {
        name: `Bravo ${HOSTILE}`,
        domains: ['bravo.example'],
        agreement: {
          ...agreement(`RPA ${HOSTILE}`.slice(0, 60), day(now, 400)),
          asserts: `staff login ${HOSTILE}`,
        },
        outbound: { discovery: ['pinned'] },
        tls: { level: 'secure', match: ['.bravo.example'] },
      },
      {
        name: 'Charlie Clinic',
        domains: ['charlie.example'],
        agreement: agreement('RPA-2026-12', day(now, 12)),
        outbound: { encrypt: 'when-possible', discovery: ['pinned'] },
        trust: { pinned: [pinned] },
        inbound,
        tls,
      },
      {
        name: 'Delta Diagnostics',
        domains: ['delta.example', '*.delta.example'],
        agreement: agreement('RPA-2024-3', day(now, -40)),
        outbound: { encrypt: 'when-possible', discovery: ['pinned'] },
        inbound,
        tls,
      },
      {
        name: 'Regional Association of Independent Laboratories and Blood Banks',
        domains: ['echo.example', ...sites],
        outbound: { encrypt: 'none', sign: 'domain', discovery: ['pinned'] },
        tls,
      },
      {
        name: 'Foxtrot Insurance',
        domains: ['foxtrot.example'],
        outbound: { otherwise: 'refuse', discovery: ['pinned'] },
      },
    ],
  };
}

/** The outside world: most is taken, `gone` is nobody, `full` has no room. */
const outside: Script = (line, session) => {
  if (/^RCPT TO:<gone@/i.test(line)) return '550 5.1.1 no such mailbox here, ask the registry desk';
  if (/^RCPT TO:<full@/i.test(line)) return '452 4.2.2 mailbox full, try again later';
  return politeScript(['8BITMIME', 'SMTPUTF8', 'DSN'])(line, session);
};

const ZONES = ['charlie', 'delta', 'echo', 'public'].map((name) => ({
  name: `${name}.example`,
  records: [`${name}.example. IN MX 10 mx.${name}.example.`, 'mx IN A 127.0.0.1'],
  kind: 'plain' as const,
}));

/** What comes and goes, by hours before the end. */
const MAIL: readonly (readonly [hours: number, recipients: readonly string[]])[] = [
  [22, ['bob@charlie.example', 'lab@echo.example', 'bob@bravo.example']],
  [17, ['bob@charlie.example', 'gone@charlie.example', 'x@public.example', 'y@public.example']],
  [9, ['"<b>bold</b>"@bravo.example', 'lab@site-3.echo.example', 'eve@foxtrot.example']],
  [4, ['anna@delta.example', 'bob@charlie.example', 'z@public.example', 'gone@public.example']],
  [
    1,
    [
      'full@public.example',
      'full@charlie.example',
      'someone@nowhere.example',
      'eve@foxtrot.example',
    ],
  ],
  [0, ['bob@charlie.example', 'lab@echo.example', 'carol@bravo.example']],
];

/** Starts it and lets a day pass. */
export async function startConsoleWorld(): Promise<ConsoleGateway> {
  await using starting = new AsyncDisposableStack();
  const end = new Date(Date.now() + DAYS_AHEAD * DAY_MS);
  const beginning = new Date(end.getTime() - 23 * HOUR_MS);
  const own = starting.use(await temporaryFolder('outside'));
  const { ofAuthority } = await makeMailCertificates(own.path);
  const pinned = formatPemCertificate(await ofAuthority('charlie.example'));
  const inner = starting.use(await startScriptedServer(politeScript(['8BITMIME', 'SMTPUTF8'])));
  const world = starting.use(await startScriptedServer(outside));
  const dns = starting.use(await startDns(ZONES));
  const made = starting.use(
    await startConsole({
      policy: policyFor(end, pinned),
      gateway: {
        testClock: beginning,
        innerPort: inner.port,
        egressPort: world.port,
        dnsPort: dns.port,
        config: { policy: { fourEyes: true } },
      },
    }),
  );
  await keepReport(made.gateway.layout.tlsReportsReceived, end);
  let sent = 0;
  for (const [hours, recipients] of MAIL) {
    await made.gateway.setTime(new Date(end.getTime() - hours * HOUR_MS));
    for (const to of recipients) await send(made, to);
    sent += recipients.length;
    await settled(made, sent);
  }
  await propose(made);
  await made.call('mail-admin', '/api/v1/destinations/delta.example/pause', { method: 'POST' });
  await invite(made.store, end);
  const all = starting.move();
  return { ...made, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function send({ gateway }: ConsoleGateway, to: string): Promise<void> {
  const data = textMessage({ from: OUR, to, text: 'hello', subject: HOSTILE });
  await sendMessage(gateway.relay, { from: OUR, to: [to], data });
}

const FATES = ['relayed', 'failed', 'deferred', 'held', 'refused'];

/** Until so many messages have met what becomes of them. */
async function settled({ gateway }: ConsoleGateway, messages: number): Promise<void> {
  const areDone = async (): Promise<boolean> => {
    const met = (await gateway.events()).filter(({ kind }) => FATES.includes(kind));
    return new Set(met.map(({ queueId }) => queueId)).size >= messages;
  };
  await waitFor(areDone, { what: 'the fate of each message' });
}

/** A partner that is proposed and waits for an approver. */
async function propose(world: ConsoleGateway): Promise<void> {
  const order = async (path: string, read: string, body: object) => {
    const { headers } = await world.call('security-admin', `/api/v1${read}`);
    const condition = { 'if-match': String(headers['etag']) };
    const call = { method: 'POST', body, headers: condition };
    return await world.call('security-admin', `/api/v1${path}`, call);
  };
  const record = { name: 'Golf Pharmacy', domains: ['golf.example'], tls: { level: 'encrypt' } };
  const made = await order('/partners', '/policy', { record, reason: 'agreed in the meeting' });
  const { version } = made.json() as { version: number };
  const path = `/policy/versions/${version}`;
  const proposed = await order(`${path}/propose`, path, {});
  if (proposed.status !== 200) throw new Error(proposed.text);
}

async function invite(store: ConsoleGateway['store'], now: Date): Promise<void> {
  const order = { name: 'dora.longname-of-the-night-shift', now } as const;
  const roles = ['mail-admin', 'approver', 'auditor'] as const;
  await store.change((all) => addAccount(all, { ...order, roles }), unrecorded);
}

/** A report of a partner whose words all try to be markup. */
export async function keepReport(folder: string, now: Date): Promise<void> {
  const start = new Date(`${day(now, -2)}T00:00:00Z`);
  const end = new Date(start.getTime() + DAY_MS - 1_000);
  const nobody = { sendingIp: null, helo: null, receivingIp: null, moreUri: null };
  const detail = { result: 'certificate-expired', mx: 'gw.acme.example', sessions: 3 };
  const details = [{ ...nobody, ...detail, reason: `X509 ${HOSTILE}` }];
  const counts = { successes: 40, failures: 3, details };
  const of = { domain: 'acme.example', strings: [], mxHosts: [] };
  const text = formatStoredReport({
    domain: of.domain,
    submitter: 'bravo.example',
    dkimDomain: 'bravo.example',
    receivedAt: end,
    report: {
      organisation: HOSTILE,
      contact: HOSTILE,
      id: 'one',
      start,
      end,
      policies: [{ type: 'sts', ...of, ...counts }],
    },
  });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, storedReportName('b'.repeat(16), '1'.repeat(16))), text);
}
