import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import {
  type AuditEvent,
  auditEventSchema,
  inclusionProof,
  leafHash,
  verifyBundle,
  verifyEventProof,
} from '@sallyport/audit-log';
import { type AuditExport, exportEvents } from './index.ts';
import { accepted, newFolder, newId, TestLog } from './testing.ts';

/** Over three segments of 512 leaves, the last one not whole, and over chunks of 256. */
const LEAVES = 512;
const EVENTS = 1_333;

/** Every third event is to the one domain. */
function manyEvents(): AuditEvent[] {
  return Array.from({ length: EVENTS }, (_, n) =>
    auditEventSchema.parse(
      accepted(newId(), n % 3 === 0 ? 'bob@bravo.example' : 'carol@charlie.example'),
    ),
  );
}

function exportOf(log: TestLog, index: Awaited<ReturnType<TestLog['index']>>, domain?: string) {
  return exportEvents(index, {
    query: domain === undefined ? {} : { domain },
    withheld: 'none',
    publicKey: String(log.publicKey.export({ type: 'spki', format: 'pem' })),
    selection: 'a test',
  });
}

const verify = async (made: AuditExport, log: TestLog) =>
  await verifyBundle(
    [...made.bundle()].map((line) => line.trimEnd()),
    { publicKey: log.publicKey },
  );

test('an export of many events verifies, all of them or some, and as the log was when it began', async () => {
  const log = new TestLog(LEAVES);
  log.addParsed(manyEvents());
  const index = await log.index();
  const all = exportOf(log, index);
  assert.ok(all.kind === 'export');
  const some = exportOf(log, index, 'bravo.example');
  assert.ok(some.kind === 'export');
  // The log goes on before the first line is read.
  log.addParsed(manyEvents().slice(0, 40));
  await index.catchUp();
  const verdict = await verify(all, log);
  assert.deepEqual(verdict.kind === 'ok' && [verdict.events, verdict.head.size], [EVENTS, EVENTS]);
  const partly = await verify(some, log);
  assert.equal(partly.kind === 'ok' && partly.events, Math.ceil(EVENTS / 3));
  index.close();
});

test('paths that are made together are those that are made one by one, in any order', async () => {
  const log = new TestLog(LEAVES);
  log.addParsed(manyEvents());
  const index = await log.index();
  const { head } = log;
  assert.ok(head !== null);
  const hashes = [...index.events(Array.from({ length: EVENTS }, (_, n) => n))].map(({ leaf }) =>
    leafHash(leaf),
  );
  const wanted = [0, 1, 255, 256, 511, 512, 1_023, 1_024, 1_279, 1_280, 1_332, 7, 700, 6, 1_332];
  const answers = [...index.proveAll(wanted, head)];
  for (const [n, answer] of answers.entries()) {
    assert.ok(answer.kind === 'proof');
    assert.ok(verifyEventProof(answer.proof, log.publicKey));
    const path = inclusionProof(hashes, wanted[n] ?? -1).map((node) => node.toString('hex'));
    assert.deepEqual(answer.proof.path, path, String(wanted[n]));
  }
  assert.deepEqual(
    [...index.proveAll([EVENTS, -1, 0.5], head)].map(({ kind }) => kind),
    ['unknown', 'unknown', 'unknown'],
  );
  index.close();
});

test('from hashes that do not lead to the head nothing is exported; an event edited on the way ends it', async () => {
  const log = new TestLog(LEAVES);
  log.addParsed(manyEvents());
  const file = join(newFolder(), 'index.sqlite');
  const other = await log.index(file);
  const database = new DatabaseSync(file);
  database.exec('UPDATE chunks SET hashes = zeroblob(8192) WHERE chunk = 5');
  database.close();
  assert.deepEqual(exportOf(log, other), { kind: 'contradicted' });
  other.close();
  const index = await log.index();
  const made = exportOf(log, index);
  assert.ok(made.kind === 'export');
  const text = readFileSync(log.segment, 'utf8');
  const at = text.lastIndexOf('outward');
  writeFileSync(log.segment, `${text.slice(0, at)}outwarz${text.slice(at + 7)}`);
  assert.throws(() => [...made.bundle()], /cannot be proven: contradicted/);
  index.close();
});

test('who gives a time waits no longer for a catch-up, and hears that it goes on', async () => {
  const log = new TestLog(LEAVES);
  log.addParsed(manyEvents());
  const index = await log.index();
  assert.equal(index.isBehind(), false);
  log.addParsed(manyEvents());
  const whole = index.catchUp();
  const early = await index.catchUp(0);
  assert.equal(early.isBehind, true);
  assert.equal(index.isBehind(), true);
  assert.deepEqual(await whole, { size: 2 * EVENTS, damage: null });
  assert.equal(index.isBehind(), false);
  assert.deepEqual(await index.catchUp(60_000), { size: 2 * EVENTS, damage: null });
  index.close();
});
