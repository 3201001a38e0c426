/** What must not stop the rest: one damaged or unsettled message, one slow directory. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import { MESSAGE_LIMITS } from '@sallyport/domsec';
import { bufferContent, type Domain, newQueueId, type QueueId, readContent } from '@sallyport/mail';
import { readEntityBytes } from '@sallyport/mime';
import { decideOutward, outwardRuleFor, parsePolicyDocument } from '@sallyport/policy';
import type { QueueFileHeader, Spool, SpoolFolder } from '@sallyport/spool';
import { Unavailable } from '../shared/ports.ts';
import { handleOutward } from './handle.ts';
import { expireHeld } from './hold-expiry.ts';
import type { Job, OutwardPorts } from './job.ts';
import { Protector } from './protect.ts';
import { type ReportPorts, reportToAuthor } from './reports.ts';
import { outwardJob } from './schedule.ts';
import { sendOn } from './settle.ts';
import { FIRST_STATE } from './state.ts';
import { HEADER, NOW, outwardFacts, workerSpool } from './testing.ts';
import { soonestOf } from './wait.ts';

const DAY_MS = 86_400_000;
const LONG_AGO = new Date(NOW.getTime() - 20 * DAY_MS);

const TEXT = bufferContent(Buffer.from('Subject: hi\r\n\r\nsecret text\r\n'));
const BRAVO = 'bravo.example' as Domain;
const DONE = Promise.resolve();
const parsed = parsePolicyDocument({
  partners: [
    {
      name: 'Bravo',
      domains: [BRAVO],
      outbound: { sign: 'none', signNoneReason: 'agreed with the partner', encrypt: 'none' },
    },
  ],
});
assert.ok(parsed.kind === 'ok', JSON.stringify(parsed));
const { policy: POLICY } = parsed;

interface Bench {
  readonly folder: string;
  readonly spool: Spool;
  readonly events: AuditEvent[];
  readonly ports: OutwardPorts;
  readonly refusedIds: Set<string>;
  put(folder: 'incoming' | 'hold', header?: Partial<QueueFileHeader>): Promise<QueueFileHeader>;
  ids(folder: SpoolFolder): Promise<QueueId[]>;
}

async function bench(t: TestContext): Promise<Bench> {
  const { folder, spool, logger } = await workerSpool(t);
  const events: AuditEvent[] = [];
  const refusedIds = new Set<string>();
  const reportPorts: ReportPorts = {
    spool,
    recorder: {
      record: (event) => {
        if ('queueId' in event && refusedIds.has(String(event.queueId))) {
          return Promise.reject(new Unavailable('recorder-unavailable'));
        }
        events.push(event);
        return Promise.resolve();
      },
    },
    clock: { now: () => NOW },
    gatewayName: 'gw.acme.example',
    ownDomains: new Set(['acme.example']),
    added: () => Promise.resolve(),
  };
  return {
    ...{ folder, spool, events, refusedIds },
    ports: { ...reportPorts, logger } as OutwardPorts,
    put: async (target, more = {}) => {
      const header: QueueFileHeader = {
        ...HEADER,
        id: newQueueId(LONG_AGO),
        createdAt: LONG_AGO.toISOString(),
        ...more,
      };
      const writer = await spool.create('tmp', header, 'worker');
      await writer.write(Buffer.from('Subject: hi\r\n\r\nsecret text\r\n'));
      await writer.finish({ syncNow: true });
      await spool.commit(header.id, 'tmp', target);
      return header;
    },
    ids: async (target) => await all(spool.list(target)),
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test('one held message that cannot be settled keeps neither the others nor the start', async (t) => {
  const it = await bench(t);
  const stuck = await it.put('hold');
  await it.put('hold');
  it.refusedIds.add(stuck.id);
  await expireHeld(it.ports, 14 * DAY_MS);
  assert.deepEqual(await it.ids('hold'), [stuck.id]);
  assert.equal((await it.ids('incoming')).length, 1, 'the other one went back to its author');
});

test('design section 4: a held file that cannot be read goes to corrupt, never away', async (t) => {
  const it = await bench(t);
  const { id } = await it.put('hold');
  const path = join(it.folder, 'hold', id);
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  writeFileSync(path, bytes);
  await expireHeld(it.ports, 14 * DAY_MS);
  assert.deepEqual(await it.ids('hold'), []);
  assert.ok((await it.ids('corrupt')).includes(id));
  assert.deepEqual(
    it.events.map(({ kind }) => kind),
    ['corrupt-found'],
  );
});

test('a file that cannot be read is on record before it is set aside', async (t) => {
  const it = await bench(t);
  const { id } = await it.put('incoming');
  writeFileSync(join(it.folder, 'incoming', id), 'not a queue file');
  it.refusedIds.add(id);
  await assert.rejects(handleOutward(id, it.ports), Unavailable);
  assert.deepEqual(await it.ids('incoming'), [id]);
  it.refusedIds.clear();
  assert.deepEqual(await handleOutward(id, it.ports), { kind: 'done' });
  assert.deepEqual(await it.ids('corrupt'), [id]);
  assert.deepEqual(
    it.events.map(({ kind }) => kind),
    ['corrupt-found'],
  );
});

test('what the recorder does not know is not on its way, and the next try finds the way free', async (t) => {
  const it = await bench(t);
  const header = await it.put('incoming');
  const active = { version: 1, sha256: '', policy: POLICY };
  const job: Job = {
    ...{ header, content: TEXT, state: FIRST_STATE, active },
    ...{ acceptedAs: header.id, settled: new Set<string>() },
  };
  const decision = decideOutward(outwardFacts(null), outwardRuleFor(POLICY, BRAVO));
  assert.ok(decision.kind === 'pass');
  const root = readEntityBytes(await readContent(TEXT), MESSAGE_LIMITS.mime);
  assert.ok(root.kind === 'entity');
  const nobody = () => Promise.reject(new Error('nothing is signed'));
  const asks = { signers: nobody, confidentialityChain: nobody };
  const protector = new Protector(root.value, { kind: 'encapsulate' }, asks);
  const relayed: QueueId[] = [];
  const group = { decision, recipients: header.forwardPaths };
  const send = (recorder: OutwardPorts['recorder']) =>
    sendOn(job, group, protector, { ...it.ports, recorder, relay: (id) => relayed.push(id) });
  const down: OutwardPorts['recorder'] = {
    record: (event) =>
      event.kind === 'protected' ? Promise.reject(new Unavailable('recorder-unavailable')) : DONE,
  };
  await assert.rejects(send(down), Unavailable);
  assert.deepEqual([...relayed, ...(await it.ids('tmp')), ...(await it.ids('outgoing'))], []);
  await send(it.ports.recorder);
  assert.deepEqual(await it.ids('outgoing'), relayed);
  assert.equal(relayed.length, 1);
});

test('a damaged state file does not stop the scan; the message is worked on from the start', async (t) => {
  const it = await bench(t);
  const { id } = await it.put('incoming');
  writeFileSync(join(it.folder, 'incoming', `${id}.state`), '{"settled":[');
  assert.deepEqual(await outwardJob(it.spool, id), {
    id,
    dueAt: new Date(0),
    destination: 'bravo.example',
  });
});

test('a path that is no address is left out of a report, and never keeps the message for good', async (t) => {
  const it = await bench(t);
  const header = await it.put('incoming');
  const recipients = [{ path: 'no address' }];
  const report = { action: 'failed', fault: 'mailbox-syntax', sentence: 'No.' } as const;
  await reportToAuthor(header, TEXT, { ...report, recipients }, it.ports);
  assert.deepEqual(it.events, []);
});

test('RFC 8689 5: of a message that demands TLS the header alone goes back', async (t) => {
  const it = await bench(t);
  const report = { action: 'failed', fault: 'internal', sentence: 'No.' } as const;
  for (const requireTls of [true, false]) {
    const header = await it.put('hold', { requireTls, dsn: { ret: 'FULL' } });
    const known = new Set(await it.ids('incoming'));
    const recipients = header.forwardPaths;
    await reportToAuthor(header, TEXT, { ...report, recipients }, it.ports);
    const [id] = (await it.ids('incoming')).filter((one) => !known.has(one));
    assert.ok(id !== undefined);
    const read = await it.spool.read('incoming', id);
    assert.ok(read.kind === 'ok');
    const isWhole = (await readContent(read.content)).includes('secret text');
    assert.equal(isWhole, !requireTls);
    assert.equal(read.header.requireTls, requireTls);
  }
});

test("a recipient's rule that waits a minute is not kept by another's that waits for the schedule", () => {
  const wait = (waitMs: number | null) => ({ fault: 'dns-failure', sentence: '', waitMs }) as const;
  assert.equal(soonestOf([wait(null), wait(60_000), wait(90_000)])?.waitMs, 60_000);
  assert.equal(soonestOf([wait(60_000), wait(null)])?.waitMs, 60_000);
  assert.equal(soonestOf([wait(null), wait(null)])?.waitMs, null);
  assert.equal(soonestOf([]), null);
});
