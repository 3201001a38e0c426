/** What partners announce: who may say it, when it is believed, and what becomes of it. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { encodeCapabilities, type OwnCapability } from '@sallyport/cms';
import { createLogger } from '@sallyport/log';
import { type Domain, newQueueId } from '@sallyport/mail';
import { type Certificate, issueCertificate, parseCertificate, validatePath } from '@sallyport/pki';
import { mailbox } from '@sallyport/test/addresses';
import { type Entry, parseFile, pathOf, takeIn } from './capability-file.ts';
import type { Heard } from './heard.ts';
import { announcementOf, KnownCapabilities } from './known-capabilities.ts';
import { CapabilityLearner } from './learner.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const later = (minutes: number): string => new Date(NOW.getTime() + minutes * 60_000).toISOString();
const hex = (text: string): string => createHash('sha256').update(text).digest('hex');
const place = { rule: 'partner:Bravo', domain: 'bravo.example' as Domain };

function entry(change: Partial<Entry> = {}): Entry {
  return {
    key: hex('dsa'),
    certificate: hex('certificate'),
    role: 'domain',
    mailboxes: ['domain-signing-authority@bravo.example'],
    notAfter: '2027-11-21T12:00:00.000Z',
    signingTime: later(0),
    queueId: newQueueId(NOW),
    capabilities: ['aes256-gcm', 'aes256-cbc'],
    keyPreference: null,
    ...change,
  };
}

const OLD_LIST = ['aes128-cbc', 'des-ede3-cbc'];

// ---- replay

test('RFC 8551 2.7.1: old mail, sent again, downgrades nothing', () => {
  const first = takeIn([], entry({ capabilities: OLD_LIST, signingTime: later(-60) }), NOW);
  assert.equal(first.outcome, 'new');
  const second = takeIn(first.entries, entry(), NOW);
  assert.equal(second.outcome, 'changed');
  const again = entry({ capabilities: OLD_LIST, signingTime: later(-60) });
  for (const replayed of [again, { ...again, signingTime: later(0) }]) {
    const third = takeIn(second.entries, replayed, NOW);
    assert.equal(third.outcome, 'older');
    assert.deepEqual(third.entries, second.entries);
  }
});

test('a signing time in the future, or long past, is not believed', () => {
  assert.equal(takeIn([], entry({ signingTime: later(4) }), NOW).outcome, 'new');
  assert.equal(takeIn([], entry({ signingTime: later(6) }), NOW).outcome, 'in-future');
  assert.equal(takeIn([], entry({ signingTime: later(-29 * 1_440) }), NOW).outcome, 'new');
  assert.equal(takeIn([], entry({ signingTime: later(-31 * 1_440) }), NOW).outcome, 'too-old');
});

function* orders<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length === 0) yield [];
  for (const [at, first] of items.entries()) {
    for (const rest of orders(items.toSpliced(at, 1))) yield [first, ...rest];
  }
}

test('whatever the order in which messages come, the list that was signed last holds', () => {
  const messages = [
    { signingTime: later(-500), capabilities: ['aes256-gcm'] },
    { signingTime: later(-60), capabilities: ['aes128-cbc'] },
    { signingTime: later(-30), capabilities: ['aes256-gcm'] },
    { signingTime: later(0), capabilities: ['aes256-cbc'] },
    { signingTime: later(0), capabilities: ['aes256-cbc'] },
    { signingTime: later(60), capabilities: ['aes128-cbc'] },
  ];
  for (const order of orders(messages)) {
    let entries: readonly Entry[] = [];
    for (const message of order) entries = takeIn(entries, entry(message), NOW).entries;
    assert.deepEqual(
      entries.map((one) => one.capabilities),
      [['aes256-cbc']],
    );
  }
});

test('people of a domain never push out its authority, nor grow the file without bound', () => {
  let entries: readonly Entry[] = takeIn([], entry({ signingTime: later(-1_000) }), NOW).entries;
  for (let number = 0; number < 200; number += 1) {
    const someone = entry({
      key: hex(`${number}`),
      role: 'originator',
      signingTime: later(-number),
    });
    entries = takeIn(entries, someone, NOW).entries;
  }
  assert.equal(entries.filter((one) => one.role === 'domain').length, 1);
  assert.equal(entries.length, 65);
});

// ---- on disk

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-capabilities-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function bench(t: TestContext) {
  const folder = await folderFor(t);
  const events: AuditEvent[] = [];
  const logged: string[] = [];
  const logger = createLogger({
    service: 'test',
    now: () => NOW,
    write: (line) => void logged.push(line),
  });
  const recorder = {
    record: (event: AuditEvent) => {
      events.push(event);
      return Promise.resolve();
    },
  };
  const clock = { now: () => NOW };
  const start = (): CapabilityLearner => new CapabilityLearner({ folder, clock, recorder, logger });
  const learner = start();
  const hear = async (...heard: readonly Partial<Entry>[]): Promise<void> => {
    learner.learn(heard.map((change): Heard => ({ place, entry: entry(change) })));
    await learner.close();
  };
  return { folder, events, logged, learner, start, hear };
}

test('what is learned is on disk with a record, readable by its owner alone', async (t) => {
  const umask = process.umask(0o077); // as serve sets it
  t.after(() => process.umask(umask));
  const { folder, events, hear } = await bench(t);
  await hear({});
  const path = pathOf(folder, place);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(
    parseFile(await readFile(path, 'utf8')).map((one) => one.capabilities),
    [['aes256-gcm', 'aes256-cbc']],
  );
  assert.deepEqual(
    events.map((event) => [event.kind, 'outcome' in event && event.outcome]),
    [['capabilities-learned', 'new']],
  );
});

test('a replay is recorded once it says something else, and the file stays', async (t) => {
  const { folder, events, hear } = await bench(t);
  await hear({});
  const before = await readFile(pathOf(folder, place), 'utf8');
  await hear({ signingTime: later(-5) });
  assert.equal(events.length, 1, 'the same list says nothing new');
  await hear({ signingTime: later(-60), capabilities: OLD_LIST });
  assert.deepEqual(
    events.map((event) => [event.kind, 'outcome' in event && event.outcome]),
    [
      ['capabilities-learned', 'new'],
      ['capabilities-ignored', 'older'],
    ],
  );
  assert.equal(await readFile(pathOf(folder, place), 'utf8'), before);
});

test('the newest signing time outlives a restart, even where the list stayed the same', async (t) => {
  const { folder, events, learner, start, hear } = await bench(t);
  await hear({ signingTime: later(-60) }, { signingTime: later(-10) });
  await learner.close();
  const next = start();
  const replayed = entry({ signingTime: later(-30), capabilities: OLD_LIST });
  next.learn([{ place, entry: replayed }]);
  await next.close();
  assert.equal(events.at(-1)?.kind, 'capabilities-ignored');
  const [kept] = parseFile(await readFile(pathOf(folder, place), 'utf8'));
  assert.deepEqual(kept?.capabilities, ['aes256-gcm', 'aes256-cbc']);
});

test('a folder that is gone costs a line in the log and no mail', async (t) => {
  const { folder, logged, hear } = await bench(t);
  await rm(folder, { recursive: true });
  await hear({});
  assert.match(logged.join('\n'), /capabilities\.not-kept/);
});

test('strangers push out strangers, never a partner', async (t) => {
  const { folder, learner, hear } = await bench(t);
  await hear({});
  for (let number = 0; number < 520; number += 1) {
    const domain = `d${number}.example` as Domain;
    learner.learn([{ place: { rule: 'default', domain }, entry: entry() }]);
  }
  await learner.close();
  const names = await readdir(folder);
  assert.equal(names.filter((name) => name.startsWith('default-')).length, 500);
  assert.equal(names.filter((name) => name.startsWith('partner-')).length, 1);
});

// ---- who speaks for a certificate

function certificateOf(email: string, capabilities?: readonly OwnCapability[]): Certificate {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const bytes = issueCertificate({
    subject: { cn: email },
    privateKey,
    notBefore: NOW,
    days: 9,
    emails: [email],
  });
  const parsed = parseCertificate(bytes);
  assert.ok(parsed.kind === 'certificate');
  if (capabilities === undefined) return parsed.value;
  // RFC 4262 section 2: the extension as a CA would have put it in.
  const oid = '1.2.840.113549.1.9.15';
  const raw = new Map(parsed.value.extensions.raw);
  raw.set(oid, { oid, critical: false, value: encodeCapabilities(capabilities) });
  return { ...parsed.value, extensions: { ...parsed.value.extensions, raw } };
}

const DCA = certificateOf('domain-confidentiality-authority@bravo.example');

async function announcedFor(
  folder: string,
  certificate: Certificate = DCA,
  rule: string = place.rule,
) {
  const path = validatePath({
    leaf: certificate,
    intermediates: [],
    anchors: [certificate],
    time: NOW,
    purpose: 'any',
  });
  assert.ok(path.kind === 'valid');
  const facts = await new KnownCapabilities(folder).addTo(
    { kind: 'found', certificate: path.certificate, door: 'pinned' },
    { recipient: mailbox('bob@bravo.example'), rule, now: NOW },
  );
  assert.ok(facts.kind === 'found' && facts.capabilities !== undefined);
  const { announced, certificate: own } = facts.capabilities;
  return {
    announced: announced.map((one) => one.content.join()),
    own: own?.content.join() ?? null,
  };
}

test('the authority of a domain speaks for its certificate, a person of it does not', async (t) => {
  const { folder, hear } = await bench(t);
  await hear({
    key: hex('bob'),
    role: 'originator',
    mailboxes: ['bob@bravo.example'],
    capabilities: ['aes128-cbc'],
  });
  assert.deepEqual((await announcedFor(folder)).announced, []);
  await hear({});
  assert.deepEqual((await announcedFor(folder)).announced, ['aes256-gcm,aes256-cbc']);
  const personal = certificateOf('bob@bravo.example');
  assert.deepEqual((await announcedFor(folder, personal)).announced, ['aes128-cbc']);
  const another = certificateOf('ann@bravo.example');
  assert.deepEqual((await announcedFor(folder, another)).announced, ['aes256-gcm,aes256-cbc']);
});

test('what was believed under one rule says nothing under another', async (t) => {
  const { folder, hear } = await bench(t);
  await hear({});
  assert.deepEqual((await announcedFor(folder, DCA, 'default')).announced, []);
  assert.deepEqual((await announcedFor(folder, DCA, 'partner:Other')).announced, []);
});

test('a signer whose certificate ended is silent; who asks for this certificate goes first', async (t) => {
  const { folder, hear } = await bench(t);
  await hear({ notAfter: '2026-11-20T00:00:00.000Z', capabilities: ['aes128-cbc'] });
  assert.deepEqual((await announcedFor(folder)).announced, []);
  const named = `serial ${DCA.serial.toString('hex')} of ${DCA.issuer.toString('hex')}`;
  await hear(
    { key: hex('one'), capabilities: ['aes256-cbc'], signingTime: later(-1) },
    { key: hex('two'), capabilities: ['aes128-gcm'], signingTime: later(-2), keyPreference: named },
  );
  assert.deepEqual((await announcedFor(folder)).announced, ['aes128-gcm']);
});

test('RFC 4262: the list in the certificate is read', async (t) => {
  const folder = await folderFor(t);
  const certificate = certificateOf('domain-confidentiality-authority@bravo.example', [
    { kind: 'content', name: 'aes128-gcm' },
  ]);
  assert.deepEqual(await announcedFor(folder, certificate), { announced: [], own: 'aes128-gcm' });
  assert.deepEqual(await announcedFor(folder), { announced: [], own: null });
});

test('a file that is broken, or of somebody else, says nothing', async (t) => {
  const { folder, hear } = await bench(t);
  await hear({});
  const good = await readFile(pathOf(folder, place), 'utf8');
  for (const text of [
    '',
    '{',
    'null',
    good.slice(0, -10),
    good.replace('"version":1', '"version":2'),
  ]) {
    await writeFile(pathOf(folder, place), text);
    assert.deepEqual((await announcedFor(folder)).announced, [], text.slice(0, 20));
  }
});

test('of a list, what says how to encrypt: a list of nothing that we write is not silence', () => {
  const words = ['rsa-sha256', '1.2.3', 'aes256-gcm', 'rsa-oaep sha1 mgf1-sha1', 'rsa-pkcs1v15'];
  assert.deepEqual(announcementOf(words), {
    content: ['aes256-gcm'],
    namesContent: true,
    keyTransport: ['rsa-pkcs1v15'],
  });
  assert.equal(announcementOf(['des-ede3-cbc', 'rc2-cbc']).namesContent, true);
  assert.equal(announcementOf(['rsa-sha256', 'ecdh x963-sha256 wrap-aes256']).namesContent, false);
  assert.deepEqual(announcementOf(['rsa-oaep sha256 mgf1-sha256']).keyTransport, ['rsa-oaep']);
});
