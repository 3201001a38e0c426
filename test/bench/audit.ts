/**
 * What an audit log of a million events costs: to append to, to verify, to prove from, to search.
 * Command: npm run bench:audit -- --events 1000000
 */
import { createPublicKey } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type AuditIndex, openAuditIndex } from '@sallyport/audit-index';
import {
  LOG_KEY_FILE,
  parseSegmentName,
  verifyConsistency,
  verifyEventProof,
  verifyLog,
} from '@sallyport/audit-log';
import { temporaryFolder } from '../harness/folder.ts';
import { prepareRecorder, startRecorder } from './audit-recorder.ts';
import { type Marks, machineLine, writeReport } from './report.ts';

const MARKS: Marks = {
  begin: '<!-- bench:audit: written by npm run bench:audit -->',
  end: '<!-- bench:audit: end -->',
};
const LIMITS = { verifySeconds: 30, proofMs: 50, appendRatio: 1.25 };
const ROUND = 100_000;
const PROOFS = 1_000;
const SEARCHES = 200;
const CAUGHT_UP = 10_000;

const { values } = parseArgs({ options: { events: { type: 'string', default: '1000000' } } });
const events = Number(values.events);

/** The share of sorted times. */
function at(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

function timed(count: number, work: (n: number) => void): number[] {
  return Array.from({ length: count }, (_, n) => {
    const from = performance.now();
    work(n);
    return performance.now() - from;
  });
}

async function seconds<T>(work: () => Promise<T>): Promise<{ value: T; took: number }> {
  const from = performance.now();
  const value = await work();
  return { value, took: (performance.now() - from) / 1_000 };
}

async function segments(audit: string) {
  const names = (await readdir(audit)).filter((name) => parseSegmentName(name) !== null).sort();
  return names.map((name) => ({ name, bytes: createReadStream(join(audit, name)) }));
}

const QUERIES: Readonly<Record<string, (n: number) => object>> = {
  'the newest 50': () => ({}),
  'of one kind': () => ({ kinds: ['relayed'] }),
  'of one queue id': () => ({ queueId }),
  'of one address': (n) => ({ address: `user${(n * 37) % 5_000}@acme.example` }),
  'of one partner domain': (n) => ({ domain: `partner${n % 300}.example` }),
  'with one rare word': (n) => ({ text: ((n + 1) * 997 * 7_919).toString(36) }),
  'with two words that most have': () => ({ text: 'certificate protected' }),
};

await using folder = await temporaryFolder('bench-audit');
const optionsFile = await prepareRecorder(folder.path);
const audit = join(folder.path, 'audit');
const rounds: number[] = [];
{
  await using recorder = await startRecorder(folder.path, optionsFile);
  while ((await recorder.size()) < events) rounds.push(await recorder.append(ROUND));
}
const publicKey = createPublicKey(await readFile(join(audit, LOG_KEY_FILE)));
const verified = await seconds(async () => await verifyLog(await segments(audit), publicKey));
if (verified.value.kind !== 'ok') throw new Error(`the log is damaged: ${verified.value.reason}`);

const file = join(folder.path, 'index.sqlite');
const index: AuditIndex = await openAuditIndex({ auditFolder: audit, file });
const built = await seconds(() => index.catchUp());
const older = index.head();
const restarted = await startRecorder(folder.path, optionsFile);
await restarted.append(CAUGHT_UP);
await restarted[Symbol.asyncDispose]();
const caughtUp = await seconds(() => index.catchUp());
const nothingNew = await seconds(() => index.catchUp());

const { size } = caughtUp.value;
const [relayed] = index.search({
  kinds: ['accepted'],
  before: Math.floor(size / 2),
  limit: 1,
}).events;
const queueId = relayed?.queueId ?? '';
const proofs = timed(PROOFS, (n) => {
  const answer = index.prove((n * 104_729) % size);
  if (answer.kind !== 'proof' || !verifyEventProof(answer.proof, publicKey)) {
    throw new Error(`no proof of event ${(n * 104_729) % size}`);
  }
});
const continued = timed(20, () => {
  const head = index.head();
  const answer = older === null ? null : index.proveConsistency(older);
  if (older === null || head === null || answer?.kind !== 'proof') throw new Error('no proof');
  const path = answer.path.map((node) => Buffer.from(node, 'hex'));
  const tree = (one: typeof head) => ({ size: one.size, root: Buffer.from(one.root, 'hex') });
  if (!verifyConsistency(tree(older), tree(head), path)) throw new Error('not consistent');
});
const searches = Object.entries(QUERIES).map(([name, query]) => {
  const times = timed(SEARCHES, (n) => index.search({ ...query(n), limit: 50 }));
  return `| 50 events ${name} | ${at(times, 0.5).toFixed(1)} | ${at(times, 0.99).toFixed(1)} |`;
});
const messages = timed(SEARCHES, (n) =>
  index.messages({ domain: `partner${n % 300}.example`, limit: 50 }),
);
const history = timed(SEARCHES, () => index.message(queueId));
const day = { since: new Date(Date.now() - 86_400_000), until: new Date() };
const charts = timed(5, () => index.counts({ ...day, stepMs: 3_600_000, by: 'outcome' }));
const indexBytes = (await stat(file)).size;
index.close();

const [first = Number.NaN] = rounds;
const last = rounds.at(-1) ?? Number.NaN;
const us = (took: number): string => ((took / ROUND) * 1e6).toFixed(0);
const report = [
  `Command: \`npm run bench:audit -- --events ${events}\`, ${new Date().toISOString().slice(0, 10)}.`,
  '',
  `${await machineLine()}. The client of the recorder runs on the same cores. Load average at the end of the run: ${loadavg()[0]?.toFixed(1)}.`,
  '',
  `| a log of ${size} events under ${verified.value.heads} signed heads | |`,
  '|---|---|',
  `| append, the first ${ROUND}, µs an event | ${us(first)} |`,
  `| append, the last ${ROUND}, µs an event | ${us(last)} |`,
  `| all rounds of ${ROUND}, µs an event | ${rounds.map(us).join(', ')} |`,
  `| start of the recorder on it, s | ${(restarted.startedMs / 1_000).toFixed(1)} |`,
  `| verify all of it offline, s | ${verified.took.toFixed(1)} |`,
  `| build the index, s | ${built.took.toFixed(1)} |`,
  `| bring the index up by ${CAUGHT_UP} events, s | ${caughtUp.took.toFixed(2)} |`,
  `| bring the index up by nothing, ms | ${(nothingNew.took * 1_000).toFixed(1)} |`,
  `| size of the index, MiB | ${(indexBytes / 1024 ** 2).toFixed(0)} |`,
  '',
  '| with the index | p50, ms | p99, ms |',
  '|---|---|---|',
  `| prove one event, and verify the proof | ${at(proofs, 0.5).toFixed(1)} | ${at(proofs, 0.99).toFixed(1)} |`,
  `| prove that the log continues an older head | ${at(continued, 0.5).toFixed(1)} | ${at(continued, 0.99).toFixed(1)} |`,
  ...searches,
  `| 50 messages of one partner domain, with their outcome | ${at(messages, 0.5).toFixed(1)} | ${at(messages, 0.99).toFixed(1)} |`,
  `| all events of one message | ${at(history, 0.5).toFixed(1)} | ${at(history, 0.99).toFixed(1)} |`,
  `| a day by the hour, messages by outcome | ${at(charts, 0.5).toFixed(1)} | ${at(charts, 0.99).toFixed(1)} |`,
].join('\n');
await writeReport(report, MARKS);
process.stdout.write(`${report}\n`);
const isSlow =
  verified.took > LIMITS.verifySeconds ||
  !(at(proofs, 0.99) < LIMITS.proofMs) ||
  !(last < first * LIMITS.appendRatio);
if (isSlow) process.exitCode = 1;
