import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  auditEventSchema,
  composeCommit,
  formatHeadLine,
  formatSubtreeLine,
  headHash,
  leafHash,
  leafOf,
  MerkleTree,
  parseLogLine,
  type SegmentSource,
  type SignedHead,
  segmentName,
  signHead,
} from '@sallyport/audit-log';

/** Leaves of a segment in these logs: small, so that one log has several. */
export const LEAVES = 16;
const TIME = new Date('2026-11-21T04:00:00Z');

/** A log in memory: the lines of each segment file, each with its line feed. */
export interface Log {
  readonly name: string;
  readonly lines: readonly string[];
}

/** Random numbers that are the same for the same seed (mulberry32). */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** A log of so many events, in commits of one to five. */
export function buildLog(size: number, privateKey: KeyObject, below: (n: number) => number): Log[] {
  const logs: { name: string; lines: string[] }[] = [];
  let tree = new MerkleTree();
  let lastHead: SignedHead | null = null;
  while (tree.size < size) {
    const first = tree.size;
    const beginsSegment = first % LEAVES === 0;
    const count = Math.min(1 + below(5), LEAVES - (first % LEAVES), size - first);
    const events = Array.from({ length: count }, (_, i) => eventOf(first + i));
    const clock = { now: () => TIME };
    const commit = composeCommit(events, { tree, lastHead, beginsSegment, privateKey, clock });
    const lines = commit.bytes.toString().split(/(?<=\n)/);
    if (beginsSegment) logs.push({ name: segmentName(first), lines });
    else logs.at(-1)?.lines.push(...lines);
    ({ tree, head: lastHead } = commit);
  }
  return logs;
}

function eventOf(n: number) {
  return auditEventSchema.parse({
    kind: 'accepted',
    queueId: '0123456789abcdefghjk',
    origin: 'outward',
    sizeBytes: n,
    personal: { reversePath: `alice${n % 3}@acme.example`, login: 'alice' },
  });
}

export function sourcesOf(log: readonly Log[]): SegmentSource[] {
  return log.map(({ name, lines }) => ({ name, bytes: [Buffer.from(lines.join(''))] }));
}

type Below = (n: number) => number;
type Mutation = (log: readonly Log[], below: Below) => Log[];

/** Changes the lines of one segment of the log. */
function within(
  log: readonly Log[],
  below: Below,
  change: (lines: string[], segment: Log) => string[],
): Log[] {
  const at = below(log.length);
  return log.map((one, n) => (n === at ? { ...one, lines: change([...one.lines], one) } : one));
}

function pick(lines: readonly string[], below: Below, word: string): number {
  const found = [...lines.keys()].filter((n) => lines[n]?.startsWith(`{"${word}"`));
  return found[below(found.length)] ?? 0;
}

/** A leaf that says something else, with its own hash made right again. */
function rewriteLeaf(line: string, below: Below): string {
  const parsed = parseLogLine(line.trimEnd());
  if (parsed === null || !('leaf' in parsed)) return line;
  const leaf = parsed.leaf.replace(/"sizeBytes":\d+/, `"sizeBytes":${1_000 + below(9_000)}`);
  return `${JSON.stringify({ ...parsed, leaf, hash: leafHash(leaf).toString('hex') })}\n`;
}

/** Makes all roots and links of the heads right again, from the first line on; signs with this key. */
function rehead(log: readonly Log[], key: KeyObject | null): Log[] {
  const tree = new MerkleTree();
  let previous = '0'.repeat(64);
  return log.map(({ name, lines }) => ({
    name,
    lines: lines.map((text, n) => {
      const line = parseLogLine(text.trimEnd());
      if (line === null) return text;
      if ('leaf' in line) tree.append(Buffer.from(line.hash, 'hex'));
      if ('segment' in line && n === 0) {
        const frontier = tree.frontier.map((node) => node.toString('hex'));
        return `${JSON.stringify({ segment: { ...line.segment, frontier, previous } })}\n`;
      }
      if (!('head' in line)) return text;
      const facts = { ...line.head, root: tree.root().toString('hex'), previous };
      const { signature, ...unsigned } = facts;
      const head = key === null ? { ...unsigned, signature } : signHead(unsigned, key);
      previous = headHash(head);
      return formatHeadLine(head);
    }),
  }));
}

const foreignKey = generateKeyPairSync('ed25519').privateKey;

/** What somebody who can write to the folder, but has no log key, may do. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'edit of a byte': (log, below) =>
    within(log, below, (lines) => {
      const bytes = Buffer.from(lines.join(''));
      const at = below(bytes.length);
      bytes.writeUInt8(((bytes[at] ?? 0) ^ (1 + below(255))) & 0xff, at);
      return bytes.toString('latin1').split(/(?<=\n)/);
    }),
  'edit of a leaf': (log, below) =>
    within(log, below, (lines) => {
      const at = pick(lines, below, 'leaf');
      return lines.with(at, (lines[at] ?? '').replace('outward', 'inward'));
    }),
  'edit of a leaf with its hash': (log, below) =>
    within(log, below, (lines) => {
      const at = pick(lines, below, 'leaf');
      return lines.with(at, rewriteLeaf(lines[at] ?? '', below));
    }),
  'edit of a leaf with hash, roots and links': (log, below) =>
    rehead(MUTATIONS['edit of a leaf with its hash']?.(log, below) ?? [], null),
  'edit of a leaf with all, signed by another key': (log, below) =>
    rehead(MUTATIONS['edit of a leaf with its hash']?.(log, below) ?? [], foreignKey),
  'a forged event with the right index': (log, below) =>
    within(log, below, (lines) => {
      const at = pick(lines, below, 'leaf');
      const old = parseLogLine((lines[at] ?? '').trimEnd());
      const index = old !== null && 'leaf' in old ? Number(/"index":(\d+)/.exec(old.leaf)?.[1]) : 0;
      const event = auditEventSchema.parse({ kind: 'released', queueId: '0123456789abcdefghjk' });
      const leaf = leafOf(event, { index, time: TIME, salt: () => '00'.repeat(16) }).leaf;
      return lines.with(at, `${JSON.stringify({ leaf, hash: leafHash(leaf).toString('hex') })}\n`);
    }),
  'edit of a personal value': (log, below) =>
    within(log, below, (lines) => {
      const at = pick(lines, below, 'leaf');
      return lines.with(at, (lines[at] ?? '').replace('@acme.example', '@evil.example'));
    }),
  'personal values of another event': (log, below) =>
    within(log, below, (lines) => {
      const [a, b] = [pick(lines, below, 'leaf'), pick(lines, below, 'leaf')];
      const personal = (lines[b] ?? '').slice((lines[b] ?? '').indexOf(',"personal":{"'));
      const line = lines[a] ?? '';
      return lines.with(a, line.slice(0, line.indexOf(',"personal":{"')) + personal);
    }),
  'a head at another time': (log, below) =>
    within(log, below, (lines) => {
      const at = pick(lines, below, 'head');
      return lines.with(at, (lines[at] ?? '').replace('04:00', '05:00'));
    }),
  'deletion of lines': (log, below) =>
    within(log, below, (lines) => {
      lines.splice(below(lines.length), 1 + below(3));
      return lines;
    }),
  'deletion of a leaf and its head': (log, below) =>
    within(log, below, (lines) => {
      const at = pick(lines, below, 'head');
      return lines.toSpliced(Math.max(0, at - 1), 2);
    }),
  'two lines in other order': (log, below) =>
    within(log, below, (lines) => {
      const [a, b] = [below(lines.length), below(lines.length)];
      return lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '');
    }),
  'a line moved': (log, below) =>
    within(log, below, (lines) => {
      const [line = ''] = lines.splice(below(lines.length), 1);
      lines.splice(below(lines.length + 1), 0, line);
      return lines;
    }),
  'replay of lines': (log, below) =>
    within(log, below, (lines) => {
      const from = below(lines.length);
      const again = lines.slice(from, from + 1 + below(4));
      return lines.toSpliced(below(lines.length + 1), 0, ...again);
    }),
  'replay of a head': (log, below) =>
    within(log, below, (lines) => {
      const head = lines[pick(lines, below, 'head')] ?? '';
      return lines.toSpliced(1 + below(lines.length), 0, head);
    }),
  'an older head in place of a newer': (log, below) =>
    within(log, below, (lines) => {
      const head = lines[pick(lines, below, 'head')] ?? '';
      return lines.with(pick(lines, below, 'head'), head);
    }),
  'a segment deleted': (log, below) => log.toSpliced(below(log.length), 1),
  'a segment over another': (log, below) => {
    const from = log[below(log.length)];
    return within(log, below, () => [...(from?.lines ?? [])]);
  },
  'a segment once more at the end': (log, below) => [
    ...log,
    { name: segmentName(log.length * LEAVES), lines: log[below(log.length)]?.lines ?? [] },
  ],
  'two segments in other order': (log, below) => {
    const [a, b] = [log[below(log.length)], log[below(log.length)]];
    return log.map((one) => ({
      name: one.name,
      lines: (one === a ? b : one === b ? a : one)?.lines ?? [],
    }));
  },
  'a segment under another name': (log, below) => {
    const at = below(log.length);
    return log.map((one, n) => (n === at ? { ...one, name: segmentName(n * LEAVES + 1) } : one));
  },
  'a segment removed as if by retention': (log, below) =>
    within(log, below, (_, { name }) => [
      formatSubtreeLine({
        first: Number(name.slice(8, 20)),
        leaves: LEAVES,
        root: 'ab'.repeat(32),
      }),
    ]),
  'a segment removed with its true root': (log, below) => {
    const at = below(log.length - 1);
    return log.map((one, n) => {
      if (n !== at) return one;
      const tree = new MerkleTree();
      for (const text of one.lines) {
        const line = parseLogLine(text.trimEnd());
        if (line !== null && 'leaf' in line) tree.append(leafHash(line.leaf));
      }
      const root = tree.root().toString('hex');
      const line = formatSubtreeLine({
        first: Number(one.name.slice(8, 20)),
        leaves: LEAVES,
        root,
      });
      return { ...one, lines: [line] };
    });
  },
  'bytes of a value moved into its salt': (log, below) =>
    within(log, below, (lines) => {
      const at = pick(lines, below, 'leaf');
      const line = parseLogLine((lines[at] ?? '').trimEnd());
      if (line === null || !('leaf' in line)) return lines;
      const { salt = '', value = '' } = line.personal?.['reversePath'] ?? {};
      const end = 1 + below(value.length);
      const moved = Buffer.from(value.slice(0, end)).toString('hex');
      const reversePath = { salt: salt + moved, value: value.slice(end) };
      const personal = { ...line.personal, reversePath };
      return lines.with(at, `${JSON.stringify({ ...line, personal })}\n`);
    }),
  'a signature in another form of base64': (log, below) =>
    within(log, below, (lines) => {
      const at = pick(lines, below, 'head');
      const next = (_: string, last: string) => `${String.fromCharCode(last.charCodeAt(0) + 1)}==`;
      return lines.with(at, (lines[at] ?? '').replace(/([AQgw])==/, next));
    }),
  'a file cut anywhere': (log, below) =>
    within(log, below, (lines) => {
      const bytes = Buffer.from(lines.join(''));
      return bytes
        .subarray(0, below(bytes.length))
        .toString()
        .split(/(?<=\n)/);
    }),
  'the end cut anywhere': (log, below) => {
    const keep = 1 + below(log.length);
    const last = log[keep - 1];
    const lines = last?.lines.slice(0, 1 + below(last.lines.length)) ?? [];
    return [...log.slice(0, keep - 1), { name: last?.name ?? '', lines }];
  },
  'the end cut at a head': (log, below) => {
    const keep = 1 + below(log.length);
    const last = log[keep - 1];
    const at = pick(last?.lines ?? [], below, 'head');
    return [
      ...log.slice(0, keep - 1),
      { name: last?.name ?? '', lines: last?.lines.slice(0, at + 1) ?? [] },
    ];
  },
};
