import type { KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { EXPORT_FILES } from '@sallyport/audit-index';
import {
  type BundleVerdict,
  bundleKey,
  csvEvent,
  csvHeader,
  eventProofSchema,
  formatBundleEvent,
  formatBundleHead,
  isBundleHead,
  MAX_LINE_BYTES,
  type RecordedEvent,
  verifyBundle,
} from '@sallyport/audit-log';
import { fingerprintOf, logKey, printKey, readCheckpoint } from './audit-key.ts';
import type { AuditVerifyOptions } from './audit-verify.ts';
import { print, printJson } from './output.ts';
import { Complaint } from './run.ts';

/** An export or a proof: its lines, and the folder with the readable events if there is one. */
export interface BundleSource {
  readonly lines: () => AsyncIterable<string>;
  readonly folder: string | null;
}

const MAX_PROOF_BYTES = 4 * 1024 * 1024;

/** What lies at a path, if it is an export folder, a bundle or a proof; null if it may be a log. */
export async function bundleAt(path: string): Promise<BundleSource | null> {
  const found = await stat(path);
  if (found.isDirectory()) {
    const file = join(path, EXPORT_FILES.proof);
    const there = await stat(file).catch(() => null);
    return there?.isFile() === true ? { lines: () => linesOf(file), folder: path } : null;
  }
  const first = await firstLine(path);
  if (isBundleHead(first)) return { lines: () => linesOf(path), folder: null };
  if (found.size <= MAX_PROOF_BYTES) {
    const proof = eventProofSchema.safeParse(parseJson(await readFile(path, 'utf8'))).data;
    if (proof !== undefined) {
      const { head } = proof;
      const selection = `event ${proof.index}`;
      const start = formatBundleHead({ head, publicKey: '', events: 1, selection });
      const lines = [start, formatBundleEvent(proof)];
      return { lines: () => eachOf(lines), folder: null };
    }
  }
  throw new Complaint(`${path} is no audit folder, no export and no proof.`);
}

async function* eachOf(lines: readonly string[]): AsyncGenerator<string> {
  for (const line of lines) yield await Promise.resolve(line);
}

async function* linesOf(path: string): AsyncGenerator<string> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: 0 })) {
    if (line.length > MAX_LINE_BYTES * 2)
      throw new Complaint(`${path} has a line that is too long.`);
    yield line;
  }
}

async function firstLine(path: string): Promise<string> {
  for await (const line of linesOf(path)) return line;
  return '';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Verifies an export or a proof; exit code 0 only if all of it holds. */
export async function verifyExport(
  source: BundleSource,
  options: AuditVerifyOptions,
): Promise<number> {
  const own = options.key === undefined ? await ownKey(source) : null;
  const key = own ?? (await logKey(options.key ?? ''));
  const checkpoint =
    options.against === undefined ? undefined : await readCheckpoint(options.against);
  const readable = source.folder === null ? null : new Readable();
  const verdict = await verifyBundle(source.lines(), {
    publicKey: key,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(readable === null ? {} : { take: (event) => readable.take(event) }),
  });
  const differing =
    verdict.kind === 'ok' && readable !== null && source.folder !== null
      ? await readable.differing(source.folder)
      : null;
  report(verdict, differing, { key, isOwn: own !== null, json: options.json === true });
  return verdict.kind === 'ok' && differing === null ? 0 : 1;
}

async function ownKey(source: BundleSource): Promise<KeyObject> {
  for await (const line of source.lines()) {
    const key = bundleKey(line);
    if (key !== null) return key;
    break;
  }
  throw new Complaint('There is no log key in it: name one with --key.');
}

function report(
  verdict: BundleVerdict,
  differing: { readonly file: string; readonly line: number } | null,
  of: { readonly key: KeyObject; readonly isOwn: boolean; readonly json: boolean },
): void {
  const used = {
    fingerprint: fingerprintOf(of.key),
    keyFrom: of.isOwn ? 'folder' : 'file',
  } as const;
  const ok = verdict.kind === 'ok' && differing === null;
  if (of.json) {
    const { fingerprint: keyFingerprint, keyFrom } = used;
    printJson({ ok, ...verdict, differing, keyFingerprint, keyFrom });
    return;
  }
  if (verdict.kind === 'damaged') {
    print(`DAMAGED at line ${verdict.line} of the proof: ${verdict.reason}.`);
  } else if (differing !== null) {
    print(`DAMAGED at line ${differing.line} of ${differing.file}: it is not what the proof says.`);
  } else {
    print(
      `The proof holds: ${verdict.events} events lie under the signed head of ${verdict.head.time}, which covers ${verdict.head.size} events.`,
    );
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

/** The readable files beside a proof, as they must be. */
class Readable {
  readonly #csv: string[] = [csvHeader()];
  readonly #json: string[] = [];

  take({ leaf: _, ...event }: RecordedEvent): void {
    this.#csv.push(csvEvent({ ...event, leaf: '' }));
    this.#json.push(`${JSON.stringify(event)}\n`);
  }

  /** The first line that is not what the proof says; null if all are. */
  async differing(folder: string): Promise<{ file: string; line: number } | null> {
    for (const [file, pieces] of [
      [EXPORT_FILES.csv, this.#csv],
      [EXPORT_FILES.json, this.#json],
    ] as const) {
      const text = await readFile(join(folder, file), 'utf8').catch(() => null);
      const expected = pieces.join('');
      if (text === null || text === expected) continue;
      let at = 0;
      while (text[at] === expected[at]) at += 1;
      return { file, line: text.slice(0, at).split('\n').length };
    }
    return null;
  }
}
