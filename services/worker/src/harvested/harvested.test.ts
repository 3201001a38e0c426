/** Certificates out of verified mail: what is kept, for how long, and what a replay changes. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { createLogger } from '@sallyport/log';
import { type Domain, type Mailbox, newQueueId } from '@sallyport/mail';
import { generateKeyPairPem, issueCertificate, parseCertificate } from '@sallyport/pki';
import type { Harvested } from './harvest.ts';
import { HarvestedCertificates } from './harvested-certificates.ts';
import { type HarvestedEntry, parseFile, pathOf, takeIn } from './harvested-file.ts';
import { Harvester } from './harvester.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const BOB: Mailbox = { localPart: 'bob', domain: 'bravo.example' as Domain };

function entry(certificate: string, minutes: number): HarvestedEntry {
  return {
    certificate: Buffer.from(certificate).toString('base64'),
    signingTime: new Date(NOW.getTime() + minutes * 60_000).toISOString(),
    queueId: newQueueId(NOW),
  };
}

test('old mail that somebody sends again brings back no old certificate', () => {
  const [old, fresh] = [entry('old', -20), entry('new', -10)];
  const first = takeIn([], old, NOW);
  assert.deepEqual(first, [old]);
  const second = takeIn(first ?? [], fresh, NOW);
  assert.deepEqual(second, [fresh, old]);
  assert.equal(takeIn(second ?? [], old, NOW), null, 'the replay');
  assert.equal(takeIn(second ?? [], fresh, NOW), null, 'the same mail again');
});

test('what was signed in the future or too long ago, or is too long, is left alone', () => {
  assert.equal(takeIn([], entry('x', 6), NOW), null);
  assert.equal(takeIn([], entry('x', -31 * 24 * 60), NOW), null);
  assert.equal(takeIn([], entry('x'.repeat(8_193), -1), NOW), null);
});

test('a mailbox has at most four, the newest; several of one message stand side by side', () => {
  let entries: readonly HarvestedEntry[] = [];
  for (let at = 0; at < 6; at += 1) entries = takeIn(entries, entry(`c${at}`, -9), NOW) ?? [];
  const texts = entries.map(({ certificate }) => Buffer.from(certificate, 'base64').toString());
  assert.deepEqual(texts, ['c5', 'c4', 'c3', 'c2']);
});

function harvestedFrom(mailbox: Mailbox, rule: string, minutes: number): Harvested {
  const { privateKeyPem } = generateKeyPairPem('ec-p256');
  const der = issueCertificate({
    ...{ subject: { cn: 'Bob' }, privateKey: privateKeyPem, notBefore: NOW, days: 1 },
    emails: [`${mailbox.localPart}@${mailbox.domain}`],
  });
  const parsed = parseCertificate(der);
  assert.ok(parsed.kind === 'certificate');
  const kept = { ...entry('', minutes), certificate: der.toString('base64') };
  return { mailbox, rule, certificate: parsed.value, entry: kept };
}

async function store(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-harvested-'));
  t.after(async () => await rm(folder, { recursive: true }));
  const events: AuditEvent[] = [];
  const record = async (event: AuditEvent): Promise<void> => void events.push(event);
  const clock = { now: () => NOW };
  const logger = createLogger({ service: 'test', now: clock.now, write: () => {} });
  const harvester = new Harvester({ folder, clock, recorder: { record }, logger });
  return { folder, events, harvester, kept: new HarvestedCertificates(folder) };
}

test('what verified mail brought is found by its mailbox alone, and the log has it once', async (t) => {
  const { events, harvester, kept } = await store(t);
  const first = harvestedFrom(BOB, 'partner:Bravo', -5);
  harvester.harvest([first, first]);
  await harvester.close();
  assert.deepEqual(await kept.of(BOB), [first.certificate.der]);
  assert.deepEqual(await kept.of({ ...BOB, localPart: 'ann' }), []);
  assert.deepEqual(
    events.map((event) => [event.kind, 'certificate' in event && event.certificate]),
    [['certificate-harvested', first.certificate.fingerprint]],
  );
  assert.doesNotMatch(JSON.stringify(events), /bob@/, 'no person stands in the log');
});

test('strangers push out strangers, never a partner; a broken file gives nothing', async (t) => {
  const { folder, harvester, kept } = await store(t);
  for (let at = 0; at < 500; at += 1) writeFileSync(join(folder, `default-${at}.json`), '');
  harvester.harvest([harvestedFrom(BOB, 'partner:Bravo', -5), harvestedFrom(BOB, 'default', -5)]);
  await harvester.close();
  const names = readdirSync(folder);
  assert.equal(names.filter((name) => name.startsWith('default-')).length, 500);
  assert.equal((await kept.of(BOB)).length, 2);
  writeFileSync(pathOf(folder, BOB, 'partner-'), '{"version":1');
  assert.equal((await kept.of(BOB)).length, 1);
  assert.deepEqual(parseFile('{"version":2,"mailbox":"b","entries":[]}'), []);
});
