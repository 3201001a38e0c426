import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type RecordedEvent, recentEvents } from '@sallyport/audit-log';
import type { Domain } from '@sallyport/mail';
import { parseCrl } from '@sallyport/pki';
import { auditSegments } from '../gateway/audit-folder.ts';
import { certificateOf } from '../gateway/keys.ts';
import type { OwnCaIssuer } from '../gateway/keys-ca.ts';
import { startRecorder } from '../gateway/one-order-recorder.ts';
import { issueOwnCrl } from '../gateway/own-crl.ts';
import { initialised, type Ran, sallyport } from '../testing.ts';
import { type Gateway, openGateway } from './gateway-access.ts';
import { makeKey } from './key-generate.ts';
import { type KeySession, keySession } from './key-session.ts';
import { openOwnCa, signByOwnCa } from './own-ca.ts';
import { Complaint } from './run.ts';

describe('each use of the own CA key is on record before and after', () => {
  const stack = new AsyncDisposableStack();
  let folder = '';
  let config = '';
  let gateway: Gateway;
  let issuer: OwnCaIssuer;
  let session: KeySession;
  /** Events that were in the log before the test. */
  let seen = 0;
  const at = (name: string): string => join(folder, name);
  const cli = async (...args: string[]): Promise<Ran> => {
    const how = ['--passphrase-file', at('passphrase'), '--by', 'alice', '--config', config];
    return await sallyport(['key', ...args, ...how]);
  };
  const logged = async (): Promise<readonly RecordedEvent[]> =>
    await recentEvents(await auditSegments(gateway.layout.audit), {}, 1_000);
  /** What the test left in the log, without starts and stops. */
  const added = async (): Promise<readonly RecordedEvent[]> =>
    (await logged()).slice(seen).filter(({ kind }) => !kind.startsWith('service-'));
  const lines = (events: readonly RecordedEvent[]): string[] =>
    events.map(({ kind, facts }) =>
      [kind, facts['operation'], facts['outcome']].filter((one) => one !== undefined).join(' '),
    );
  /** The pair belongs together, names the CA's key, who used it, and what was signed. */
  const checkUse = (events: readonly RecordedEvent[], tbs: Buffer): void => {
    const [intent, outcome] = events;
    assert.ok(intent !== undefined && outcome !== undefined);
    for (const { facts, personal } of [intent, outcome]) {
      assert.deepEqual([facts['keyId'], personal['by']], ['ca', 'alice']);
    }
    assert.equal(outcome.queueId, intent.queueId);
    assert.equal(outcome.facts['intent'], intent.index);
    const digest = createHash('sha256').update(tbs).digest('hex');
    assert.equal(intent.facts['contentDigest'], digest);
    assert.match(String(outcome.facts['signatureDigest']), /^[0-9a-f]{64}$/);
  };
  /** All that a CA key could have made: the list, what is revoked, the keys and their certificates. */
  const made = async () => ({
    list: await readFile(gateway.layout.publishedCrl, 'base64'),
    revoked: await readFile(join(gateway.layout.ca, 'revocations.json'), 'utf8'),
    keys: (await readdir(gateway.layout.keys)).sort(),
  });
  const make = async (by: KeySession, domain: string) =>
    await makeKey(by, {
      keyClass: 'domain-signing',
      domain: domain as Domain,
      algorithm: 'ec-p256',
      token: undefined,
      issuer,
    });
  const issue = async (by: KeySession, beforeSigning: () => void = () => undefined) =>
    await issueOwnCrl(gateway.layout, {
      issuer,
      now: by.now,
      days: 30,
      sign: async (list) => {
        const sign = (): ReturnType<typeof list.sign> => {
          beforeSigning();
          return list.sign();
        };
        return await signByOwnCa(by, { operation: 'sign-crl', unsigned: { ...list, sign } });
      },
    });

  before(async () => {
    const ready = await initialised();
    stack.defer(ready.remove);
    ({ folder, config } = ready);
    gateway = await openGateway(config);
    issuer = await openOwnCa(gateway, at('passphrase'));
    session = keySession(gateway, { by: 'alice', offline: false, now: new Date() });
  });
  beforeEach(async () => {
    seen = (await logged()).length;
  });
  after(async () => await stack.disposeAsync());

  test('no recorder can be had: the order is refused, and the CA key signs nothing', async () => {
    const before = await made();
    const logKey = await readFile(gateway.layout.logKey);
    await writeFile(gateway.layout.logKey, 'no key');
    const ran = await cli('crl');
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /^[^\n]*would not be in the audit log[^\n]*\.\n$/);
    await writeFile(gateway.layout.logKey, logKey);
    let signings = 0;
    const count = (): void => {
      signings += 1;
    };
    await assert.rejects(issue(session, count), /recorder does not answer/);
    await assert.rejects(make(session, 'acme.example'), /recorder does not answer/);
    assert.equal(signings, 0);
    assert.deepEqual(await made(), before);
  });

  test('with --offline a list is issued and nothing is recorded', async () => {
    const offline = keySession(gateway, { by: 'alice', offline: true, now: new Date() });
    assert.equal((await issue(offline)).crlNumber, 2);
    assert.deepEqual(await logged(), []);
  });

  test('a key that the own CA certifies: the log has the digest of its certificate', async () => {
    await using _recorder = await recorder();
    const certificate = certificateOf(await make(session, 'acme.example'));
    const events = await added();
    assert.deepEqual(lines(events), [
      'key-intent sign-certificate',
      'key-outcome sign-certificate done',
      'key-generated',
      'key-certified',
    ]);
    assert.ok(certificate !== null);
    checkUse(events, certificate.tbs);
  });

  test('revoke: the log has the digest of the list that is published', async () => {
    const [pending] = (await session.records()).filter((one) => one.state === 'pending');
    const ran = await cli('revoke', pending?.keyId ?? '', '--reason', 'superseded');
    assert.equal(ran.code, 0, ran.stderr);
    const events = await added();
    assert.deepEqual(lines(events), [
      'certificate-revoked',
      'key-intent sign-crl',
      'key-outcome sign-crl done',
      'crl-issued',
    ]);
    const published = parseCrl(await readFile(gateway.layout.publishedCrl));
    assert.ok(published.kind === 'crl');
    checkUse(events.slice(1), published.value.tbs);
  });

  test('what cannot be signed, or partners would refuse, is recorded as failed and leaves no file', async () => {
    await using _recorder = await recorder();
    const before = await made();
    const broken = (): void => {
      throw new Error('the signing broke');
    };
    await assert.rejects(issue(session, broken), /the signing broke/);
    // The name constraints of the CA bind it to its own domain.
    await assert.rejects(make(session, 'bravo.example'), /own CA cannot issue this certificate/);
    assert.deepEqual(lines(await added()), [
      'key-intent sign-crl',
      'key-outcome sign-crl failed',
      'key-intent sign-certificate',
      'key-outcome sign-certificate failed',
    ]);
    assert.deepEqual(await made(), before);
  });

  test('an outcome that cannot be recorded: the list is dropped, and the next start says unknown', async () => {
    const before = await made();
    {
      await using _recorder = await recorder();
      const record: KeySession['record'] = async (event) => {
        if (event.kind === 'key-outcome') throw new Complaint('The recorder went away.');
        return await session.record(event);
      };
      await assert.rejects(issue({ ...session, record }), /went away/);
    }
    assert.deepEqual(await made(), before);
    assert.deepEqual(lines(await added()), ['key-intent sign-crl']);
    {
      await using _recorder = await recorder();
    }
    assert.deepEqual(lines(await added()), ['key-intent sign-crl', 'key-outcome sign-crl unknown']);
  });

  async function recorder(): Promise<AsyncDisposable> {
    const started = await startRecorder(gateway.config, gateway.layout);
    assert.ok(!('reason' in started));
    return started;
  }
});
