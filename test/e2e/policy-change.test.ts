/**
 * A policy change under load (design section 5): each message is decided by one version, from its
 * protection to the TLS on its way. Odd versions leave mail as it is and send it in clear; even ones
 * sign it and demand TLS. What arrives signed must therefore have come by TLS. Mail of an odd version
 * may have met an even one on its way and then came by TLS as well; it never was signed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { RecordedEvent } from '@sallyport/audit-log';
import { activeVersion } from '@sallyport/policy-store/read';
import { createTestCa } from '../../packages/transport/src/test-support/certificates.ts';
import {
  type ScriptedServer,
  startScriptedServer as startPartner,
} from '../../packages/transport/src/test-support/scripted-server.ts';
import { startDns } from '../harness/dns.ts';
import { type Gateway, sallyport, startGateway } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { politeScript, startScriptedServer } from '../harness/scripted-server.ts';
import { sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const skip = skipWithout('nsd', 'unbound', 'bind9-dnsutils', 'ldnsutils');

const PARTNERS = ['bravo', 'charlie'];
const VERSIONS_SEEN = 5;

function policy(isStrict: boolean): object {
  return {
    partners: PARTNERS.map((name) => ({
      name,
      domains: [`${name}.example`],
      outbound: isStrict
        ? { sign: 'domain', profile: 'compat', encrypt: 'none' }
        : { sign: 'none', encrypt: 'none' },
      inbound: isStrict
        ? { signature: 'domain-required', encryption: 'when-present', otherwise: 'refuse' }
        : { signature: 'when-present', encryption: 'when-present', otherwise: 'flag' },
      tls: { level: isStrict ? 'encrypt' : 'none' },
    })),
  };
}

function isStrict(version: unknown): boolean {
  assert.ok(typeof version === 'number' && version > 0, `a decision without version: ${version}`);
  return version % 2 === 0;
}

describe('a policy change under load', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let outside: ScriptedServer;

  before(async () => {
    const hosts = ['@ IN MX 10 mx', 'mx IN A 127.0.0.1'];
    const zones = PARTNERS.map((name) => ({ name: `${name}.example`, records: hosts }));
    const dns = stack.use(await startDns(zones));
    const ca = createTestCa();
    stack.defer(() => ca.remove());
    const identity = ca.issue({ names: ['mx.bravo.example'] });
    outside = stack.use(await startPartner({ identity }));
    const inner = stack.use(await startScriptedServer(politeScript()));
    gateway = stack.use(
      await startGateway(
        {
          domain: 'acme.example',
          innerPort: inner.port,
          dnsPort: dns.port,
          egressPort: outside.port,
          config: { retry: { first: '1s', longest: '2s' } },
        },
        policy(false),
      ),
    );
  });
  after(() => stack.disposeAsync());

  /** Mail both ways, as fast as it is taken, until enough versions were used. */
  async function load(): Promise<{ outward: number; inward: number }> {
    const sent = { outward: 0, inward: 0 };
    let isEnough = false;
    const sendOutward = async (): Promise<void> => {
      const [from, to] = ['alice@acme.example', PARTNERS.map((name) => `bob@${name}.example`)];
      const data = textMessage({ from, to: to.join(', '), text: `outward ${sent.outward}` });
      assert.equal((await sendMessage(gateway.relay, { from, to, data })).code, 250);
      sent.outward += 1;
    };
    // What leaves under version 1 alone leaves in clear; later ones may meet another on their way.
    await sendOutward();
    const isFirstThere = (): boolean => outside.messages.length === PARTNERS.length;
    await waitFor(isFirstThere, { what: 'mail in clear' });
    const outwardMail = async (): Promise<void> => {
      while (!isEnough) await sendOutward();
    };
    const inwardMail = async (): Promise<void> => {
      while (!isEnough) {
        const [from, to] = ['bob@bravo.example', 'zoe@acme.example'];
        const data = textMessage({ from, to, text: `inward ${sent.inward}` });
        const { code } = await sendMessage(gateway.partner, { from, to: [to], data });
        assert.ok(code === 250 || code === 550, String(code));
        sent.inward += 1;
      }
    };
    const changes = async (): Promise<void> => {
      for (let version = 2; !isEnough; version += 1) {
        await gateway.setPolicy(policy(isStrict(version)));
        const kinds = [await gateway.events('opened'), await gateway.events('decided')];
        isEnough = kinds.every((events) => {
          const seen = new Set(events.map(({ facts }) => facts['policyVersion']));
          return seen.size >= VERSIONS_SEEN && new Set([...seen].map(isStrict)).size === 2;
        });
      }
    };
    await Promise.all([outwardMail(), outwardMail(), inwardMail(), changes()]);
    return sent;
  }

  test('no message is decided half by one version and half by the other', {
    timeout: 120_000,
  }, async () => {
    const sent = await load();
    const decided = async (): Promise<number> => decisionsByMessage(await gateway.events()).size;
    await waitFor(async () => (await decided()) === sent.outward, {
      what: 'a decision on every message',
      timeoutMs: 60_000,
    });
    const isJudged = async () => (await gateway.events('opened')).length >= sent.inward;
    await waitFor(isJudged, { what: 'a judgement on every message' });
    const arrived = (): boolean => outside.messages.length >= sent.outward * PARTNERS.length;
    await waitFor(arrived, { what: 'all mail at the partners', timeoutMs: 60_000 });

    const events = await gateway.events();
    const outward = decisionsByMessage(events);
    assert.equal(outward.size, sent.outward, 'each was decided');
    for (const [id, decisions] of outward) {
      const versions = new Set(decisions.map(({ facts }) => facts['policyVersion']));
      assert.equal(versions.size, 1, `${id} was decided by versions ${[...versions]}`);
      for (const { facts } of decisions) {
        const expected = isStrict(facts['policyVersion']) ? 'sign-only' : 'pass';
        assert.equal(facts['decision'], expected, id);
      }
    }
    checkDeliveries(events, outward);
    const opened = events.filter(({ kind }) => kind === 'opened');
    assert.equal(opened.length, sent.inward, 'each was judged once');
    for (const { facts } of opened) {
      const expected = isStrict(facts['policyVersion']) ? 'refuse' : 'deliver';
      assert.equal(facts['decision'], expected, JSON.stringify(facts));
    }
    for (const { data, isTls } of outside.messages) {
      const isSigned = /^content-type: multipart\/signed/im.test(data.toString('latin1'));
      assert.ok(isTls || !isSigned, 'what a version signed left in clear under another');
    }
    assert.equal(new Set(outside.messages.map(({ isTls }) => isTls)).size, 2, 'both came to pass');
  });

  test('what the log says of it is rehearsed against a version that demands TLS', async () => {
    const draft = ['partner', 'rehearse', '2', '--config', gateway.configFile];
    const ran = await sallyport(...draft, '--json', '--last', '10000');
    assert.equal(ran.code, 0, ran.stderr);
    const found = JSON.parse(String(ran.stdout)) as {
      summary: { recipients: number; wouldFail: number; unknown: number };
      changes: { direction: string; to: string; fails: boolean; examples: string[] }[];
    };
    const refusals = found.changes.find(({ direction }) => direction === 'inward');
    assert.equal(refusals?.to, 'refuse (signature-required)');
    assert.equal(refusals.fails, true);
    const clear = found.changes.find(({ to }) => to === 'wait (tls-not-offered)');
    assert.ok(clear?.fails === true && clear.examples.length > 0, String(ran.stdout));
    assert.ok(found.summary.wouldFail > 0 && found.summary.recipients > found.summary.unknown);
  });

  test('what a layer says of our domain and of a person holds for mail both ways', async () => {
    const former = await activeVersion(gateway.layout.policy, new Date());
    const isNew = ({ facts }: RecordedEvent) => Number(facts['policyVersion']) > former;
    await gateway.setPolicy({
      base: { outbound: { sign: 'none', encrypt: 'none' }, tls: { level: 'encrypt' } },
      domains: [
        {
          names: ['acme.example'],
          outbound: { sign: 'domain', profile: 'compat' },
          inbound: { signature: 'any-required', otherwise: 'refuse' },
        },
      ],
      partners: [
        {
          name: 'bravo',
          domains: ['bravo.example'],
          inbound: { encryption: 'when-present' },
          users: [{ name: 'plain', match: ['p*@bravo.example'], outbound: { sign: 'none' } }],
        },
      ],
    });
    // Each process notices by itself: mail is sent until both have it.
    const [from, to] = ['alice@acme.example', ['bob@bravo.example', 'pat@bravo.example']];
    const inward = { from: 'bob@bravo.example', to: 'zoe@acme.example', text: 'unsigned' };
    const told = await waitFor(
      async () => {
        const data = textMessage({ from, to: to.join(', '), text: 'layers' });
        assert.equal((await sendMessage(gateway.relay, { from, to, data })).code, 250);
        const decided = await gateway.events('decided');
        const plain = decided.find(({ facts }) => facts['rule'] === 'partner:bravo/plain');
        const all = decided.filter(({ queueId }) => queueId === plain?.queueId);
        return all.length < 2
          ? undefined
          : all.map(({ facts }) => `${facts['rule']} ${facts['decision']}`).sort();
      },
      { what: 'both decisions' },
    );
    assert.deepEqual(told, ['partner:bravo sign-only', 'partner:bravo/plain pass']);
    await waitFor(
      async () => {
        const envelope = { from: inward.from, to: [inward.to], data: textMessage(inward) };
        const { code } = await sendMessage(gateway.partner, envelope);
        const last = (await gateway.events('opened')).at(-1);
        return code === 550 && last?.facts['rule'] === 'partner:bravo' && isNew(last);
      },
      { what: 'the rule of our domain' },
    );
  });
});

function decisionsByMessage(events: readonly RecordedEvent[]): Map<string, RecordedEvent[]> {
  const decided = events.filter(({ kind }) => kind === 'decided');
  return Map.groupBy(decided, ({ queueId }) => queueId ?? '');
}

/** Every try at egress carries the version that its message was decided by. */
function checkDeliveries(
  events: readonly RecordedEvent[],
  outward: ReadonlyMap<string, readonly RecordedEvent[]>,
): void {
  const versions = new Map<string, unknown>();
  for (const { kind, queueId, facts } of events) {
    if (kind !== 'protected') continue;
    const version = outward.get(queueId ?? '')?.[0]?.facts['policyVersion'];
    for (const { id } of facts['outputs'] as { id: string }[]) versions.set(id, version);
  }
  const relayed = events.filter(
    ({ kind, queueId }) => kind === 'relayed' && versions.has(queueId ?? ''),
  );
  assert.ok(relayed.length > 0);
  for (const { queueId, facts } of relayed) {
    const version = versions.get(queueId ?? '');
    assert.equal(facts['policyVersion'], version, `${queueId} was relayed by another version`);
    const isTls = facts['tls'] !== null;
    assert.ok(isTls || !isStrict(version), `${queueId} left in clear`);
  }
}
