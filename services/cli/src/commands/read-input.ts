import { fstatSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { bufferContent, type Content, SMALL_CONTENT_BYTES } from '@sallyport/mail';
import { fileContent, openFileContent } from '../message/file-content.ts';
import { Complaint } from './run.ts';

const MAX_TEXT_BYTES = 32 * 1024 * 1024;
/** As much as a message may have, with its layers (packages/mail bounds a read by 256 MiB). */
const MAX_INPUT_BYTES = 192 * 1024 * 1024;

/** A text file of bounded size. @throws Complaint if it is too long; a file error otherwise. */
export async function readTextFile(path: string): Promise<string> {
  if ((await stat(path)).size > MAX_TEXT_BYTES) throw new Complaint(`${path} is too long.`);
  return await readFile(path, 'utf8');
}

/** A file of bounded size; `-` is standard input. */
export async function readBytes(path: string): Promise<Buffer> {
  if (path === '-') return await readStandardInput();
  const found = await stat(path);
  if (found.isDirectory()) throw new Complaint(`${path} is a folder, not a file.`);
  if (found.size > MAX_INPUT_BYTES)
    throw new Complaint(`${path} is over ${MAX_INPUT_BYTES} bytes.`);
  return await readFile(path);
}

/**
 * A message in a file, or on standard input for `-`. A long regular file is read as it is needed;
 * what comes through a pipe is held in memory.
 *
 * @throws Complaint for a folder or too many bytes; a file error otherwise.
 */
export async function openInput(path: string): Promise<Content> {
  if (path === '-') return (await longStandardInput()) ?? bufferContent(await readStandardInput());
  const found = await stat(path);
  const isLong = found.isFile() && found.size > SMALL_CONTENT_BYTES;
  if (!isLong || found.size > MAX_INPUT_BYTES) return bufferContent(await readBytes(path));
  return fileContent(path, found.size);
}

/** Null if it is no regular file, or a short one, or nothing says how much of it was read before. */
async function longStandardInput(): Promise<Content | null> {
  const found = fstatSync(0);
  if (!found.isFile()) return null;
  const told = await readFile('/proc/self/fdinfo/0', 'latin1').catch(() => '');
  const offset = Number(/^pos:\s*(\d+)$/m.exec(told)?.[1] ?? Number.NaN);
  const sizeBytes = found.size - offset;
  const isLong = sizeBytes > SMALL_CONTENT_BYTES && sizeBytes <= MAX_INPUT_BYTES;
  return isLong ? openFileContent(0, { offset, sizeBytes }) : null;
}

/** All of standard input. @throws Complaint if it is longer than any message may be. */
export async function readStandardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk as Buffer);
    length += bytes.length;
    if (length > MAX_INPUT_BYTES) {
      throw new Complaint(`Standard input is over ${MAX_INPUT_BYTES} bytes.`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks, length);
}

/** An RFC 3339 time of the command line; now if it was not given. */
export function timeOf(text: string | undefined): Date {
  if (text === undefined) return new Date();
  const time = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(time.getTime())) {
    throw new Complaint(`${text} is no time; write RFC 3339, for example 2026-11-21T12:00:00Z.`);
  }
  return time;
}

/** A whole number of the command line within bounds. */
export function numberOf(text: string, name: string, max: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || value > max) {
    throw new Complaint(`${name} must be a whole number from 1 to ${max}, not ${text}.`);
  }
  return value;
}
