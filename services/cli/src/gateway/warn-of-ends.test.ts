import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createLogger } from '@sallyport/log';
import type { Domain } from '@sallyport/mail';
import { scratch } from '../testing.ts';
import { type GatewayLayout, layoutOf } from './layout.ts';
import { issueOwnCrl } from './own-crl.ts';
import { createAuthorities, createCa } from './provision.ts';
import { warnOfEnds } from './warn-of-ends.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const DAY_MS = 86_400_000;
const stack = new AsyncDisposableStack();
let layout: GatewayLayout;

before(async () => {
  const { folder, remove } = await scratch();
  stack.defer(remove);
  layout = layoutOf({ dataFolder: folder, runtimeFolder: join(folder, 'r') });
  const domain = 'acme.example' as Domain;
  const ca = createCa(domain, 'ec-p256', NOW);
  await createAuthorities({ layout, ca, domain, kind: 'ec-p256', now: NOW });
  const issuer = { certificate: ca.certificate, privateKey: ca.privateKeyPem };
  await issueOwnCrl(layout, { issuer, now: NOW, days: 90, sign: async (list) => list.sign().der });
});
after(async () => await stack.disposeAsync());

async function warningsAfter(days: number): Promise<string[]> {
  const lines: string[] = [];
  const now = new Date(NOW.getTime() + days * DAY_MS);
  const write = (line: string): void => void lines.push(line);
  await warnOfEnds(layout, createLogger({ service: 'test', now: () => now, write }), now);
  return lines.map((line) => /(certificate|crl)\.ends-soon/.exec(line)?.[0] ?? line);
}

test('what ends soon is told: the list two weeks before, certificates a month before', async () => {
  assert.deepEqual(await warningsAfter(0), []);
  assert.deepEqual(await warningsAfter(75), []);
  assert.deepEqual(await warningsAfter(77), ['crl.ends-soon']);
  assert.deepEqual(await warningsAfter(800), [
    'certificate.ends-soon',
    'certificate.ends-soon',
    'crl.ends-soon',
  ]);
});
