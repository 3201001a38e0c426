import { type Certificate, formatName } from '@sallyport/pki';
import { readCrls } from '../certificates/crl-file.ts';
import {
  answerPathCase,
  CASE_PURPOSES,
  type CaseName,
  type CasePurpose,
  NAME_KINDS,
  type PathAnswer,
  REVOCATION_MODES,
} from '../certificates/path-case.ts';
import { answerLine } from '../certificates/path-case-line.ts';
import { readCertificates } from '../message/key-file.ts';
import { print, printJson } from './output.ts';
import { timeOf } from './read-input.ts';
import { Complaint } from './run.ts';

export interface CertVerifyOptions {
  readonly jsonl?: boolean;
  readonly json?: boolean;
  readonly anchors?: readonly string[];
  readonly intermediates?: readonly string[];
  readonly crls?: readonly string[];
  readonly revocation?: string;
  readonly time?: string;
  readonly purpose?: string;
  readonly name?: string;
}

const MAX_LINE_CHARACTERS = 64 * 1024 * 1024;

/** Exit code 0 if every certificate is valid; with --jsonl if every line could be read. */
export async function runCertVerify(
  files: readonly string[],
  options: CertVerifyOptions,
): Promise<number> {
  if (options.jsonl === true) return await answerLines(options);
  if (files.length === 0) throw new Complaint('Name a certificate file, or use --jsonl.');
  const common = await readCommon(options);
  let failed = 0;
  for (const file of files) {
    const [leaf, ...others] = await readCertificates(file);
    if (leaf === undefined) throw new Complaint(`${file} holds no certificate.`);
    const intermediates = [...others, ...common.intermediates];
    const answer = answerPathCase({ ...common, leaf, intermediates });
    if (!answer.ok) failed += 1;
    if (options.json === true) printJson({ file, ...answer });
    else printAnswer(file, leaf, answer);
  }
  return failed === 0 ? 0 : 1;
}

function printAnswer(file: string, leaf: Certificate, answer: PathAnswer): void {
  if (!answer.ok) {
    print(`${file}: not valid: ${answer.reason}`);
    print(`  ${formatName(leaf.subjectName)}`);
    return;
  }
  print(`${file}: valid`);
  for (const subject of answer.path) print(`  ${subject}`);
  const { mode, certificates } = answer.revocation;
  print(`  revocation: ${mode === 'off' ? 'off, not checked' : mode}`);
  for (const { subject, status, reason } of certificates) {
    print(`    ${status}: ${subject}${reason === undefined ? '' : ` (${reason})`}`);
  }
}

async function readCommon(options: CertVerifyOptions) {
  const all = async (list: readonly string[] = []): Promise<readonly Certificate[]> =>
    (await Promise.all(list.map(readCertificates))).flat();
  const anchors = await all(options.anchors);
  if (anchors.length === 0) throw new Complaint('Name at least one file of --anchors.');
  const crls = (await Promise.all((options.crls ?? []).map(readCrls))).flat();
  const purpose: CasePurpose = oneOf(options.purpose ?? 'any', CASE_PURPOSES, '--purpose');
  return {
    anchors,
    intermediates: await all(options.intermediates),
    crls,
    time: timeOf(options.time),
    purpose,
    name: options.name === undefined ? null : nameOf(options.name),
    ...(options.revocation === undefined
      ? {}
      : { revocation: oneOf(options.revocation, REVOCATION_MODES, '--revocation') }),
  };
}

function oneOf<T extends string>(text: string, words: readonly T[], option: string): T {
  const word = words.find((one) => one === text);
  if (word !== undefined) return word;
  throw new Complaint(`${option} must be one of ${words.join(', ')}, not ${text}.`);
}

function nameOf(text: string): CaseName {
  const at = text.indexOf(':');
  const kind = NAME_KINDS.find((one) => one === text.slice(0, Math.max(at, 0)));
  if (kind !== undefined) return { kind, value: text.slice(at + 1) };
  throw new Complaint(`--name must be email:…, dns:… or ip:…, not ${text}.`);
}

async function answerLines(options: CertVerifyOptions): Promise<number> {
  const now = timeOf(options.time);
  let unread = 0;
  for await (const text of linesOfStandardInput()) {
    if (text.trim() === '') continue;
    const { isRead, ok, reason, path } = answerLine(text, now);
    if (!isRead) unread += 1;
    printJson({ ok, reason, path });
  }
  return unread === 0 ? 0 : 1;
}

async function* linesOfStandardInput(): AsyncGenerator<string> {
  process.stdin.setEncoding('utf8');
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    const parts = String(chunk).split('\n');
    const last = parts.pop() ?? '';
    for (const part of parts) {
      yield [...pieces, part].join('');
      pieces = [];
      length = 0;
    }
    pieces.push(last);
    length += last.length;
    if (length > MAX_LINE_CHARACTERS) throw new Complaint('A line of standard input is too long.');
  }
  yield pieces.join('');
}
