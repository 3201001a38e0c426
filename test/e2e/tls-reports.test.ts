import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { formatTlsReport, type TlsReport } from '@sallyport/transport';
import { startDns } from '../harness/dns.ts';
import { type Gateway, makeGateway, sallyport } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { freePort } from '../harness/ports.ts';
import { politeScript, startScriptedServer } from '../harness/scripted-server.ts';
import { type Reply, sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** 20:00 of today: what is sent now is reported after midnight. */
const START = Math.floor(Date.now() / DAY_MS) * DAY_MS + 20 * 3_600_000;
const ADDRESSES = { acme: '127.0.0.51', bravo: '127.0.0.52' } as const;
type Side = keyof typeof ADDRESSES;
const SIDES = ['acme', 'bravo'] as const;

const skip = skipWithout('nsd', 'unbound', 'bind9-dnsutils', 'openssl');

/** What the command line prints, parsed. */
async function cli(...args: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const { code, stdout, stderr } = await sallyport(...args);
  assert.equal(code, 0, stderr);
  return String(stdout)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A DKIM key in use, and its TXT record as a line of the zone. */
async function addDkimKey({ configFile }: Gateway): Promise<string> {
  const config = ['--config', configFile, '--json'];
  const [made] = await cli('key', 'generate', '--for', 'dkim', '--selector', 's1', ...config);
  const { keyId, publish } = made as unknown as { keyId: string; publish: { data: string } };
  await cli('key', 'activate', keyId, ...config);
  return `s1._domainkey IN TXT ${publish.data}`;
}

interface World {
  readonly gateways: Readonly<Record<Side, Gateway>>;
}

async function makeWorld(stack: AsyncDisposableStack): Promise<World> {
  const dnsPort = await freePort();
  const port = await freePort(ADDRESSES.acme);
  const inner = stack.use(await startScriptedServer(politeScript()));
  const make = async (side: Side): Promise<Gateway> =>
    stack.use(
      await makeGateway({
        ...{ domain: `${side}.example`, innerPort: inner.port, dnsPort, egressPort: port },
        ...{ address: ADDRESSES[side], partnerPort: port, testClock: new Date(START) },
        config: { retry: { expiry: '1h' } },
      }),
    );
  const [acme, bravo] = await Promise.all([make('acme'), make('bravo')]);
  const gateways = { acme, bravo };
  const zones = await Promise.all(
    SIDES.map(async (side) => ({
      name: `${side}.example`,
      records: [
        '@ IN MX 10 mx',
        `mx IN A ${ADDRESSES[side]}`,
        `_smtp._tls IN TXT "v=TLSRPTv1; rua=mailto:tls-reports@${side}.example"`,
        await addDkimKey(gateways[side]),
      ],
    })),
  );
  stack.use(await startDns(zones, { port: dnsPort }));
  for (const [side, other] of [SIDES, SIDES.toReversed()] as [Side, Side][]) {
    const record = {
      name: other,
      domains: [`${other}.example`],
      outbound: { sign: 'none', encrypt: 'none' },
      inbound: { signature: 'domain-required', encryption: 'required' },
      // The CA of the other's certificate is not in the system's list: TLS is broken both ways.
      tls: { level: 'secure', match: [`mx.${other}.example`] },
    };
    await gateways[side].setPolicy({ partners: [record] });
    await gateways[side].setTime(new Date(START));
  }
  await Promise.all(SIDES.map((side) => gateways[side].start()));
  return { gateways };
}

describe('TLS reports between two gateways whose TLS is broken', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: World;

  before(async () => {
    world = await makeWorld(stack);
  });
  after(() => stack.disposeAsync());

  const received = async (side: Side): Promise<readonly Record<string, unknown>[]> =>
    await cli('tls-report', 'list', '--json', '--config', world.gateways[side].configFile);
  const passTo = async (time: number): Promise<void> => {
    for (const side of SIDES) await world.gateways[side].setTime(new Date(time));
  };
  const failuresIn = async (side: Side): Promise<number> =>
    (await world.gateways[side].events('deferred')).length +
    (await world.gateways[side].events('expired')).length;

  test('RFC 8460 section 3: each learns what went wrong, and reports beget no reports', {
    timeout: 60_000,
  }, async () => {
    for (const [side, other] of [SIDES, SIDES.toReversed()] as [Side, Side][]) {
      const [from, to] = [`alice@${side}.example`, `bob@${other}.example`];
      const data = textMessage({ from, to, text: 'hello' });
      const sent = await sendMessage(world.gateways[side].relay, { from, to: [to], data });
      assert.match(sent.text, /^250 /);
      await waitFor(async () => (await failuresIn(side)) > 0, { what: 'a failed delivery' });
    }
    // Four hours after midnight every delay that may be drawn is over.
    const midnight = START + 4 * 3_600_000;
    await passTo(midnight + 4 * 3_600_000 + 2 * MINUTE_MS);
    for (const side of SIDES) {
      const isThere = async (): Promise<boolean> =>
        (await readdir(world.gateways[side].layout.tlsReportsReceived)).length > 0;
      await waitFor(isThere, { what: `a report to ${side}` });
    }
    const [[toBravo, ...more]] = [await received('bravo')];
    assert.deepEqual(more, []);
    const { report, submitter, domain, dkimDomain } = toBravo as unknown as {
      readonly report: TlsReport;
      readonly submitter: string;
      readonly domain: string;
      readonly dkimDomain: string;
    };
    assert.deepEqual(
      [submitter, dkimDomain, domain],
      ['acme.example', 'acme.example', 'bravo.example'],
    );
    const [policy] = report.policies;
    assert.equal(policy?.type, 'no-policy-found');
    assert.equal(policy?.successes, 0);
    assert.ok((policy?.failures ?? 0) >= 1);
    assert.equal(policy?.details[0]?.result, 'certificate-not-trusted');
    assert.equal(policy?.details[0]?.receivingIp, ADDRESSES.bravo);
    // Nothing but reports went over the line since: had they been counted, each day had its own.
    for (const days of [1, 2]) {
      await passTo(midnight + days * DAY_MS + 4 * 3_600_000 + 4 * MINUTE_MS);
      const today = new Date(midnight + days * DAY_MS).toISOString().slice(0, 10);
      for (const side of SIDES) {
        const counts = world.gateways[side].layout.tlsReportCounts;
        const isReported = async (): Promise<boolean> =>
          (await readdir(counts)).every((name) => name.slice(0, 10) >= today);
        await waitFor(isReported, { what: `the reports of ${side} on day ${days}` });
      }
    }
    for (const side of SIDES) {
      const all = await received(side);
      assert.ok(all.length <= 2, JSON.stringify(all));
      const reported = all.flatMap((one) => (one as unknown as { report: TlsReport }).report);
      const sessions = reported
        .flatMap(({ policies }) => policies)
        .reduce((sum, one) => sum + one.successes, 0);
      assert.equal(sessions, 0, 'no report was counted');
    }
    const shown = await sallyport(
      ...['tls-report', 'show', String(toBravo?.['id'])],
      ...['--config', world.gateways.bravo.configFile],
    );
    assert.match(
      String(shown.stdout),
      /certificate-not-trusted at mx\.bravo\.example\[127\.0\.0\.52\]/,
    );
  });

  const plain: TlsReport = {
    organisation: 'x',
    start: new Date(START),
    end: new Date(START),
    contact: 'postmaster@acme.example',
    id: 'forged',
    policies: [],
  };
  const reportMail = (report: TlsReport, change: { readonly packed?: Buffer } = {}): string =>
    [
      'From: postmaster@acme.example',
      'To: tls-reports@bravo.example',
      'Subject: Report',
      `Message-ID: <${Math.random()}@acme.example>`,
      'TLS-Report-Domain: bravo.example',
      'TLS-Report-Submitter: acme.example',
      'MIME-Version: 1.0',
      'Content-Type: application/tlsrpt+gzip',
      'Content-Transfer-Encoding: base64',
      '',
      (change.packed ?? gzipSync(formatTlsReport(report)))
        .toString('base64')
        .replaceAll(/(.{76})/g, '$1\r\n'),
      '',
    ].join('\r\n');
  const toReports = async (data: string): Promise<Reply> =>
    await sendMessage(world.gateways.bravo.partner, {
      from: '',
      to: ['tls-reports@bravo.example'],
      data,
    });

  test('hostile: unsigned reports, bombs and mail for people are refused there, and kept nowhere', async () => {
    const before = (await received('bravo')).length;
    for (const data of [
      reportMail(plain),
      reportMail(plain, { packed: gzipSync(Buffer.alloc(64 * 1024 * 1024)) }),
      textMessage({
        ...{ from: 'a@acme.example', to: 'tls-reports@bravo.example', text: 'hello' },
      }).toString('latin1'),
    ]) {
      const reply = await toReports(data);
      assert.match(reply.text, /^554 5\.6\.0 /, data.slice(0, 300));
    }
    assert.equal((await received('bravo')).length, before);
  });

  test('the address of reports shares its transaction with nobody', async () => {
    const { partner } = world.gateways.bravo;
    const to = ['bob@bravo.example', 'tls-reports@bravo.example'];
    const reply = await sendMessage(partner, { from: 'eve@x.example', to, data: 'a: b\r\n\r\n' });
    assert.match(reply.text, /^452 4\.5\.3 /);
  });
});
