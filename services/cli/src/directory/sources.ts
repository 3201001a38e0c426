import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_CERTIFICATE_BYTES } from '@sallyport/pki';
import { MAX_LINE_BYTES, readLines } from '@sallyport/published';
import { Complaint } from '../commands/run.ts';

const MAX_DEPTH = 8;
const SEQUENCE = 0x30;
const MAX_BASE64_CHARACTERS = 2 * MAX_CERTIFICATE_BYTES;
const MAX_PLACE_CHARACTERS = 200;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const BEGIN = /^-----BEGIN (?:X509 )?CERTIFICATE-----\s*$/;
const END = /^-----END (?:X509 )?CERTIFICATE-----\s*$/;
/** RFC 2849: `::` stands before base64. `:<` would name a file to read, and is not followed. */
const LDIF_CERTIFICATE = /^usercertificate(?:;binary)?::\s*(\S*)\s*$/i;
const LDIF_DN = /^dn::?\s*(.*)$/i;

/** One certificate of a source, or what stood in its place. */
export type Found =
  | { readonly kind: 'certificate'; readonly place: string; readonly der: Buffer }
  | { readonly kind: 'unreadable'; readonly place: string; readonly reason: string };

/**
 * The certificates of a file (PEM with any number, one of DER, LDIF) or of all files below a
 * folder, one after another: however long the source, memory is that of one certificate.
 *
 * @throws Complaint if there is nothing at the path.
 */
export async function* certificatesIn(path: string): AsyncGenerator<Found> {
  for await (const file of filesIn(path, 0)) yield* certificatesOfFile(file);
}

async function* filesIn(path: string, depth: number): AsyncGenerator<string> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new Complaint(`Cannot use ${path}: there is no such file or folder.`);
  if (found.isFile()) {
    yield path;
    return;
  }
  if (!found.isDirectory()) throw new Complaint(`${path} is neither a file nor a folder.`);
  if (depth > MAX_DEPTH) throw new Complaint(`${path} lies too deep.`);
  // In order, so that two runs do the same.
  const entries = (await readdir(path, { withFileTypes: true })).toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  for (const entry of entries) {
    if (entry.isFile()) yield join(path, entry.name);
    else if (entry.isDirectory()) yield* filesIn(join(path, entry.name), depth + 1);
  }
}

async function* certificatesOfFile(path: string): AsyncGenerator<Found> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(1);
    const { bytesRead } = await file.read(head, 0, 1, 0);
    if (bytesRead === 1 && head[0] === SEQUENCE) yield await derOf(file, path);
    else yield* certificatesOfText(file, path);
  } finally {
    await file.close();
  }
}

async function derOf(file: FileHandle, place: string): Promise<Found> {
  const { size } = await file.stat();
  if (size > MAX_CERTIFICATE_BYTES) return { kind: 'unreadable', place, reason: 'too long' };
  const der = Buffer.alloc(size);
  await file.read(der, 0, size, 0);
  return { kind: 'certificate', place, der };
}

async function* textLines(file: FileHandle): AsyncGenerator<string> {
  let end = 0;
  for await (const line of readLines(file, 0)) {
    end = line.end;
    yield line.bytes.toString('utf8').replace(/\r?\n$/, '');
  }
  // The last line may lack its line feed.
  const rest = Buffer.alloc(MAX_LINE_BYTES);
  const { bytesRead } = await file.read(rest, 0, MAX_LINE_BYTES, end);
  if (bytesRead > 0) yield rest.toString('utf8', 0, bytesRead);
}

/** Folded lines as one (RFC 2849); PEM has none that begin with a space. */
async function* unfolded(file: FileHandle): AsyncGenerator<string> {
  let logical: string | null = null;
  for await (const line of textLines(file)) {
    if (line.startsWith(' ') && logical !== null) {
      if (logical.length <= MAX_BASE64_CHARACTERS) logical += line.slice(1);
      continue;
    }
    if (logical !== null) yield logical;
    logical = line;
  }
  if (logical !== null) yield logical;
}

type Piece =
  | { readonly kind: 'pem'; readonly text: string; readonly isWhole: boolean }
  | { readonly kind: 'line'; readonly line: string };

/** PEM blocks, and the lines outside of them. */
async function* piecesOf(file: FileHandle): AsyncGenerator<Piece> {
  let block: string | null = null;
  for await (const line of unfolded(file)) {
    if (BEGIN.test(line)) block = '';
    else if (block === null) yield { kind: 'line', line };
    else if (END.test(line)) {
      yield { kind: 'pem', text: block, isWhole: true };
      block = null;
    } else if (block.length <= MAX_BASE64_CHARACTERS) block += line.trim();
  }
  if (block !== null) yield { kind: 'pem', text: block, isWhole: false };
}

async function* certificatesOfText(file: FileHandle, path: string): AsyncGenerator<Found> {
  let [dn, count]: [string, number] = ['', 0];
  for await (const piece of piecesOf(file)) {
    if (piece.kind === 'pem') {
      count += 1;
      const place = `${path}, certificate ${count}`;
      yield piece.isWhole
        ? decode(piece.text, place)
        : { kind: 'unreadable', place, reason: 'has no end' };
      continue;
    }
    dn = LDIF_DN.exec(piece.line)?.[1] ?? dn;
    const value = LDIF_CERTIFICATE.exec(piece.line)?.[1];
    const place = `${path}, ${dn}`.slice(0, MAX_PLACE_CHARACTERS);
    if (value !== undefined) yield decode(value, place);
  }
}

function decode(text: string, place: string): Found {
  if (text.length > MAX_BASE64_CHARACTERS) return { kind: 'unreadable', place, reason: 'too long' };
  if (!BASE64.test(text) || text.length % 4 !== 0) {
    return { kind: 'unreadable', place, reason: 'no base64' };
  }
  return { kind: 'certificate', place, der: Buffer.from(text, 'base64') };
}
