import { closeSync, openSync, readSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  formatHeadLine,
  MAX_LINE_BYTES,
  parseLogLine,
  parseSegmentName,
  type RecordedEvent,
  readEvent,
  type SignedHead,
  type Subtree,
  segmentName,
} from '@sallyport/audit-log';

/** A segment file as the folder has it. */
export interface SegmentFile {
  readonly name: string;
  readonly first: number;
  readonly path: string;
}

/** The segments of an audit folder in the order of the log. */
export async function segmentFiles(folder: string): Promise<SegmentFile[]> {
  const names = await readdir(folder);
  return names.sort().flatMap((name) => {
    const first = parseSegmentName(name);
    return first === null ? [] : [{ name, first, path: join(folder, name) }];
  });
}

/** Differs as soon as the file was written to or replaced. */
export async function stampOf(path: string): Promise<{ stamp: string; bytes: number }> {
  const { ino, mtimeNs, size } = await stat(path, { bigint: true });
  return { stamp: `${ino}.${mtimeNs}.${size}`, bytes: Number(size) };
}

/** Where the line of an event lies. */
export interface Place {
  readonly first: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Reads single lines out of segments; keeps the last file open until `close`. */
export class LineReader {
  readonly #folder: string;
  #open: { readonly first: number; readonly file: number } | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @returns null if there is no such line any more. */
  text({ first, offset, bytes }: Place): string | null {
    if (bytes < 1 || bytes > MAX_LINE_BYTES + 1) return null;
    const file = this.#fileOf(first);
    if (file === null) return null;
    const line = Buffer.alloc(bytes);
    const read = readSync(file, line, 0, bytes, offset);
    if (read !== bytes || line[bytes - 1] !== 0x0a) return null;
    return line.toString('utf8', 0, bytes - 1);
  }

  /** @returns null if the event does not lie there any more. */
  event(index: number, place: Place): RecordedEvent | null {
    const text = this.text(place);
    const line = text === null ? null : parseLogLine(text);
    const event = line === null ? null : readEvent(line);
    return event?.index === index ? event : null;
  }

  close(): void {
    if (this.#open !== null) closeSync(this.#open.file);
    this.#open = null;
  }

  #fileOf(first: number): number | null {
    if (this.#open?.first === first) return this.#open.file;
    this.close();
    try {
      const file = openSync(join(this.#folder, segmentName(first)), 'r');
      this.#open = { first, file };
      return file;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
  }
}

const MAX_SUBTREE_LINE = 1_024;

/** What retention left of a segment; null if it is a segment still. */
export function readSubtree(folder: string, first: number, bytes: number): Subtree | null {
  if (bytes > MAX_SUBTREE_LINE) return null;
  const lines = new LineReader(folder);
  try {
    const text = lines.text({ first, offset: 0, bytes });
    const line = text === null ? null : parseLogLine(text);
    return line !== null && 'subtree' in line ? line.subtree : null;
  } finally {
    lines.close();
  }
}

/** True if this head is the line that ends at `end` of the segment. */
export function lastHeadStands(of: {
  readonly folder: string;
  readonly first: number;
  readonly head: SignedHead;
  readonly end: number;
}): boolean {
  const line = formatHeadLine(of.head);
  const lines = new LineReader(of.folder);
  try {
    const bytes = Buffer.byteLength(line);
    const text = lines.text({ first: of.first, offset: of.end - bytes, bytes });
    return text === line.slice(0, -1);
  } finally {
    lines.close();
  }
}
