import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectSocket, healthProtocol } from '@sallyport/ipc';
import { newQueueId } from '@sallyport/mail';
import { healthOf, type KeyFacts } from './health.ts';
import {
  acceptMessage,
  closeKeyholderTests,
  ktri,
  openKeyholderTests,
  root,
  setup,
  signParams,
  start,
} from './testing.ts';

before(openKeyholderTests);
after(closeKeyholderTests);

type Opened = KeyFacts['ring'] extends ReadonlyMap<string, infer Key> ? Key : never;

const USES = 'sallyport_key_use_duration_seconds_count';

test('uses of keys are counted by what came of them; a wrong content key is no other figure', async () => {
  const healthSocket = join(root, 'health.sock');
  const given = await setup({ healthSocket });
  await given.addKey({ keyId: 'dsa' });
  await given.addKey({ keyId: 'dca', class: 'domain-confidentiality', signedAttributes: null });
  const { outward, inward, close } = await start(given);
  const path = healthSocket;
  const health = connectSocket({ path, protocol: healthProtocol, deadlineMs: 5_000 });
  const queueId = await acceptMessage();
  await outward.call('sign', signParams('dsa', queueId));
  const unaccepted = signParams('dsa', newQueueId(new Date()));
  await assert.rejects(outward.call('sign', unaccepted));
  const recipient = ktri(Buffer.alloc(256));
  await inward.call('unwrap', { keyId: 'dca', queueId, keyBytes: 16, recipient });
  const samples = await health.call('metrics', {});
  assert.equal(samples[`${USES}{operation="sign",outcome="done"}`], 1);
  assert.equal(samples[`${USES}{operation="sign",outcome="not-recorded"}`], 1);
  assert.equal(samples[`${USES}{operation="unwrap",outcome="done"}`], 1);
  assert.equal(samples[`${USES}{operation="unwrap",outcome="failed"}`], 0);
  assert.equal(samples['sallyport_keys{class="domain-signing",state="active"}'], 1);
  assert.deepEqual(await health.call('health', {}), { ok: true, sentence: 'keys loaded: 2' });
  health.close();
  await close();
});

test('a keyholder says what it cannot do: a class of keys that is broken, a token that is away', () => {
  const record = (keyClass: string, state = 'active') =>
    ({ record: { class: keyClass, state } }) as unknown as Opened;
  const ring = (...keys: readonly Opened[]) => new Map(keys.map((key, i) => [String(i), key]));
  const broken = [{ keyId: 'dsa-1', file: 'x', reason: 'x' }];
  const both = ring(record('domain-signing'), record('domain-confidentiality'));
  assert.equal(healthOf({ ring: both, quarantined: [], isTokenAway: false }).ok, true);
  assert.equal(healthOf({ ring: both, quarantined: broken, isTokenAway: false }).ok, true);
  const away = healthOf({ ring: both, quarantined: [], isTokenAway: true });
  assert.equal(away.ok, false);
  assert.match(away.sentence, /token/);
  for (const left of ['domain-signing', 'domain-confidentiality']) {
    const state = ring(record(left), record('domain-signing', 'retired'), record('dkim'));
    const told = healthOf({ ring: state, quarantined: broken, isTokenAway: false });
    assert.equal(told.ok, false, left);
    assert.match(told.sentence, /dsa-1/);
  }
});

test('a keyholder without a key says so', async () => {
  const healthSocket = join(root, 'none.sock');
  const { close } = await start(await setup({ healthSocket }));
  const path = healthSocket;
  const health = connectSocket({ path, protocol: healthProtocol, deadlineMs: 5_000 });
  const { ok, sentence } = await health.call('health', {});
  assert.equal(ok, false);
  assert.match(sentence, /no key is in use/);
  health.close();
  await close();
});
