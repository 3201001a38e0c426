import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { KeyRecord } from '@sallyport/ipc';
import { dkimData, dkimToPublish } from '../gateway/dkim-record.ts';
import { readKeyRecords } from '../gateway/keys.ts';
import { planActivation, planRetirement } from '../gateway/keys-change.ts';
import { initialised, sallyport } from '../testing.ts';

const DAY_MS = 86_400_000;

describe('DKIM keys on the command line', () => {
  const stack = new AsyncDisposableStack();
  let config = '';
  let folder = '';

  before(async () => {
    const made = await initialised();
    stack.defer(made.remove);
    ({ config, folder } = made);
  });
  after(() => stack.disposeAsync());

  const generate = async (...args: readonly string[]) =>
    await sallyport(['key', 'generate', ...args, '--config', config, '--json', '--offline']);
  const keys = async (): Promise<readonly KeyRecord[]> =>
    (await readKeyRecords(join(folder, 'g/data/keys'))).filter((one) => one.class === 'dkim');

  test('what is no DKIM key is refused with a sentence, and nothing is made', async () => {
    const dkim = ['--for', 'dkim'];
    const refused: readonly [readonly string[], RegExp][] = [
      [dkim, /needs its --selector/],
      [[...dkim, '--selector', 'a_b'], /is no selector/],
      [[...dkim, '--selector', 's', '--algorithm', 'ec-p256'], /cannot serve dkim/],
      [[...dkim, '--selector', 's', '--self-issue'], /has no certificate/],
      [[...dkim, '--selector', 's', '--activate'], /Publish its TXT record first/],
      [['--for', 'domain-signing', '--selector', 's'], /for dkim keys only/],
    ];
    for (const [args, why] of refused) {
      const ran = await generate(...args);
      assert.notEqual(ran.code, 0, args.join(' '));
      assert.match(ran.stderr, why);
    }
    assert.deepEqual(await keys(), []);
  });

  test('a key is made sealed with its public half on record, and a selector serves one key only', async () => {
    const ran = await generate('--for', 'dkim', '--selector', 'S2026');
    assert.equal(ran.code, 0, ran.stderr);
    const made = JSON.parse(ran.text) as { keyId: string; publish: { name: string; data: string } };
    assert.equal(made.publish.name, 's2026._domainkey.acme.example.');
    assert.match(
      made.publish.data,
      /^"v=DKIM1; k=rsa; h=sha256; p=[A-Za-z0-9+/]+" "[A-Za-z0-9+/=]+"$/,
    );
    assert.ok(made.publish.data.split('" "').every((one) => one.length <= 257));
    const file = join(folder, 'g/data/keys', `${made.keyId}.json`);
    const record = JSON.parse(await readFile(file, 'utf8')) as KeyRecord;
    assert.equal(record.state, 'generated');
    assert.match(record.privateKeyFile ?? '', /sealed/);
    const again = await generate('--for', 'dkim', '--selector', 's2026', '--algorithm', 'ed25519');
    assert.match(again.stderr, /belongs to the key/);
    const zone = await sallyport(['dns', '--config', config]);
    assert.ok(zone.text.includes(`s2026._domainkey.acme.example. IN TXT ${made.publish.data}\n`));
  });

  test('it is activated without a certificate, is retired though it is the only one, and its line stays a while', async () => {
    const [generated] = await keys();
    assert.ok(generated !== undefined);
    const { keyId } = generated;
    const now = new Date();
    const active = planActivation({ records: [generated], keyId, now, beside: false });
    assert.ok(!('fault' in active));
    const [{ record }] = active.changes;
    assert.equal(record.state, 'active');
    const retired = planRetirement({ records: [record], keyId, now });
    assert.ok(!('fault' in retired));
    const gone = retired.changes[0].record;
    assert.equal(gone.state, 'retired');
    const after = (days: number) => {
      const at = { domain: 'acme.example', now: new Date(now.getTime() + days * DAY_MS) };
      return dkimToPublish([gone], at).length;
    };
    assert.deepEqual([after(0), after(13), after(15)], [1, 1, 0]);
  });

  test('RFC 8463 4: of an Ed25519 key the 32 octets alone are published', async () => {
    assert.equal(
      (await generate('--for', 'dkim', '--selector', 'e', '--algorithm', 'ed25519')).code,
      0,
    );
    const key = (await keys()).find(({ algorithm }) => algorithm === 'ed25519');
    assert.ok(key !== undefined);
    assert.match(dkimData(key), /^"v=DKIM1; k=ed25519; h=sha256; p=[A-Za-z0-9+/]{43}="$/);
  });
});
