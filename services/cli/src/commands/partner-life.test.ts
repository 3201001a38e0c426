/** A partner policy on its way into force, by the commands that people type. */
import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sallyport, scratch, serve } from '../testing.ts';

const ROLES = 'recorder,keyholder,worker-outward,worker-advise';

const POLICY = `
base: { outbound: { floor: aes256-gcm } }
partners:
  - name: Bravo
    domains: [bravo.example]
    agreement: { id: RPA-1, asserts: "staff login", validUntil: 2020-01-01, contact: c@bravo.example }
    outbound: { sign: domain, profile: compat, encrypt: none }
    users:
      - { name: board, match: ["*-board@bravo.example"], outbound: { encrypt: required } }
  - name: Charlie
    domains: [charlie.example]
    outbound: { sign: domain, profile: compat, encrypt: none, otherwise: refuse }
`;

describe('the life of a policy version', () => {
  let folder = '';
  let config = '';
  let cleanUp = async (): Promise<void> => {};
  const at = (name: string): string => join(folder, name);
  const ask = async (...args: string[]): ReturnType<typeof sallyport> =>
    await sallyport(['partner', ...args, '--config', config]);
  const refused = async (why: RegExp, ...args: string[]): Promise<void> => {
    const ran = await ask(...args);
    assert.equal(ran.code, 1, ran.text);
    assert.match(ran.stderr, why);
    assert.match(ran.stderr, /^[^\n]+\.\n$/, 'one sentence');
  };
  const facts = async (...args: string[]): Promise<Record<string, unknown>[]> => {
    const ran = await ask(...args, '--json');
    assert.equal(ran.code, 0, ran.stderr);
    const lines = ran.text.trim().split('\n');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const states = async (): Promise<unknown[]> =>
    (await facts('versions')).map(({ state }) => state);

  before(async () => {
    ({ folder, remove: cleanUp } = await scratch());
    await writeFile(at('passphrase'), 'a long passphrase\n', { mode: 0o600 });
    config = at('g/gateway.yaml');
    const where = ['--domain', 'acme.example', '--dir', at('g'), '--key-kind', 'ec-p256'];
    const made = await sallyport(['init', ...where, '--passphrase-file', at('passphrase')]);
    assert.equal(made.code, 0, made.stderr);
    await appendFile(config, '\npolicy: { fourEyes: true }\ndns: { servers: ["127.0.0.1:9"] }\n');
    await writeFile(at('policy.yaml'), POLICY);
  });
  after(async () => await cleanUp());

  test('with four eyes nobody imports, and nobody approves of their own', async () => {
    await refused(/propose the file/, 'import', at('policy.yaml'), '--reason', 'alone');
    await refused(/--reason/, 'propose', at('policy.yaml'), '--by', 'ann');
    await writeFile(at('wrong.yaml'), POLICY.replace('aes256-gcm', 'rot13'));
    await refused(/base\.outbound\.floor/, 'propose', at('wrong.yaml'), '--reason', 'wrong');
    const by = ['--by', 'ann', '--reason', 'agreement RPA-1'];
    const [step] = await facts('propose', at('policy.yaml'), ...by);
    assert.deepEqual([step?.['kind'], step?.['version'], step?.['base']], ['propose', 2, 1]);
    assert.match(JSON.stringify(step?.['rehearsal']), /"envelopes":0/);
    await refused(/somebody else must approve/, 'approve', '2', '--by', 'ANN');
    await refused(/not approved by a second person/, 'activate', '2', '--by', 'ann');
    await refused(/has the SHA-256/, 'approve', '2', '--by', 'bob', '--sha256', '0'.repeat(64));
    await refused(/version 9/, 'approve', '9', '--by', 'bob');
    assert.deepEqual(await states(), ['active', 'proposed']);
  });

  test('a second person approves of the exact hash; it is planned, taken back, put in force', async () => {
    const [, second] = await facts('versions');
    const sha256 = String(second?.['sha256']);
    await facts('approve', '2', '--by', 'bob', '--sha256', sha256);
    await refused(/is past/, 'activate', '2', '--at', '2020-01-01T00:00:00Z');
    await facts('activate', '2', '--at', '2099-01-01T00:00:00Z', '--by', 'ann');
    assert.deepEqual(await states(), ['active', 'scheduled']);
    await facts('activate', '2', '--cancel', '--by', 'ann');
    assert.deepEqual(await states(), ['active', 'approved']);
    await facts('activate', '2', '--by', 'ann');
    assert.deepEqual(await states(), ['superseded', 'active']);
  });

  test('an agreement that ended is told by list and check', async () => {
    assert.match((await ask('list')).text, /Bravo .*AGREEMENT RPA-1 ENDED on 2020-01-01/);
    const checked = await ask('check');
    assert.equal(checked.code, 1);
    assert.equal(
      checked.text,
      'Bravo: AGREEMENT RPA-1 ENDED on 2020-01-01: its mail is held.\nCharlie: no agreement.\n',
    );
  });

  test('every value that holds is shown with who said it', async () => {
    const shown = await ask('show', 'x-board@bravo.example', '--effective');
    assert.match(shown.text, /^Policy version 2, rule partner:Bravo\/board\.\n/);
    assert.match(shown.text, /outbound\.encrypt +from user board of partner Bravo +required\n/);
    assert.match(shown.text, /outbound\.floor +from base +aes256-gcm\n/);
    assert.match(shown.text, /outbound\.otherwise +from built in +hold\n/);
    await refused(/neither an address nor a domain/, 'show', 'a b', '--effective');
  });

  test('a running gateway records every step once, those before its start too', async () => {
    const stop = await serve(['--config', config, '--role', ROLES]);
    try {
      await facts('rollback', '1', '--reason', 'a mistake', '--by', 'ann');
      assert.deepEqual(await states(), ['active', 'rolled-back']);
      const listed = await sallyport(['audit', 'list', '--config', config, '--json']);
      const events = listed.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { kind: string; facts: Record<string, unknown> })
        .filter(({ kind }) => kind.startsWith('policy-'));
      assert.deepEqual(
        events.map(({ kind, facts: { step, version } }) => `${step} ${kind} ${version}`),
        [
          '1 policy-activated 1',
          '2 policy-proposed 2',
          '3 policy-approved 2',
          '4 policy-scheduled 2',
          '5 policy-scheduled 2',
          '6 policy-activated 2',
          '7 policy-rolled-back 1',
        ],
      );
      const versions = await facts('versions');
      for (const { facts: event } of events) {
        const version = versions[Number(event['version']) - 1];
        assert.equal(event['sha256'], version?.['sha256']);
      }
    } finally {
      await stop();
    }
  });

  test('simulate decides by a draft and by the message, and says what it takes for granted', async () => {
    const stop = await serve(['--config', config, '--role', ROLES]);
    try {
      const path = ['--from', 'alice@acme.example', '--to', 'bob@charlie.example'];
      const [inForce] = await facts('simulate', ...path);
      assert.deepEqual([inForce?.['rule'], inForce?.['policyVersion']], ['default', 1]);
      const draft = ['--policy', at('policy.yaml')];
      const [drafted] = await facts('simulate', ...path, ...draft);
      assert.deepEqual(
        [drafted?.['decision'], drafted?.['rule'], drafted?.['policyVersion']],
        ['sign-only', 'partner:Charlie', null],
      );
      assert.match(String(drafted?.['remarks']), /No message was given/);
      const held = ['simulate', '--from', 'alice@acme.example', '--to', 'bob@bravo.example'];
      const [ended] = await facts(...held, '--policy', '2');
      assert.equal(ended?.['decision'], 'hold (agreement-expired)', 'never default');
      await writeFile(
        at('bad.eml'),
        [
          'From: alice@acme.example',
          'To: bob@charlie.example',
          'MIME-Version: 1.0',
          'Content-Type: application/octet-stream; name="run.exe"',
          'Content-Disposition: attachment; filename="run.exe"',
          '',
          'MZ',
          '',
        ].join('\r\n'),
      );
      const [filtered] = await facts('simulate', ...path, ...draft, '--message', at('bad.eml'));
      assert.equal(filtered?.['decision'], 'refuse (content-refused)');
      const text = await ask('simulate', ...path, ...draft, '--message', at('bad.eml'));
      assert.match(text.text, /Transport: by MX, tls\.level secure of rule partner:Charlie\.\n/);
      await writeFile(at('long.eml'), await longMessage());
      await refused(/is over 524288 bytes/, 'simulate', ...path, '--message', at('long.eml'));
    } finally {
      await stop();
    }
  });

  test('a draft may wait in the store until somebody proposes it', async () => {
    const [kept] = await facts('propose', at('policy.yaml'), '--draft', '--reason', 'later');
    assert.deepEqual(kept, { version: 3, state: 'draft' });
    await refused(/never proposed/, 'activate', '3');
    await facts('propose', '3', '--by', 'carol');
    assert.deepEqual(await states(), ['active', 'rolled-back', 'proposed']);
  });
});

async function longMessage(): Promise<string> {
  const self = await readFile(new URL(import.meta.url), 'utf8');
  return self.repeat(Math.ceil((600 * 1024) / self.length));
}
