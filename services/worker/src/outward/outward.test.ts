import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { createLogger } from '@sallyport/log';
import { bufferContent, newQueueId, parseDomain, type QueueId, readContent } from '@sallyport/mail';
import {
  issueCertificate,
  parseCertificate,
  type ValidatedCertificate,
  validatePath,
} from '@sallyport/pki';
import {
  decideOutward,
  type OutwardDecision,
  type OutwardFacts,
  outwardRuleFor,
  parsePolicyDocument,
} from '@sallyport/policy';
import { generateReaderKey, type QueueFileHeader, Spool } from '@sallyport/spool';
import { groupByTreatment } from './decide-recipients.ts';
import { type Report, reportToAuthor } from './reports.ts';
import { FIRST_STATE, parseOutwardState } from './state.ts';

const NOW = new Date('2026-06-01T00:00:00Z');

// ---- state

test('a state that cannot be read is none: a step done again is safe, one left out is not', () => {
  for (const value of [
    null,
    undefined,
    1,
    'x',
    [],
    {},
    { ...FIRST_STATE, extra: 1 },
    { ...FIRST_STATE, attempts: -1 },
    { ...FIRST_STATE, fault: 'no-such-fault' },
    { ...FIRST_STATE, fault: 'toString' },
    { ...FIRST_STATE, nextAttemptAt: 'tomorrow' },
    { ...FIRST_STATE, settled: [1] },
  ]) {
    assert.deepEqual(parseOutwardState(value), FIRST_STATE, JSON.stringify(value));
  }
  const state = {
    ...FIRST_STATE,
    settled: ['a@b.example'],
    attempts: 3,
    fault: 'internal',
    nextAttemptAt: '2026-01-01T00:00:00.000Z',
    releasedAt: '2026-11-21T00:00:00.000Z',
    delayWarned: true,
  };
  assert.deepEqual(parseOutwardState(JSON.parse(JSON.stringify(state))), state);
});

// ---- groups

function dca(name: string): ValidatedCertificate {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cn = 'domain-confidentiality-authority';
  const bytes = issueCertificate({
    subject: { cn },
    privateKey,
    notBefore: NOW,
    days: 9,
    emails: [`${cn}@${name}`],
  });
  const parsed = parseCertificate(bytes);
  assert.ok(parsed.kind === 'certificate');
  const leaf = parsed.value;
  const result = validatePath({
    leaf,
    intermediates: [],
    anchors: [leaf],
    time: NOW,
    purpose: 'any',
  });
  assert.ok(result.kind === 'valid');
  return result.certificate;
}

const bravo = dca('bravo.example');
const charlie = dca('charlie.example');

const document = parsePolicyDocument({
  partners: [
    { name: 'Bravo', domains: ['bravo.example', 'second.example'] },
    { name: 'Charlie', domains: ['charlie.example'] },
    { name: 'Gcm', domains: ['gcm.example'], outbound: { content: 'aes256-gcm' } },
  ],
});
assert.ok(document.kind === 'ok');
const { policy } = document;

/** Permits come from the decision alone, so the groups are made of true decisions. */
function decision(
  domain: string,
  certificate: ValidatedCertificate | null,
  change: Partial<OutwardFacts> = {},
): OutwardDecision {
  const name = parseDomain(domain);
  assert.ok(name !== null);
  const facts: OutwardFacts = {
    originator: 'authenticated',
    innerSignatures: 'none',
    certificate:
      certificate === null
        ? { kind: 'not-looked-up' }
        : { kind: 'found', certificate, door: 'pinned' },
    filter: { kind: 'clean', scanned: false },
    waitedMs: 0,
    protectedBytes: 0,
    nextHopLimitBytes: null,
    released: false,
    now: NOW,
    ...change,
  };
  return decideOutward(facts, outwardRuleFor(policy, name));
}

const to = (path: string, made: OutwardDecision) => ({ recipient: { path }, decision: made });

test('DS-E8: recipients of one certificate share a message, those of another never do', () => {
  const groups = groupByTreatment([
    to('a@bravo.example', decision('bravo.example', bravo)),
    to('c@charlie.example', decision('charlie.example', charlie)),
    to('b@bravo.example', decision('bravo.example', bravo)),
  ]);
  assert.deepEqual(
    groups.treatments.map((group) => group.recipients.map((one) => one.path)),
    [['a@bravo.example', 'b@bravo.example'], ['c@charlie.example']],
  );
  for (const { decision: made } of groups.treatments) assert.equal(made.kind, 'protect');
});

test('RFC 8551 2.7.3: whatever differs in the protection is a message of its own', () => {
  const groups = groupByTreatment([
    to('a@bravo.example', decision('bravo.example', bravo)),
    to('a@gcm.example', decision('gcm.example', bravo)),
    to('x@else.example', decision('else.example', null)),
  ]);
  assert.equal(groups.treatments.length, 3);
  assert.deepEqual(
    groups.treatments.map((group) => group.decision.kind),
    ['protect', 'protect', 'sign-only'],
  );
});

test('one recipient’s fate is no other’s: what is held, refused or waits is apart from what goes', () => {
  const finding = { filter: { kind: 'refuse', reason: 'evil' } } as const;
  const missing = { certificate: { kind: 'none', unusable: null } } as const;
  const groups = groupByTreatment([
    to('a@bravo.example', decision('bravo.example', bravo)),
    to('b@bravo.example', decision('bravo.example', bravo, finding)),
    to('c@charlie.example', decision('charlie.example', null, missing)),
    to('d@charlie.example', decision('charlie.example', charlie, { originator: 'unknown' })),
  ]);
  const all = [...groups.treatments, ...groups.held, ...groups.refused, ...groups.waiting];
  const paths = all.flatMap((group) => group.recipients.map((one) => one.path));
  assert.deepEqual(paths.sort(), [
    'a@bravo.example',
    'b@bravo.example',
    'c@charlie.example',
    'd@charlie.example',
  ]);
  assert.deepEqual(
    groups.treatments.flatMap((group) => group.recipients),
    [{ path: 'a@bravo.example' }],
  );
  assert.deepEqual(
    groups.refused.map((group) => group.recipients.map((one) => one.path)),
    [['b@bravo.example'], ['d@charlie.example']],
  );
});

// ---- reports

const MESSAGE = Buffer.from(
  'From: ann@acme.example\r\nSubject: the subject\r\nMessage-ID: <1@acme.example>\r\n\r\nthe body\r\n',
);

interface Bench {
  readonly spool: Spool;
  readonly events: AuditEvent[];
  readonly added: QueueId[];
  report(header: Partial<QueueFileHeader>, report?: Partial<Report>): Promise<string | null>;
}

async function bench(t: TestContext): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-reports-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [worker, egress] = [generateReaderKey(), generateReaderKey()];
  const logger = createLogger({ service: 'test', now: () => NOW, write: () => {} });
  const spool = await Spool.open({
    folder,
    readerKeys: { worker: worker.publicKeyPem, egress: egress.publicKeyPem },
    privateKey: { name: 'worker', pem: worker.privateKeyPem },
    logger,
  });
  t.after(() => spool.close());
  const events: AuditEvent[] = [];
  const added: QueueId[] = [];
  const ports = {
    spool,
    recorder: {
      record: (event: AuditEvent) => {
        events.push(event);
        return Promise.resolve();
      },
    },
    clock: { now: () => NOW },
    gatewayName: 'gw.acme.example',
    ownDomains: new Set(['acme.example', 'second.example']),
    added: (id: QueueId) => {
      added.push(id);
      return Promise.resolve();
    },
  };
  return {
    spool,
    events,
    added,
    report: async (change, given = {}) => {
      const before = added.length;
      const header: QueueFileHeader = { ...HEADER, id: newQueueId(NOW), ...change };
      const recipients = header.forwardPaths;
      const report = {
        action: 'failed',
        fault: 'recipient-certificate-missing',
        sentence: 'Returned: no certificate.',
        recipients,
        ...given,
      } as const;
      await reportToAuthor(header, bufferContent(MESSAGE), report, ports);
      const id = added[before];
      if (id === undefined) return null;
      const stored = await spool.read('incoming', id);
      assert.ok(stored.kind === 'ok');
      return (await readContent(stored.content)).toString('latin1');
    },
  };
}

const HEADER: Omit<QueueFileHeader, 'id'> = {
  version: 1,
  createdAt: NOW.toISOString(),
  origin: 'outward',
  reversePath: 'ann@acme.example',
  forwardPaths: [{ path: 'bob@bravo.example' }],
  client: null,
  evidence: 'login ann',
  dsn: {},
  smtpUtf8: false,
  eightBit: false,
  requireTls: false,
  extra: {},
};

test('RFC 5321 4.5.5: nothing goes to the null reverse-path, nor to one that is no address', async (t) => {
  const { report, events } = await bench(t);
  assert.equal(await report({ reversePath: '' }), null);
  assert.equal(await report({ reversePath: 'no address' }), null);
  assert.deepEqual(events, []);
});

test('RFC 3461 4.1: NOTIFY says which reports there are', async (t) => {
  const { report } = await bench(t);
  const cases: [('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[] | null, boolean, boolean][] = [
    [null, true, true],
    [['NEVER'], false, false],
    [['SUCCESS'], false, false],
    [['FAILURE'], true, false],
    [['DELAY'], false, true],
    [['FAILURE', 'DELAY'], true, true],
  ];
  for (const [notify, failed, delayed] of cases) {
    const path = { path: 'bob@bravo.example', ...(notify === null ? {} : { notify }) };
    assert.equal((await report({ forwardPaths: [path] })) !== null, failed, `${notify} failed`);
    const late = await report(
      { forwardPaths: [path] },
      { action: 'delayed', fault: 'directory-unreachable' },
    );
    assert.equal(late !== null, delayed, `${notify} delayed`);
  }
});

test('RFC 3464: the report names only who wanted one, with action, status and envid', async (t) => {
  const { report } = await bench(t);
  const text = await report({
    forwardPaths: [
      { path: 'bob@bravo.example', orcpt: 'rfc822;bobby@bravo.example' },
      { path: 'quiet@bravo.example', notify: ['NEVER'] },
    ],
    dsn: { envid: 'QQ314159' },
  });
  assert.ok(text !== null);
  assert.match(text, /Content-Type: multipart\/report/i);
  assert.match(text, /Final-Recipient: rfc822; ?bob@bravo.example/i);
  assert.match(text, /Original-Recipient: rfc822; ?bobby@bravo.example/i);
  assert.match(text, /Action: failed/i);
  assert.match(text, /Status: 5\.7\.5/);
  assert.match(text, /Original-Envelope-Id: QQ314159/i);
  assert.doesNotMatch(text, /quiet@/);
});

test('a delay says 4.x.x and until when it is tried; the body stays here by default', async (t) => {
  const { report } = await bench(t);
  const willRetryUntil = new Date('2026-06-06T00:00:00Z');
  const text = await report(
    {},
    { action: 'delayed', fault: 'directory-unreachable', willRetryUntil },
  );
  assert.ok(text !== null);
  assert.match(text, /Action: delayed/i);
  assert.match(text, /Status: 4\.4\.3/);
  assert.match(text, /Will-Retry-Until:/i);
  assert.match(text, /Subject: the subject/);
  assert.doesNotMatch(text, /the body/);
  assert.match((await report({ dsn: { ret: 'FULL' } })) ?? '', /the body/);
});

test('RFC 3834, RFC 8689 5: a report is ours, from nobody, says it is automatic, inherits REQUIRETLS', async (t) => {
  const { report, spool, added, events } = await bench(t);
  const text = await report({ requireTls: true });
  assert.match(text ?? '', /Auto-Submitted: auto-replied/i);
  assert.match(text ?? '', /From: [^\r]*postmaster@acme\.example/);
  const [id] = added;
  assert.ok(id !== undefined);
  const stored = await spool.readHeader('incoming', id);
  assert.ok(stored.kind === 'ok');
  const { origin, reversePath, forwardPaths, requireTls, evidence } = stored.header;
  assert.deepEqual(
    { origin, reversePath, requireTls, evidence },
    { origin: 'gateway', reversePath: '', requireTls: true, evidence: null },
  );
  assert.deepEqual(forwardPaths, [{ path: 'ann@acme.example', notify: ['NEVER'] }]);
  assert.deepEqual(
    events.map((event) => event.kind),
    ['dsn-created'],
  );
});

test('a report about a report cannot be: it went out from the null reverse-path', async (t) => {
  const { report, spool, added } = await bench(t);
  await report({});
  const [id] = added;
  assert.ok(id !== undefined);
  const stored = await spool.readHeader('incoming', id);
  assert.ok(stored.kind === 'ok');
  assert.equal(await report(stored.header), null);
});
