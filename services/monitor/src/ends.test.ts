import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parsePolicyDocument } from '@sallyport/policy';
import { endsOfCrl, endsOfPolicy, endsOfShown } from './ends.ts';

test('agreements and exceptions end with their last day, in UTC', () => {
  const parsed = parsePolicyDocument({
    partners: [
      {
        name: 'Bravo',
        domains: ['bravo.example'],
        agreement: { id: 'A-1', asserts: 'x', validUntil: '2026-06-30', contact: '' },
        trust: {
          exceptions: [{ subject: 'CN=x', reason: 'agreed by phone', until: '2026-05-01' }],
        },
      },
    ],
  });
  assert.ok(parsed.kind !== 'invalid');
  const ends = endsOfPolicy(parsed.policy).map(({ kind, at }) => [kind, at.toISOString()]);
  assert.deepEqual(ends, [
    ['agreement', '2026-07-01T00:00:00.000Z'],
    ['exception', '2026-05-02T00:00:00.000Z'],
  ]);
});

test('bytes that are no certificate are passed over', () => {
  const certificate = Buffer.from('no certificate').toString('base64');
  assert.deepEqual(endsOfShown('ingress', [{ kind: 'tls', name: 'x', certificate }]), []);
});

test('a CRL that is not there, or is none, ends never', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ends-'));
  try {
    const file = join(folder, 'ca.crl');
    assert.deepEqual(await endsOfCrl(file), []);
    await writeFile(file, 'no CRL');
    assert.deepEqual(await endsOfCrl(file), []);
  } finally {
    await rm(folder, { recursive: true });
  }
});
