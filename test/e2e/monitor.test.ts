import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connectSocket, recorderProtocol } from '@sallyport/ipc';
import {
  type ScriptedServer,
  startScriptedServer,
} from '../../packages/transport/src/test-support/scripted-server.ts';
import { makeCa } from '../harness/ca.ts';
import { type Family, readExposition } from '../harness/exposition.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, sallyport, startGateway } from '../harness/gateway.ts';
import { type HttpsCollector, startHttpsCollector } from '../harness/head-collectors.ts';
import { textMessage } from '../harness/messages.ts';
import { freePort } from '../harness/ports.ts';
import { sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const START = Date.now();
const HOUR_MS = 3_600_000;
/** A jump of the clock wakes every process at once: on a busy machine that takes its time. */
const SLOW_MS = 45_000;
const DAY_MS = 24 * HOUR_MS;
const OWNER = 'ops@acme.example';
const GONE = 'gone@acme.example';
const PROCESSES = [
  'recorder',
  'keyholder',
  'worker-outward',
  'worker-inward',
  'worker-advise',
  'egress',
  'directory',
  'ingress',
];

interface Ready {
  readonly status: number;
  readonly reasons: readonly string[];
  readonly impaired: readonly string[];
}

interface Alert {
  readonly id: string;
  readonly status: 'raised' | 'still' | 'resolved';
  readonly sentence: string;
}

describe('the monitor of a running gateway', { concurrency: false }, () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let hook: HttpsCollector;
  let inner: ScriptedServer;
  let partner: ScriptedServer;
  let isPartnerBusy = false;
  let url = '';

  before(async () => {
    const folder = stack.use(await temporaryFolder('monitor'));
    const ca = await makeCa(folder.path);
    hook = stack.use(await startHttpsCollector(await ca.issueServer('hook', ['localhost'])));
    const reply = (command: string): string | undefined =>
      command.startsWith(`RCPT TO:<${GONE}>`) ? '550 5.1.1 who?\r\n' : undefined;
    inner = stack.use(await startScriptedServer({ reply }));
    const afterData = (): string => (isPartnerBusy ? '451 4.3.0 later\r\n' : '250 2.0.0 ok\r\n');
    partner = stack.use(await startScriptedServer({ afterData }));
    const tokenFile = join(folder.path, 'token');
    await writeFile(tokenFile, 'a-token-of-the-test\n', { mode: 0o600 });
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const route = (domain: string, { port: at }: ScriptedServer) => {
      return { domain, nextHops: [`127.0.0.1:${at}`], tls: { level: 'none' } };
    };
    const world = {
      domain: 'acme.example',
      innerPort: inner.port,
      dnsPort: await freePort(),
      egressPort: await freePort(),
      testClock: new Date(START),
      config: {
        routes: [route('acme.example', inner), route('bravo.example', partner)],
        monitor: {
          listen: [`127.0.0.1:${port}`],
          alerts: {
            mail: {
              to: [GONE, OWNER],
              from: 'gateway@acme.example',
              via: `127.0.0.1:${inner.port}`,
            },
            webhook: {
              url: `https://localhost:${hook.port}/alerts`,
              tokenFile,
              anchorsFile: ca.certificateFile,
            },
            queueAge: '2h',
          },
        },
      },
    };
    const outbound = { sign: 'domain', profile: 'compat', encrypt: 'none' };
    gateway = stack.use(await startGateway(world, { partners: [], default: { outbound } }));
  });
  after(() => stack.disposeAsync());

  const ready = async (): Promise<Ready> => {
    const answer = await fetch(`${url}/readyz`);
    const { reasons, impaired } = (await answer.json()) as Omit<Ready, 'status'>;
    return { status: answer.status, reasons, impaired };
  };
  const untilReady = async (): Promise<void> => {
    await waitFor(async () => (await ready()).status === 200, { what: 'a gateway that is ready' });
  };
  const scrape = async (): Promise<ReadonlyMap<string, Family>> => {
    const answer = await fetch(`${url}/metrics`);
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    return readExposition(await answer.text());
  };
  const figureOf = async (series: string): Promise<number | undefined> => {
    const name = series.replace(/(_bucket|_sum|_count)?\{.*$/, '');
    return (await scrape()).get(name)?.series.get(series);
  };
  const send = async (subject: string): Promise<void> => {
    const [from, to] = ['alice@acme.example', 'bob@bravo.example'];
    const data = textMessage({ from, to, subject, text: 'text', messageId: `${subject}@x` });
    const reply = await sendMessage(gateway.relay, { from, to: [to], data });
    assert.equal(reply.code, 250, reply.text);
  };
  const alerts = (): Alert[] =>
    hook.received.flatMap((text) => (JSON.parse(text) as { alerts: Alert[] }).alerts);
  const about = (id: RegExp): string[] =>
    alerts()
      .filter((alert) => id.test(alert.id))
      .map(({ status }) => status);
  /** Time goes on until the monitor has looked and told. */
  const until = async (what: string, isSo: () => boolean): Promise<void> => {
    const probe = async (): Promise<boolean> => {
      if (!isSo()) await advance(20_000);
      return isSo();
    };
    await waitFor(probe, { what });
  };
  let now = START;
  const advance = async (ms: number): Promise<void> => {
    now += ms;
    await gateway.setTime(new Date(now));
  };

  test('every process answers, and the gateway is ready', { timeout: 20_000 }, async () => {
    await untilReady();
    const answer = await fetch(`${url}/healthz`);
    assert.equal(answer.status, 200);
    const { processes } = (await answer.json()) as { processes: { role: string; ok: boolean }[] };
    assert.deepEqual(
      processes.map(({ role, ok }) => [role, ok]),
      PROCESSES.map((role) => [role, true]),
    );
  });

  test('other paths, methods and headers without end are refused', async () => {
    assert.equal((await fetch(`${url}/`)).status, 404);
    assert.equal((await fetch(`${url}/healthz/..%2f..%2fetc/passwd`)).status, 404);
    const posted = await fetch(`${url}/metrics`, { method: 'POST', body: 'x'.repeat(100_000) });
    assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD']);
    const long = await fetch(`${url}/metrics`, { headers: { x: 'y'.repeat(9_000) } });
    assert.equal(long.status, 431);
    const head = await fetch(`${url}/healthz`, { method: 'HEAD' });
    assert.deepEqual([head.status, await head.text()], [200, '']);
  });

  test('clients that say nothing are let go, and do not keep others away for long', {
    timeout: 20_000,
  }, async () => {
    const port = Number(new URL(url).port);
    const silent = Array.from({ length: 200 }, () => connect(port, '127.0.0.1'));
    for (const socket of silent) {
      socket.on('error', () => undefined);
      socket.write('GET /metrics HTTP/1.1\r\nx: ');
    }
    const isAnswered = async (): Promise<boolean> => {
      const answer = await fetch(`${url}/healthz`).catch(() => null);
      return answer?.status === 200;
    };
    await waitFor(isAnswered, { what: 'an answer' });
    for (const socket of silent) socket.destroy();
  });

  test('one message is in the figures of each process that had to do with it', {
    timeout: 20_000,
  }, async () => {
    await send('counted');
    await gateway.waitForEvent(({ kind }) => kind === 'relayed');
    const expected: readonly [string, number][] = [
      [
        'sallyport_received_messages_total{role="ingress",direction="outward",outcome="accepted"}',
        1,
      ],
      ['sallyport_verdict_duration_seconds_count{role="ingress",direction="outward"}', 1],
      ['sallyport_accepted_messages_total{role="recorder",direction="outward"}', 1],
      ['sallyport_decisions_total{role="recorder",decision="sign-only"}', 1],
      [
        'sallyport_key_use_duration_seconds_count{role="keyholder",operation="sign",outcome="done"}',
        1,
      ],
      ['sallyport_deliveries_total{role="egress",direction="outward",outcome="relayed"}', 1],
      ['sallyport_relayed_tls_total{role="egress",level="none",session="clear"}', 1],
      ['sallyport_accepted_to_relayed_seconds_count{role="egress",direction="outward"}', 1],
      ['sallyport_queue_messages{role="worker-outward",queue="hold"}', 0],
      ['sallyport_audit_writable{role="recorder"}', 1],
      ['sallyport_up{role="monitor",process="egress"}', 1],
    ];
    const settled = async (): Promise<boolean> => (await figureOf(expected[5]?.[0] ?? '')) === 1;
    await waitFor(settled, { what: 'the delivery in the figures' });
    for (const [series, value] of expected) assert.equal(await figureOf(series), value, series);
    const rss = await figureOf('sallyport_process_resident_memory_bytes{role="keyholder"}');
    assert.ok((rss ?? 0) > 10_000_000, 'the keyholder takes memory');
  });

  test('no figure has a label with what a stranger or a person wrote', async () => {
    const refused = { from: 'eve@evil.example', to: ['x"} 1@nowhere.example'], data: 'x' };
    await sendMessage(gateway.partner, refused).catch(() => undefined);
    for (const { series } of (await scrape()).values()) {
      for (const text of series.keys()) {
        assert.doesNotMatch(text, /bravo|acme|evil|nowhere|alice|bob|@/);
      }
    }
  });

  test('a process that was killed is named until it is back', { timeout: 30_000 }, async () => {
    const before = await gateway.pidOf('egress');
    await gateway.kill('egress');
    const named = async (): Promise<boolean> => {
      const { status, reasons } = await ready();
      return status === 503 && reasons.some((reason) => reason.startsWith('egress: '));
    };
    await waitFor(named, { what: 'a gateway that is not ready' });
    assert.equal((await fetch(`${url}/healthz`)).status, 200, 'the monitor itself is well');
    await untilReady();
    assert.notEqual(await gateway.pidOf('egress'), before);
    const restarts = 'sallyport_process_restarts_total{role="monitor",process="egress"}';
    assert.equal(await figureOf(restarts), 1);
  });

  test('a process that stands still does not make the others wait', {
    timeout: 20_000,
  }, async () => {
    const resume = await gateway.freeze('worker-advise');
    try {
      const { status, reasons, impaired } = await ready();
      assert.deepEqual([status, reasons], [200, []], 'mail flows without it');
      assert.deepEqual(impaired, ['worker-advise: does not answer']);
      const families = await scrape();
      assert.equal(
        families
          .get('sallyport_up')
          ?.series.get('sallyport_up{role="monitor",process="worker-advise"}'),
        0,
      );
    } finally {
      resume();
    }
    const resumeInward = await gateway.freeze('worker-inward');
    try {
      const { status, reasons } = await ready();
      assert.deepEqual([status, reasons], [503, ['worker-inward: does not answer']]);
    } finally {
      resumeInward();
    }
    await untilReady();
  });

  test('mail that waits too long is an alert: once, over a restart too, and resolved', {
    timeout: 60_000,
  }, async () => {
    isPartnerBusy = true;
    await send('waits');
    await gateway.waitForEvent(({ kind }) => kind === 'deferred');
    assert.deepEqual(about(/^queue-age/), []);
    await advance(3 * HOUR_MS);
    await until('the alert', () => about(/^queue-age/).length > 0);
    const [alert] = alerts();
    assert.equal(alert?.id, 'queue-age outgoing');
    assert.match(alert?.sentence ?? '', /waits in outgoing for more than 7200 s/);
    assert.equal(hook.headers[0]?.['authorization'], 'Bearer a-token-of-the-test');
    const mails = (): string[] =>
      inner.messages
        .filter(({ recipients }) => recipients.some((one) => one.includes(OWNER)))
        .map(({ data }) => data.toString());
    await until('the mail', () => mails().length > 0);
    const [head = '', body = ''] = mails()[0]?.split('\r\n\r\n') ?? [];
    assert.match(head, /^Auto-Submitted: auto-generated$/m);
    assert.ok(
      inner.commands.some((line) => line.includes(GONE)),
      'whom it did not take keeps nobody away',
    );
    assert.match(Buffer.from(body, 'base64').toString(), /waits in outgoing/);

    const state = join(gateway.layout.monitor, 'alerts.json');
    const isKept = async (): Promise<boolean> => /"webhook":/.test(await readFile(state, 'utf8'));
    await waitFor(isKept, { what: 'the state on disk' });
    await gateway.kill('monitor');
    await untilReady();
    const looked = async (): Promise<boolean> =>
      (await figureOf('sallyport_alerts_open{role="monitor"}')) === 1;
    await advance(60_000);
    await waitFor(looked, { what: 'a look of the new monitor' });
    assert.deepEqual(about(/^queue-age/), ['raised'], 'nobody is told twice');
    assert.equal(mails().length, 1);

    await advance(DAY_MS);
    await until('the reminder', () => about(/^queue-age/).length > 1);
    const [waiting] = await gateway.waiting();
    const drop = ['queue', 'drop', waiting?.id ?? '', '--config', gateway.configFile];
    const dropped = await sallyport(...drop);
    assert.equal(dropped.code, 0, dropped.stderr);
    isPartnerBusy = false;
    await until('the resolve message', () => about(/^queue-age/).includes('resolved'));
    assert.deepEqual(about(/^queue-age/), ['raised', 'still', 'resolved']);
  });

  test('an event that a person should hear of is told once', { timeout: 20_000 }, async () => {
    const recorder = connectSocket({
      path: gateway.layout.sockets.recorder,
      protocol: recorderProtocol,
      deadlineMs: 5_000,
    });
    const eventOf = (domain: string) => ({
      kind: 'partner-key-changed',
      domain,
      direction: 'sign',
      outcome: 'waits',
      certificate: 'a'.repeat(64),
      pinned: ['b'.repeat(64)],
      sentence: `${domain} signs with another certificate than the pinned one.`,
    });
    const told = (domain: string): number =>
      alerts().filter(({ sentence }) => sentence === eventOf(domain).sentence).length;
    for (const domain of ['bravo.example', 'charlie.example']) {
      await recorder.call('record', { event: eventOf(domain), durable: true });
      await until('the alert', () => told(domain) > 0);
      await advance(2 * DAY_MS);
    }
    recorder.close();
    assert.equal(told('bravo.example'), 1);
  });

  test('certificates that end soon are an alert each, and so is their end', {
    timeout: 4 * SLOW_MS,
  }, async () => {
    assert.deepEqual(about(/ends$/), []);
    await advance(800 * DAY_MS);
    const ids = ['domain-signing keyholder', 'domain-confidentiality keyholder', 'tls ingress'];
    const all = async (): Promise<boolean> =>
      ids.every((id) => about(new RegExp(`^${id} .* ends$`)).length === 1);
    await waitFor(all, { what: 'an alert for each certificate', timeoutMs: SLOW_MS });
    const left = await figureOf(
      'sallyport_certificate_expiry_seconds{role="monitor",kind="domain-signing"}',
    );
    assert.ok(left !== undefined && left > 0 && left < 30 * (DAY_MS / 1_000), `${left} s are left`);
    await advance(25 * DAY_MS);
    const hasEnded = (): boolean => about(/^tls ingress .* ended$/).length === 1;
    await waitFor(hasEnded, { what: 'the end', timeoutMs: SLOW_MS });
  });
});
