import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedEvent } from '@sallyport/audit-log';
import { type KeyRecord, keyRecordSchema } from '@sallyport/ipc';
import { readKeyRecords } from '../../services/cli/src/gateway/keys.ts';
import { saveCa } from '../../services/cli/src/gateway/provision.ts';
import { startDns } from '../harness/dns.ts';
import { type Gateway, makeGateway, partnerRecord, sallyport } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { freePort } from '../harness/ports.ts';
import {
  politeScript,
  type ScriptedServer,
  startScriptedServer,
} from '../harness/scripted-server.ts';
import { sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const ADDRESS = { acme: '127.0.0.111', bravo: '127.0.0.112' } as const;
const NAMES = ['acme', 'bravo'] as const;
type Name = (typeof NAMES)[number];
const OTHER = { acme: 'bravo', bravo: 'acme' } as const;
const CLASSES = ['domain-signing', 'domain-confidentiality'] as const;
const PASSPHRASE = 'a long passphrase';
/** Between two messages of one side. */
const PAUSE_MS = 60;
const BEFORE = 10;
const AFTER = 15;
const skip = skipWithout('nsd', 'unbound', 'bind9-dnsutils');

interface Side {
  readonly gateway: Gateway;
  readonly inner: ScriptedServer;
  sent: number;
}

describe('both partners roll their keys over while mail flows', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let sides: Readonly<Record<Name, Side>>;
  const former = new Map<Name, readonly KeyRecord[]>();

  before(async () => {
    const port = await freePort(...Object.values(ADDRESS));
    const zones = NAMES.map((name) => ({
      name: `${name}.example`,
      records: ['@ IN MX 10 gw', `gw IN A ${ADDRESS[name]}`],
    }));
    const dns = stack.use(await startDns(zones));
    const make = async (name: Name): Promise<Side> => {
      const inner = stack.use(await startScriptedServer(politeScript(['8BITMIME', 'SMTPUTF8'])));
      const gateway = await makeGateway({
        domain: `${name}.example`,
        innerPort: inner.port,
        dnsPort: dns.port,
        egressPort: port,
        address: ADDRESS[name],
        partnerPort: port,
      });
      stack.use(gateway);
      await saveCa(gateway.layout, gateway.ca, PASSPHRASE);
      await writeFile(passphraseOf(gateway), `${PASSPHRASE}\n`, { mode: 0o600 });
      former.set(name, await readKeyRecords(gateway.layout.keys));
      return { gateway, inner, sent: 0 };
    };
    const [acme, bravo] = await Promise.all(NAMES.map(make));
    assert.ok(acme && bravo);
    sides = { acme, bravo };
    await Promise.all(NAMES.map(pinPartner));
    await Promise.all(NAMES.map((name) => sides[name].gateway.start()));
  });
  after(() => stack.disposeAsync());

  const passphraseOf = ({ folder }: Gateway): string => join(folder, 'passphrase');

  /** Pins the certificate that the other side encrypts with now. */
  const pinPartner = async (name: Name): Promise<void> => {
    const partner = sides[OTHER[name]].gateway;
    const record = await keyOf(partner, 'domain-confidentiality');
    const rule = {
      outbound: { discovery: ['pinned'] },
      trust: { anchors: [partner.caPem], pinned: [record.certificate] },
    };
    const { domain, caPem } = partner;
    await sides[name].gateway.setPolicy({
      partners: [partnerRecord({ name: OTHER[name], domain, anchor: caPem }, rule)],
    });
  };
  const keyOf = async ({ layout }: Gateway, keyClass: string): Promise<KeyRecord> => {
    const found = (await readKeyRecords(layout.keys)).find(
      (one) => one.state === 'active' && one.class === keyClass,
    );
    return keyRecordSchema.parse(found);
  };
  const arrivedAt = (name: Name): number =>
    sides[name].inner.lines.filter((line) => line.startsWith('Message-ID: <rollover.')).length;

  /** Sends until told to stop; every message is taken. */
  const sendSteadily = async (name: Name, signal: AbortSignal): Promise<void> => {
    const side = sides[name];
    const [from, to] = [`a@${name}.example`, `b@${OTHER[name]}.example`];
    while (!signal.aborted) {
      const messageId = `rollover.${name}.${side.sent}@test.example`;
      const data = textMessage({ from, to, text: `message ${side.sent}`, messageId });
      const reply = await sendMessage(side.gateway.relay, { from, to: [to], data });
      assert.equal(reply.code, 250, reply.text);
      side.sent += 1;
      await sleep(PAUSE_MS);
    }
  };
  const untilArrived = async (least: (name: Name) => number, what: string): Promise<void> => {
    await waitFor(
      () => Promise.resolve(NAMES.every((name) => arrivedAt(OTHER[name]) >= least(name)) || null),
      { what, timeoutMs: 20_000 },
    ).catch((cause: unknown) => {
      const logs = NAMES.map((name) => sides[name].gateway.output().slice(-3_000));
      throw new Error(logs.join('\n'), { cause });
    });
  };
  const rollOver = async ({ gateway }: Side): Promise<void> => {
    const how = ['--now', '--by', 'alice', '--passphrase-file', passphraseOf(gateway)];
    const ran = await sallyport('key', 'rollover', ...how, '--config', gateway.configFile);
    assert.equal(ran.code, 0, ran.stderr);
  };

  test('no signature fails, every message opens, and mail to the former key still does', async () => {
    const stop = new AbortController();
    const sending = Promise.allSettled(NAMES.map((name) => sendSteadily(name, stop.signal)));
    await rollOverUnderLoad().finally(() => stop.abort());
    for (const outcome of await sending) assert.equal(outcome.status, 'fulfilled');
    await untilArrived((name) => sides[name].sent, 'every message that was sent');
  });

  const rollOverUnderLoad = async (): Promise<void> => {
    await untilArrived(() => BEFORE, 'mail under the first keys');
    await Promise.all(NAMES.map((name) => rollOver(sides[name])));
    // The partners still encrypt to the former keys, until somebody tells them of the new ones.
    const first = { acme: sides.acme.sent, bravo: sides.bravo.sent };
    await untilArrived((name) => first[name] + AFTER, 'mail to the former keys');
    await Promise.all(NAMES.map(pinPartner));
    // A worker hears of new keys within seconds; until then the former ones serve.
    for (const name of NAMES) {
      const { gateway } = sides[name];
      for (const keyClass of CLASSES) {
        const { keyId } = await keyOf(gateway, keyClass);
        const isUsed = ({ kind, facts }: RecordedEvent): boolean =>
          kind === 'key-outcome' && facts['keyId'] === keyId;
        await gateway.waitForEvent(isUsed, { what: `use of the new ${keyClass} key` });
      }
    }
  };

  for (const name of NAMES) {
    test(`${name}: both keys of each kind were used, none of them in vain`, async () => {
      const { gateway } = sides[name];
      const events = await gateway.events();
      for (const kind of ['failed', 'refused', 'held', 'deferred', 'abandoned']) {
        assert.deepEqual(
          events.filter((event) => event.kind === kind),
          [],
          kind,
        );
      }
      const opened = events.filter((event) => event.kind === 'opened');
      assert.equal(opened.length, sides[OTHER[name]].sent);
      for (const { facts } of opened) {
        const words = JSON.stringify(facts);
        assert.match(words, /"signature":"valid"/);
        assert.match(words, /"encryption":"domain"/);
        assert.match(words, /"mapping":"ok"/);
      }
      const outcomes = events.filter((event) => event.kind === 'key-outcome');
      assert.ok(outcomes.every(({ facts }) => facts['outcome'] === 'done'));
      const used = (keyId: string) => outcomes.filter(({ facts }) => facts['keyId'] === keyId);
      for (const keyClass of CLASSES) {
        const old = former.get(name)?.find((one) => one.class === keyClass)?.keyId ?? '';
        const present = (await keyOf(gateway, keyClass)).keyId;
        assert.notEqual(present, old);
        assert.ok(used(old).length >= BEFORE, `${old} was used`);
        assert.ok(used(present).length > 0, `${present} is used`);
        const retired = events.find(
          ({ kind, facts }) => kind === 'key-retired' && facts['keyId'] === old,
        );
        assert.ok(retired !== undefined);
        if (keyClass === 'domain-signing') continue;
        const later = used(old).filter(({ index }) => index > retired.index);
        assert.ok(later.length >= AFTER, 'mail to the former key was opened after it was replaced');
      }
    });
  }
});
