import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { type LogVerdict, parseLogLine, type SignedHead, verifyLog } from '@sallyport/audit-log';
import { buildLog, LEAVES, type Log, MUTATIONS, random, sourcesOf } from './audit-mutations.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const CASES = 1_000;
const LOGS = 20;
const EVENTS = 70;

const verify = (log: readonly Log[], checkpoint?: SignedHead): Promise<LogVerdict> =>
  verifyLog(sourcesOf(log), publicKey, {
    segmentLeaves: LEAVES,
    ...(checkpoint === undefined ? {} : { checkpoints: [checkpoint] }),
  });

interface FlatLine {
  readonly name: string;
  readonly line: number;
  readonly text: string;
}

/** All lines in the order of the log. */
const flat = (log: readonly Log[]): FlatLine[] =>
  log.flatMap(({ name, lines }) => lines.map((text, n) => ({ name, line: n + 1, text })));

const isHead = (one: FlatLine | undefined): boolean => one?.text.startsWith('{"head"') === true;

function headsOf(log: readonly Log[]): SignedHead[] {
  return flat(log).flatMap(({ text }) => {
    const line = parseLogLine(text.trimEnd());
    return line !== null && 'head' in line ? [line.head] : [];
  });
}

/** The first line that is not what was written, where its commit began, and the next head that stands. */
function touched(before: readonly FlatLine[], after: readonly FlatLine[]) {
  let first = 0;
  while (
    first < before.length &&
    before[first]?.text === after[first]?.text &&
    before[first]?.name === after[first]?.name
  ) {
    first += 1;
  }
  let from = first;
  while (from > 0 && !isHead(before[from - 1])) from -= 1;
  const next = after.findIndex((one, n) => n >= first && isHead(one));
  return { first, from, to: next === -1 ? after.length : next };
}

/** What the case is, if a verdict says something wrong of it; null if all is as it should be. */
async function wrong(before: readonly Log[], after: readonly Log[]): Promise<string | null> {
  const [was, is] = [flat(before), flat(after)];
  const heads = headsOf(before);
  const verdict = await verify(after);
  const { first, from, to } = touched(was, is);
  const isCut = first === is.length && isHead(is.at(-1));
  if (isCut) {
    // Nobody can see it without a head from elsewhere; with any later head it is seen.
    if (verdict.kind !== 'ok') return `a cut at a head was called ${verdict.code}`;
    const checkpoint = heads[heads.length - 1];
    const against = await verify(after, checkpoint);
    return against.kind === 'damaged' && against.code === 'checkpoint' ? null : 'cut not found';
  }
  if (verdict.kind === 'ok') return 'not found';
  const at = is.findIndex(({ name, line }) => name === verdict.segment && line === verdict.line);
  // A cut in the midst of a line, or a whole file gone, ends before the line that is named.
  const named = at === -1 ? is.length : at;
  if (named < from) return `named line ${named}, and all was in order before line ${from}`;
  return named > to
    ? `named line ${named}, and a head stands at line ${to}, after the touched line ${first}`
    : null;
}

test('1,000 random edits, deletions, reorders, truncations and replays: each is found, and named from the commit of the first touched line to the next head that stands', async (t) => {
  const below = random(20_261_121);
  const logs = Array.from({ length: LOGS }, () => buildLog(EVENTS + below(30), privateKey, below));
  for (const log of logs) assert.equal((await verify(log)).kind, 'ok');
  const kinds = Object.entries(MUTATIONS);
  const counts = new Map<string, number>();
  for (let done = 0; done < CASES; ) {
    const [kind = '', mutate] = kinds[done % kinds.length] ?? [];
    const log = logs[below(logs.length)] ?? [];
    const after = mutate?.(log, below) ?? [];
    if (JSON.stringify(after) === JSON.stringify(log) || after.length === 0) continue; // nothing was touched
    const fault = await wrong(log, after);
    assert.equal(fault, null, `case ${done}, ${kind}: ${fault}`);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    done += 1;
  }
  for (const [kind, count] of counts) t.diagnostic(`${kind}: ${count}`);
  assert.equal(counts.size, kinds.length);
});

test('a log cut at any of its heads is whole by itself and cut against every later head', async () => {
  const log = buildLog(40, privateKey, random(7));
  const lines = flat(log);
  const heads = headsOf(log);
  for (const [n, head] of heads.entries()) {
    const end = lines.findIndex(({ text }) => text.includes(head.signature));
    const kept = log.flatMap(({ name, lines: own }) => {
      const mine = own.filter(
        (_, k) => lines.findIndex((one) => one.name === name && one.line === k + 1) <= end,
      );
      return mine.length === 0 ? [] : [{ name, lines: mine }];
    });
    assert.equal((await verify(kept)).kind, 'ok');
    for (const [m, checkpoint] of heads.entries()) {
      const verdict = await verify(kept, checkpoint);
      assert.equal(verdict.kind, m <= n ? 'ok' : 'damaged', `head ${n} against head ${m}`);
      if (verdict.kind === 'damaged') assert.equal(verdict.code, 'checkpoint');
    }
  }
});
