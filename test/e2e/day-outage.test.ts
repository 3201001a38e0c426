import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ScriptedServer,
  startScriptedServer,
} from '../../packages/transport/src/test-support/scripted-server.ts';
import { canaryWord, makeCa } from '../harness/ca.ts';
import { startDns } from '../harness/dns.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, partnerRecord, sallyport, startGateway } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { fieldOf } from '../harness/openssl.ts';
import { freePort } from '../harness/ports.ts';
import { type RecordingProxy, startRecordingProxy } from '../harness/recording-proxy.ts';
import { startSlapd } from '../harness/slapd.ts';
import { sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const HOUR_MS = 3_600_000;
const MX = '127.0.0.41';
const START = Date.now();
/** Messages of one outage, one in each of its first hours. */
const MESSAGES = 6;
const WARNED_AFTER_HOURS = 4;
/** Real time that the processes get in each hour of the test's. */
const HOUR_LASTS_MS = 60;

const skip = skipWithout('slapd', 'nsd', 'unbound', 'bind9-dnsutils', 'openssl');

/** Something outside that can be stopped and started again at the same place. */
interface Outside {
  stop(): Promise<void>;
  start(): Promise<void>;
}

async function outside(make: () => Promise<AsyncDisposable>): Promise<Outside> {
  let running: AsyncDisposable | null = await make();
  return {
    stop: async () => {
      await running?.[Symbol.asyncDispose]();
      running = null;
    },
    start: async () => {
      running ??= await make();
    },
  };
}

describe('an outage of a day, by test clock', { skip }, () => {
  const stack = new AsyncDisposableStack();
  const canary = canaryWord();
  const proxies: RecordingProxy[] = [];
  let hour = 0;
  let gateway: Gateway;
  let sink: ScriptedServer;
  let inner: ScriptedServer;
  let parts: Record<'dns' | 'ldap' | 'partner', Outside>;

  before(async () => {
    const folder = stack.use(await temporaryFolder('day-outage'));
    const ca = await makeCa(folder.path, 'CA of the partner');
    const role = 'domain-confidentiality-authority';
    const { der } = await ca.issueAuthority(role, 'bravo.example');
    const server = await ca.issueServer('mx', ['mx.bravo.example']);
    const identity = { key: await readFile(server.keyFile, 'utf8'), cert: server.pem };
    sink = stack.use(await startScriptedServer({ identity }));
    inner = stack.use(await startScriptedServer({}));
    const [dnsPort, ldapPort, port] = [await freePort(), await freePort(), await freePort(MX)];
    const zone = {
      name: 'bravo.example',
      records: [
        '@ IN MX 10 mx',
        `mx IN A ${MX}`,
        'ldap IN A 127.0.0.1',
        `_ldap._tcp IN SRV 10 10 ${ldapPort} ldap`,
      ],
    };
    const entry = { cn: role, mail: `${role}@bravo.example`, certificates: [der] };
    parts = {
      dns: await outside(() => startDns([zone], { port: dnsPort })),
      ldap: await outside(() => startSlapd({ entries: [entry], port: ldapPort })),
      partner: await outside(async () => {
        const target = { host: '127.0.0.1', port: sink.port };
        const proxy = await startRecordingProxy(target, { host: MX, port });
        proxies.push(proxy);
        return proxy;
      }),
    };
    for (const part of Object.values(parts)) stack.defer(() => part.stop());
    const world = { domain: 'acme.example', innerPort: inner.port, dnsPort, egressPort: port };
    const partner = partnerRecord({ name: 'Bravo', domain: 'bravo.example', anchor: ca.pem });
    gateway = stack.use(
      await startGateway({ ...world, testClock: new Date(START) }, { partners: [partner] }),
    );
  });
  after(() => stack.disposeAsync());

  const timeNow = (): number => START + hour * HOUR_MS;
  const nextHour = async (): Promise<void> => {
    hour += 1;
    await gateway.setTime(new Date(timeNow()));
    await sleep(HOUR_LASTS_MS);
  };
  const send = async (name: string): Promise<void> => {
    const [from, to] = ['alice@acme.example', 'bob@bravo.example'];
    const message = { from, to, subject: name, text: canary, messageId: `${name}@acme.example` };
    const data = textMessage(message);
    const reply = await sendMessage(gateway.relay, { from, to: [to], data });
    assert.equal(reply.code, 250, reply.text);
  };
  const queued = async (...selection: readonly string[]): Promise<number> => {
    const asked = ['queue', 'list', '--config', gateway.configFile, '--json', ...selection];
    const { stdout } = await sallyport(...asked);
    return stdout
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('{')).length;
  };
  const arrived = (name: string): string[] =>
    sink.messages
      .map(({ data }) => fieldOf(data, 'message-id') ?? '')
      .filter((id) => id.startsWith(`<${name}-`));
  const reportsOf = (name: string): string[] =>
    inner.messages.map(({ data }) => data.toString()).filter((text) => text.includes(`<${name}@`));

  for (const part of ['partner', 'ldap', 'dns'] as const) {
    test(`${part}: all is delivered, the oldest first, and its authors were told after 4 hours`, {
      timeout: 60_000,
    }, async () => {
      await send(`${part}-before`);
      // Gone from the queue: a connection that ends before its last reply would have it sent twice.
      const isAway = async (): Promise<boolean> => (await gateway.queue('outgoing')).length === 0;
      const before = async (): Promise<boolean> => arrived(part).length === 1 && (await isAway());
      await waitFor(before, { what: 'mail before the outage' });
      await parts[part].stop();
      // What was found just before the outage is known for an hour.
      await nextHour();
      const names = Array.from({ length: MESSAGES }, (_, index) => `${part}-${index}`);
      for (let passed = 0; passed < 24; passed += 1) {
        await nextHour();
        const [name, told] = [names[passed], names[passed - WARNED_AFTER_HOURS]];
        if (name !== undefined) await send(name);
        if (told === undefined) continue;
        const what = `word of the delay of ${told}`;
        await waitFor(() => reportsOf(told).length > 0, { what });
        const later = names.slice(passed - WARNED_AFTER_HOURS + 1);
        assert.deepEqual(later.flatMap(reportsOf), [], 'nobody is told too early');
      }
      assert.equal(arrived(part).length, 1, 'nothing left while it was away');
      // Real time has to catch up: each of them knows by now when it is tried next.
      const allRest = async (): Promise<boolean> =>
        (await gateway.waiting()).every(({ dueAt }) => Date.parse(String(dueAt)) > timeNow());
      await waitFor(allRest, { what: 'the try of the last hour' });
      assert.equal(await queued('--partner', 'Bravo'), MESSAGES);
      assert.equal(await queued('--recipient', 'nobody@bravo.example'), 0);
      await parts[part].start();
      const last = async (): Promise<boolean> => {
        await nextHour();
        return arrived(part).length === 1 + MESSAGES;
      };
      await waitFor(last, { what: 'all mail of the outage' }).catch((cause: unknown) => {
        throw new Error(gateway.output().slice(-6_000), { cause });
      });
      const expected = [`${part}-before`, ...names].map((name) => `<${name}@acme.example>`);
      assert.deepEqual(arrived(part), expected);
      for (const name of names) {
        assert.equal(reportsOf(name).length, 1, name);
        assert.match(reportsOf(name)[0] ?? '', /Action: delayed/);
      }
    });
  }

  test('nothing of it was ever in clear on the line, and nothing is left', async () => {
    const recorded = Buffer.concat(proxies.map((proxy) => proxy.recorded())).toString('latin1');
    assert.ok(recorded.includes('STARTTLS'), 'the proxies did listen');
    assert.doesNotMatch(recorded, /MAIL FROM|RCPT TO/i);
    assert.equal(recorded.includes(canary), false);
    assert.ok(sink.messages.every(({ isTls }) => isTls));
    assert.equal(
      sink.messages.some(({ data }) => data.includes(canary)),
      false,
    );
    assert.deepEqual(await gateway.waiting(), []);
  });
});
