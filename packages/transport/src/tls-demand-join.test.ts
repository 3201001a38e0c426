import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { TlsContexts } from './smtp/contexts.ts';
import { decisionFor, openSession } from './smtp/open.ts';
import { facts, rules } from './test-support/arbitrary-ways.ts';
import { createTestCa } from './test-support/certificates.ts';
import { type Script, startScriptedServer } from './test-support/scripted-server.ts';
import { decideTls } from './tls-demand.ts';
import { decideTogether } from './tls-demand-join.ts';
import { plainCheck, type TlsIdentityCheck } from './tls-demand-types.ts';
import type { TlsRule } from './tls-rule.ts';

const from = 'version 2';
const nexthopDomain = 'bravo.example';

test('two rules together are never less than either, in any order, for any facts', () => {
  fc.assert(
    fc.property(rules, rules, facts, (first, second, known) => {
      const alone = [first, second].map((rule) => decideTls(rule, known));
      const both = decideTogether(first, [{ tlsRule: second, nexthopDomain, from }], known);
      if (both.kind === 'refuse') {
        assert.ok(alone.some(({ kind }) => kind === 'refuse'));
        return;
      }
      const { demand } = both;
      const kept = new Set(demand.checks.map(textOf));
      for (const one of alone) {
        assert.ok(one.kind === 'connect', 'what one rule refuses no other lets pass');
        assert.ok(demand.usesTls || !one.demand.usesTls);
        assert.ok(demand.isMandatory || !one.demand.isMandatory);
        assert.ok(demand.minVersion >= one.demand.minVersion);
        assert.ok(demand.ciphers === 'forward-secret' || one.demand.ciphers === 'floor');
        assert.ok(!demand.showsCertificate || one.demand.showsCertificate);
        for (const check of one.demand.checks) assert.ok(kept.has(textOf(check)));
      }
      const types = both.policies.map(({ policy }) => `${policy.type} ${policy.domain}`);
      assert.ok(!types.includes('no-policy-found bravo.example') || types.length === 1);
    }),
    { numRuns: 2_000 },
  );
});

test('a rule beside itself is itself', () => {
  fc.assert(
    fc.property(rules, facts, (rule, known) => {
      const twice = decideTogether(rule, [{ tlsRule: rule, nexthopDomain, from }], known);
      const once = decideTls(rule, known);
      if (once.kind === 'connect') assert.deepEqual(twice, once);
      else assert.equal(twice.kind, 'refuse');
    }),
  );
});

function textOf(check: TlsIdentityCheck): string {
  return JSON.stringify(plainCheck(check));
}

const ours = createTestCa();
const others = createTestCa();
after(() => {
  ours.remove();
  others.remove();
});
const identity = ours.issue({ names: ['mx.bravo.example'] });
const STEP_MS = 700;
const settings = {
  ehloName: 'gw.acme.example',
  contexts: new TlsContexts(null),
  timeouts: {
    ...{ connectMs: STEP_MS, tlsMs: STEP_MS, greetingMs: STEP_MS, commandMs: STEP_MS },
    ...{ dataMs: STEP_MS, blockMs: STEP_MS, finalMs: STEP_MS, quitMs: 200 },
  },
};

/** How a connection under both rules ends, in each order of them. */
async function opened(script: Script, one: TlsRule, other: TlsRule): Promise<string[]> {
  await using server = await startScriptedServer(script);
  const ends: string[] = [];
  for (const [tlsRule, further] of [
    [one, other],
    [other, one],
  ] as const) {
    const opening = await openSession(
      {
        ...{ host: 'mx.bravo.example', address: '127.0.0.1', port: server.port, nexthopDomain },
        ...{ tlsRule, furtherRules: [{ tlsRule: further, nexthopDomain, from }] },
      },
      settings,
    );
    if (opening.kind === 'open') await opening.session.wire.quit(200);
    const isClear = opening.kind === 'open' && opening.session.tls === null;
    ends.push(opening.kind === 'fault' ? opening.fault : isClear ? 'clear' : 'tls');
  }
  return ends;
}

const minVersion = 'TLSv1.2';
const by = (...anchors: string[]): TlsRule => ({
  ...{ level: 'secure', match: ['mx.bravo.example'], minVersion, anchors },
});
const system: TlsRule = { level: 'secure', match: [], minVersion, anchors: 'system' };
const none: TlsRule = { level: 'none' };
const may: TlsRule = { level: 'may' };
const encrypt: TlsRule = { level: 'encrypt', minVersion };
const pinned: TlsRule = {
  ...{ level: 'fingerprint', minVersion, pins: [{ spki: '11'.repeat(32), state: 'current' }] },
};
const elsewhere: TlsRule = {
  ...{ level: 'secure', match: ['mx.charlie.example'], minVersion, anchors: [ours.caPem] },
};
const both = (end: string) => [end, end];
const rows: readonly [string, Script, TlsRule, TlsRule, string[]][] = [
  ['none and none: in clear', { identity }, none, none, both('clear')],
  ['none and may: by TLS', { identity }, none, may, both('tls')],
  ['none and encrypt: not in clear', {}, none, encrypt, both('tls-not-offered')],
  ['may and encrypt: not in clear', {}, may, encrypt, both('tls-not-offered')],
  ['encrypt and the right name', { identity }, encrypt, by(ours.caPem), both('tls')],
  ['encrypt and another name', { identity }, encrypt, elsewhere, both('tls-not-trusted')],
  ['the right name and another key', { identity }, by(ours.caPem), pinned, both('tls-not-trusted')],
  [
    'authorities with one of them both',
    { identity },
    by(ours.caPem),
    by(others.caPem, ours.caPem),
    both('tls'),
  ],
  [
    'authorities with none of them both',
    { identity },
    by(ours.caPem),
    by(others.caPem),
    both('tls-not-trusted'),
  ],
  ['ours and those of the system', { identity }, by(ours.caPem), system, both('tls-not-trusted')],
];

for (const [name, script, one, other, ends] of rows) {
  test(`two rules on one way: ${name}`, async () => {
    assert.deepEqual(await opened(script, one, other), ends);
  });
}

test('the record says that a rule beside the first was met, where it demands more', () => {
  const place = { host: 'mx.bravo.example', address: '192.0.2.1', port: 25, nexthopDomain };
  const notesOf = (tlsRule: TlsRule, further: TlsRule) => {
    const decision = decisionFor({
      ...{ ...place, tlsRule },
      furtherRules: [{ tlsRule: further, nexthopDomain, from }],
    });
    assert.ok(decision.kind === 'connect');
    return decision.notes;
  };
  assert.deepEqual(notesOf(may, encrypt), [
    'level and identity that version 2 demands are met too',
  ]);
  assert.deepEqual(notesOf(encrypt, may), []);
});
