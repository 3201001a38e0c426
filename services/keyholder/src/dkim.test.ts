import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { DkimFields } from '@sallyport/ipc';
import {
  acceptMessage,
  closeKeyholderTests,
  dkimFacts,
  eventsOf,
  openKeyholderTests,
  pairs,
  refused,
  setup,
  signParams,
  start,
} from './testing.ts';

before(openKeyholderTests);
after(closeKeyholderTests);

const FIELDS: DkimFields = {
  bodyHash: createHash('sha256').update('hello\r\n').digest('base64'),
  fields: [
    { name: 'From', value: 'Ann   <ann@acme.example>\t' },
    { name: 'Subject', value: 'caf\u00c3\u00a9 \t twice' },
  ],
  absent: ['from', 'subject', 'reply-to'],
};

/** The tags of a field, with all white space gone. */
function tagsOf(field: string): Record<string, string> {
  const value = field.slice(field.indexOf(':') + 1).replace(/\s+/g, '');
  return Object.fromEntries(
    value
      .split(';')
      .map((tag) => [tag.slice(0, tag.indexOf('=')), tag.slice(tag.indexOf('=') + 1)]),
  );
}

for (const algorithm of ['rsa-2048', 'ed25519'] as const) {
  test(`RFC 6376 3.7, RFC 8463 3: what an ${algorithm} key signs is a DKIM-Signature of its own domain`, async () => {
    const given = await setup();
    await given.addKey({ keyId: 'dkim', ...dkimFacts(algorithm) });
    const { outward, close } = await start(given);
    const queueId = await acceptMessage();
    const { field } = await outward.call('signDkim', { keyId: 'dkim', queueId, ...FIELDS });
    await close();
    const tags = tagsOf(field);
    const isEdwards = algorithm === 'ed25519';
    assert.deepEqual(
      [tags['v'], tags['a'], tags['c'], tags['d'], tags['s'], tags['h'], tags['bh'], tags['l']],
      [
        '1',
        isEdwards ? 'ed25519-sha256' : 'rsa-sha256',
        'relaxed/relaxed',
        'acme.example',
        isEdwards ? 'edwards' : 'rsa',
        'from:subject:from:subject:reply-to',
        FIELDS.bodyHash,
        undefined,
      ],
    );
    assert.ok(field.split('\r\n').every((line) => line.length <= 78));
    const unsigned = field.replace(/b=[^;]*$/, 'b=').replace(/\s+/g, ' ');
    const hashed = `from:Ann <ann@acme.example>\r\nsubject:caf\u00c3\u00a9 twice\r\n${unsigned.replace('DKIM-Signature: ', 'dkim-signature:')}`;
    const bytes = Buffer.from(hashed, 'latin1');
    const signature = Buffer.from(tags['b'] ?? '', 'base64');
    const key = createPublicKey(pairs.get(algorithm)?.pem ?? '');
    const signed = isEdwards ? createHash('sha256').update(bytes).digest() : bytes;
    assert.ok(verify(isEdwards ? null : 'sha256', signed, key, signature));
    const events = await eventsOf(queueId);
    assert.deepEqual(
      events.map(({ kind, facts }) => [kind, facts['operation'], facts['outcome']]),
      [
        ['accepted', undefined, undefined],
        ['key-intent', 'sign-dkim', undefined],
        ['key-outcome', 'sign-dkim', 'done'],
      ],
    );
    const digest = createHash('sha256').update(bytes).digest('hex');
    assert.equal(events[1]?.facts['contentDigest'], digest);
  });
}

test('keys of other classes sign no DKIM, and a DKIM key signs nothing else', async () => {
  const given = await setup();
  await given.addKey({ keyId: 'dsa' });
  await given.addKey({ keyId: 'dkim', ...dkimFacts() });
  await given.addKey({ keyId: 'next', ...dkimFacts(), state: 'generated' });
  const { outward, close } = await start(given);
  const queueId = await acceptMessage();
  const gone = refused('own-key-unavailable', /not in use for this/);
  for (const keyId of ['dsa', 'next', 'nobody']) {
    await assert.rejects(outward.call('signDkim', { keyId, queueId, ...FIELDS }), gone, keyId);
  }
  await assert.rejects(outward.call('sign', signParams('dkim', queueId)), gone);
  assert.deepEqual(await outward.call('dkimKeys', {}), [
    { keyId: 'dkim', domain: 'acme.example', selector: 'rsa' },
  ]);
  await close();
});

test('nothing that is no header field, and nothing without From, is signed as one', async () => {
  const given = await setup();
  await given.addKey({ keyId: 'dkim', ...dkimFacts() });
  const { outward, close } = await start(given);
  const queueId = await acceptMessage();
  const from = { name: 'From', value: 'ann@acme.example' };
  const bad: readonly [string, Partial<DkimFields>][] = [
    ['a line break', { fields: [from, { name: 'Subject', value: 'x\r\nFrom: eve@evil.example' }] }],
    ['a name that is none', { fields: [from, { name: 'Sub:ject', value: 'x' }] }],
    ['its own field', { fields: [from, { name: 'DKIM-Signature', value: 'v=1' }] }],
    ['no From', { fields: [{ name: 'Subject', value: 'x' }] }],
    ['a further From allowed', { absent: ['subject'] }],
    ['half a hash', { bodyHash: Buffer.alloc(16).toString('base64') }],
  ];
  for (const [name, change] of bad) {
    const params = { keyId: 'dkim', queueId, ...FIELDS, ...change };
    await assert.rejects(outward.call('signDkim', params), name);
  }
  const unknown = '0'.repeat(20);
  await assert.rejects(
    outward.call('signDkim', { keyId: 'dkim', queueId: unknown, ...FIELDS }),
    refused(null, /accepted/),
  );
  assert.deepEqual(
    (await eventsOf(queueId)).map(({ kind }) => kind),
    ['accepted'],
  );
  await close();
});

test('a DKIM key whose published half is that of another key is left out', async () => {
  const given = await setup();
  const other = dkimFacts('ed25519').dkimPublicKey;
  await given.addKey({ keyId: 'dkim', ...dkimFacts(), dkimPublicKey: other });
  const { outward, close } = await start(given);
  assert.deepEqual(await outward.call('dkimKeys', {}), []);
  assert.match(given.lines.join(''), /the published key is that of another key/);
  await close();
});
