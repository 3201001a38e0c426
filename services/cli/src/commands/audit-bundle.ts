import type { KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EXPORT_FILES } from '@sallyport/audit-index';
import {
  type BundleVerdict,
  bundleKey,
  formatBundleEvent,
  formatBundleHead,
  isBundleHead,
  MAX_LINE_BYTES,
  parseEventProof,
  splitLines,
  verifyBundle,
} from '@sallyport/audit-log';
import { auditSegments } from '../gateway/audit-folder.ts';
import { fingerprintOf, logKey, printKey, readCheckpoints, type UsedKey } from './audit-key.ts';
import { type Difference, ReadableFiles } from './audit-readable.ts';
import type { AuditVerifyOptions } from './audit-verify.ts';
import { print, printJson } from './output.ts';
import { Complaint } from './run.ts';

/** An export or a proof: its lines, null for what is none, and the folder with the readable events if there is one. */
export interface BundleSource {
  readonly lines: () => AsyncIterable<string | null>;
  readonly folder: string | null;
}

const MAX_PROOF_BYTES = 4 * 1024 * 1024;
/** A line of a bundle holds a line of a log and its path. */
const MAX_BUNDLE_LINE_BYTES = 2 * MAX_LINE_BYTES;

/** What lies at a path, if it is an export folder, a bundle or a proof; null if it may be a log. */
export async function bundleAt(path: string): Promise<BundleSource | null> {
  const found = await stat(path);
  if (found.isDirectory()) {
    // Whatever else was put there: where a segment lies, the log is what is asked about.
    if ((await auditSegments(path)).length > 0) return null;
    const file = join(path, EXPORT_FILES.proof);
    const there = await stat(file).catch(() => null);
    return there?.isFile() === true ? { lines: () => linesOf(file), folder: path } : null;
  }
  const first = await firstLine(path);
  if (first !== null && isBundleHead(first)) return { lines: () => linesOf(path), folder: null };
  if (found.size <= MAX_PROOF_BYTES) {
    const proof = parseEventProof(await readFile(path, 'utf8'));
    if (proof !== null) {
      const { head } = proof;
      const selection = `event ${proof.index}`;
      const start = formatBundleHead({ head, publicKey: '', events: 1, selection });
      const lines = [start.trimEnd(), formatBundleEvent(proof).trimEnd()];
      return { lines: () => eachOf(lines), folder: null };
    }
  }
  throw new Complaint(`${path} is no audit folder, no export and no proof.`);
}

async function* eachOf(lines: readonly string[]): AsyncGenerator<string> {
  for (const line of lines) yield await Promise.resolve(line);
}

async function* linesOf(path: string): AsyncGenerator<string | null> {
  const bytes = createReadStream(path);
  for await (const { text } of splitLines(bytes, MAX_BUNDLE_LINE_BYTES)) yield text;
}

async function firstLine(path: string): Promise<string | null> {
  for await (const line of linesOf(path)) return line;
  return null;
}

/** Verifies an export or a proof; exit code 0 only if all of it holds. */
export async function verifyExport(
  source: BundleSource,
  options: AuditVerifyOptions,
): Promise<number> {
  const own = options.key === undefined ? await ownKey(source) : null;
  const key = own ?? (await logKey(options.key ?? ''));
  const checkpoints =
    options.against === undefined ? [] : await readCheckpoints(options.against, key);
  using readable = source.folder === null ? null : new ReadableFiles(source.folder);
  const verdict = await verifyBundle(source.lines(), {
    publicKey: key,
    checkpoints,
    ...(readable === null ? {} : { take: (event) => readable.take(event) }),
  });
  const differing = verdict.kind === 'ok' ? (readable?.end() ?? null) : null;
  const used = {
    fingerprint: fingerprintOf(key),
    keyFrom: own === null ? 'file' : 'folder',
  } as const;
  if (options.json === true) printAsJson(verdict, differing, used);
  else printAsText(verdict, differing, { used, compared: readable?.names ?? [] });
  return verdict.kind === 'ok' && differing === null ? 0 : 1;
}

async function ownKey(source: BundleSource): Promise<KeyObject> {
  for await (const line of source.lines()) {
    const key = line === null ? null : bundleKey(line);
    if (key !== null) return key;
    break;
  }
  throw new Complaint('There is no log key in it: name one with --key.');
}

function printAsJson(verdict: BundleVerdict, differing: Difference | null, used: UsedKey): void {
  const ok = verdict.kind === 'ok' && differing === null;
  const { fingerprint: keyFingerprint, keyFrom } = used;
  printJson({ ok, ...verdict, differing, keyFingerprint, keyFrom });
}

function printAsText(
  verdict: BundleVerdict,
  differing: Difference | null,
  { used, compared }: { readonly used: UsedKey; readonly compared: readonly string[] },
): void {
  if (verdict.kind === 'damaged') {
    print(`DAMAGED at line ${verdict.line} of the proof: ${verdict.reason}.`);
  } else if (differing !== null) {
    print(`DAMAGED at line ${differing.line} of ${differing.file}: it is not what the proof says.`);
  } else {
    print(
      `The proof holds: ${verdict.events} events lie under the signed head of ${verdict.head.time}, which covers ${verdict.head.size} events.`,
    );
    for (const name of compared) print(`${name} says exactly what is proven.`);
    if (verdict.withheld > 0) print(`${verdict.withheld} personal values are withheld.`);
    print(CHECKPOINT[verdict.checkpoint]);
    print('It does not say that nothing was left out of this selection.');
  }
  printKey(used, 'bundle');
}

const CHECKPOINT = {
  none: 'No checkpoint was given: that this head is one that others have seen too is not proven; use --against.',
  matches: 'The checkpoint is a beginning of the log that this head signs.',
  'not-comparable':
    'The checkpoint could not be compared: ask for a proof that begins there, with --from.',
} as const;
