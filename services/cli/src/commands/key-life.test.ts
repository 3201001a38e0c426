import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { recentEvents } from '@sallyport/audit-log';
import type { KeyRecord } from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { type Domain, systemClock } from '@sallyport/mail';
import { activateDueKeys } from '../gateway/activate-due.ts';
import { auditSegments } from '../gateway/audit-folder.ts';
import { type AuthorityClass, writeKeyRecord } from '../gateway/keys.ts';
import type { OwnCaIssuer } from '../gateway/keys-ca.ts';
import { planRetirement, planStep } from '../gateway/keys-change.ts';
import { OneAtATime } from '../gateway/one-at-a-time.ts';
import { startRecorder } from '../gateway/one-order-recorder.ts';
import { initialised, openssl, sallyport } from '../testing.ts';
import { openGateway } from './gateway-access.ts';
import { schedule } from './key-activation.ts';
import { makeKey } from './key-generate.ts';
import { type KeySession, keyRecord, withKeySession } from './key-session.ts';
import { activate, timeOf } from './key-steps.ts';
import { openOwnCa } from './own-ca.ts';
import { Complaint } from './run.ts';

const DCA = 'domain-confidentiality';
const DSA = 'domain-signing';

describe('the life of a key, while no mail flows', () => {
  const stack = new AsyncDisposableStack();
  let folder = '';
  let config = '';
  let issuer: OwnCaIssuer;
  const at = (name: string): string => join(folder, name);

  async function order<T>(work: (session: KeySession) => Promise<T>): Promise<T> {
    return await withKeySession({ config, by: 'alice' }, work);
  }
  const refused = async (why: RegExp, work: (session: KeySession) => Promise<unknown>) =>
    await assert.rejects(
      order(work),
      (error) =>
        error instanceof Complaint && why.test(error.message) && /^[^\n]+\.$/.test(error.message),
    );
  const make = (keyClass: AuthorityClass, by: OwnCaIssuer | null) => async (session: KeySession) =>
    await makeKey(session, {
      keyClass,
      domain: 'acme.example' as Domain,
      algorithm: 'ec-p256',
      token: undefined,
      issuer: by,
    });
  const step =
    (name: 'retire' | 'destroy' | 'reopen', keyId: string) => async (session: KeySession) => {
      const input = { records: await session.records(), keyId, now: session.now };
      const plan = name === 'retire' ? planRetirement(input) : planStep(input, name);
      return (await session.carryOut(plan))[0].record;
    };
  const inState = async (state: string, keyClass: string): Promise<KeyRecord> => {
    const records = await order((session) => session.records());
    const found = records.find((one) => one.state === state && one.class === keyClass);
    assert.ok(found !== undefined, `no ${state} ${keyClass} key`);
    return found;
  };
  /** What the log says of a key, all of it done by somebody. */
  const history = async (keyId: string): Promise<string[]> => {
    const events = await recentEvents(await auditSegments(at('g/data/audit')), {}, 1_000);
    return events.flatMap(({ kind, facts, personal }) => {
      if (facts['keyId'] !== keyId) return [];
      assert.match(personal['by'] ?? '', /^(alice|serve)$/);
      return [`${kind} ${String(facts['from'] ?? '-')} ${String(facts['state'])}`];
    });
  };

  before(async () => {
    const made = await initialised();
    stack.defer(made.remove);
    ({ folder, config } = made);
  });
  after(async () => await stack.disposeAsync());

  test('with no process running, a command brings a recorder of its own, and its steps are in the log', async () => {
    const time = new Date(Date.now() + 3_600_000).toISOString();
    const which = ['--for', DSA, '--algorithm', 'ec-p384', '--at', time];
    const how = ['--json', '--by', 'alice', '--passphrase-file', at('passphrase')];
    const ran = await sallyport(['key', 'rollover', ...which, ...how, '--config', config]);
    assert.equal(ran.code, 0, ran.stderr);
    const made = JSON.parse(ran.text) as {
      keyId: string;
      state: string;
      activateAt: string;
      publish: { type: string }[];
    };
    assert.deepEqual([made.state, made.activateAt], ['pending', time]);
    assert.deepEqual([...new Set(made.publish.map(({ type }) => type))].sort(), ['CERT', 'SMIMEA']);
    assert.deepEqual(await history(made.keyId), [
      'key-generated - generated',
      'key-certified generated pending',
      'key-scheduled - pending',
    ]);
    const again = await sallyport(['key', 'rollover', ...which, ...how, '--config', config]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^[^\n]*is planned to take over at [^\n]*\.\n$/);
    const gateway = await openGateway(config);
    const recorder = await startRecorder(gateway.config, gateway.layout);
    assert.ok(!('reason' in recorder));
    stack.use(recorder);
    issuer = await openOwnCa(gateway, at('passphrase'));
  });

  test('from generated to destroyed: each step is in the log with both states, who, and which certificate', async () => {
    const first = await inState('active', DCA);
    const { keyId } = await order(make(DCA, issuer));
    await order((session) => activate(session, keyId));
    await refused(/is decrypt-only; retire it first/, step('destroy', first.keyId));
    for (const name of ['retire', 'reopen', 'retire'] as const)
      await order(step(name, first.keyId));
    const file = join(at('g/data/keys'), `${first.keyId}.key.sealed`);
    assert.ok((await stat(file)).size > 0);
    await order(step('destroy', first.keyId));
    await assert.rejects(stat(file), /ENOENT/);
    await refused(/is destroyed\.$/, (session) => activate(session, first.keyId));
    assert.deepEqual(await history(first.keyId), [
      'key-retired active decrypt-only',
      'key-retired decrypt-only retired',
      'key-reopened retired decrypt-only',
      'key-retired decrypt-only retired',
      'key-destroyed retired destroyed',
    ]);
    assert.deepEqual(await history(keyId), [
      'key-generated - generated',
      'key-certified generated pending',
      'key-activated pending active',
    ]);
    const record = await keyRecord(await openGateway(config), first.keyId);
    assert.deepEqual([record.state, record.privateKeyFile], ['destroyed', undefined]);
    const events = await recentEvents(await auditSegments(at('g/data/audit')), {}, 1_000);
    const last = events.find((event) => event.kind === 'key-destroyed');
    assert.match(String(last?.facts['fingerprint']), /^[0-9a-f]{64}$/);
  });

  test('what the life of a key does not allow is refused in one sentence and is not in the log', async () => {
    const { keyId } = await inState('active', DSA);
    const before = await history(keyId);
    await refused(/is active; activate another key/, step('destroy', keyId));
    await refused(/only one in use/, step('retire', keyId));
    await refused(/is active already/, (session) => activate(session, keyId));
    await refused(/opens no mail/, step('reopen', keyId));
    await refused(/There is no key dsa-none/, step('retire', 'dsa-none'));
    assert.deepEqual(await history(keyId), before);
    const bare = await order(make(DSA, null));
    assert.equal(bare.state, 'generated');
    await refused(/has no certificate yet/, (session) => activate(session, bare.keyId));
    await refused(/was never in use/, step('retire', bare.keyId));
    assert.equal((await order(step('destroy', bare.keyId))).state, 'destroyed');
  });

  test('a key comes into use at a time that fits its certificate, and that can be taken back', async () => {
    const pending = await order(make(DSA, issuer));
    const plan = (text: string | null) => async (session: KeySession) =>
      await schedule(
        session,
        await keyRecord(session.gateway, pending.keyId),
        text === null ? null : timeOf(text),
      );
    await refused(/is over; name a later time/, plan('2020-01-01T00:00:00Z'));
    await refused(/The certificate of the key [^ ]+ ended on/, plan('2099-01-01T00:00:00Z'));
    await refused(/no activation is planned/, plan(null));
    assert.throws(() => timeOf('tomorrow'), Complaint);
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    assert.equal((await order(plan(soon))).activateAt, soon);
    assert.equal((await order(plan(null))).activateAt, undefined);
  });

  test('a running gateway puts a key in use when its time has come, and records it', async () => {
    const { layout, config: facts } = await openGateway(config);
    const planned = await inState('pending', DSA);
    const former = await inState('active', DSA);
    const activateAt = new Date(Date.now() - 1_000).toISOString();
    await writeKeyRecord(layout.keys, { ...planned, activateAt });
    const ending = new AbortController();
    const logger = createLogger({ service: 'test', now: () => new Date(), write: () => undefined });
    let reloads = 0;
    const reload = (): void => {
      reloads += 1;
      ending.abort();
    };
    const { signal } = ending;
    const turns = new OneAtATime();
    await activateDueKeys(facts, { logger, clock: systemClock, signal, turns, reload });
    assert.equal(reloads, 1);
    const after = await inState('active', DSA);
    assert.deepEqual([after.keyId, after.activateAt], [planned.keyId, undefined]);
    assert.equal((await inState('retired', DSA)).keyId, former.keyId);
    const events = await recentEvents(await auditSegments(at('g/data/audit')), {}, 1_000);
    const [last] = events.filter(({ kind }) => kind === 'key-activated').slice(-1);
    assert.deepEqual([last?.facts['keyId'], last?.personal['by']], [planned.keyId, 'serve']);
    await order(make(DSA, issuer));
  });

  test('a key whose private half cannot be opened takes over neither at once nor as planned', async () => {
    const { layout, config: facts } = await openGateway(config);
    const inUse = await inState('active', DSA);
    const broken = await inState('pending', DSA);
    const file = join(layout.keys, `${broken.keyId}.key.sealed`);
    const sealed = await readFile(file);
    await writeFile(file, '{}');
    await refused(/cannot be used: [^/]+$/, (session) => activate(session, broken.keyId));
    const activateAt = new Date(Date.now() - 1_000).toISOString();
    await writeKeyRecord(layout.keys, { ...broken, activateAt });
    const ending = new AbortController();
    const told: string[] = [];
    const write = (line: string): void => {
      told.push(line);
      if (line.includes('key.not-activated')) ending.abort();
    };
    const logger = createLogger({ service: 'test', now: () => new Date(), write });
    const turns = new OneAtATime();
    const parts = { logger, clock: systemClock, turns, reload: () => ending.abort() };
    await activateDueKeys(facts, { ...parts, signal: ending.signal });
    assert.ok(told.some((line) => line.includes('cannot be used')));
    assert.equal((await inState('active', DSA)).keyId, inUse.keyId);
    await writeFile(file, sealed);
    await writeKeyRecord(layout.keys, broken);
  });

  test('TM-4: the next and the last signing certificate are published beside the one in use, for encryption that one alone', async () => {
    const former = await inState('active', DSA);
    const { keyId } = await inState('pending', DSA);
    await order((session) => activate(session, keyId));
    const text = await readFile(at('g/data/published/entries.json'), 'utf8');
    const { entries } = JSON.parse(text) as {
      entries: { cn: string; userCertificate: string[] }[];
    };
    const der = ({ certificate }: KeyRecord): string =>
      (certificate ?? '').split('\n').slice(1, -2).join('');
    const [encryption, signing] = entries;
    assert.deepEqual(
      [encryption?.cn, encryption?.userCertificate],
      ['domain-confidentiality-authority', [der(await inState('active', DCA))]],
    );
    assert.equal(signing?.userCertificate[0], der(await inState('active', DSA)));
    assert.ok(signing?.userCertificate.includes(der(former)), 'its mail is under way');
    assert.ok(signing?.userCertificate.includes(der(await inState('pending', DSA))));
  });

  test('RFC 2986: csr proves possession, names the authority and carries what a CA asks for', async () => {
    const { keyId } = await inState('active', DCA);
    const subject = ['--country', 'DE', '--organization', 'Acme'];
    const ran = await sallyport(['key', 'csr', keyId, ...subject, '--config', config]);
    assert.equal(ran.code, 0, ran.stderr);
    await writeFile(at('request.pem'), ran.stdout);
    const question = ['-in', at('request.pem'), '-verify', '-noout', '-text'];
    const seen = openssl(['req', ...question]).toString();
    assert.match(seen, /C ?= ?DE, O ?= ?Acme, CN ?= ?domain-confidentiality-authority/);
    assert.match(seen, /email:domain-confidentiality-authority@acme\.example/);
    assert.match(seen, /Key Agreement/);
    assert.match(seen, /E-mail Protection/);
    const wrong = await sallyport([
      'key',
      'csr',
      keyId,
      '--country',
      'Germany',
      '--config',
      config,
    ]);
    assert.deepEqual([wrong.code, wrong.text], [1, '']);
    assert.match(wrong.stderr, /^[^\n]*two capital letters[^\n]*\.\n$/);
  });

  test('no private key ever stands in clear in the key folder, and nothing is left behind there', async () => {
    for (const name of await readdir(at('g/data/keys'))) {
      const text = await readFile(at(`g/data/keys/${name}`), 'latin1');
      assert.doesNotMatch(text, /PRIVATE KEY/, name);
      assert.doesNotMatch(name, /\.new$/);
    }
  });
});
