import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSegmentName, type SegmentSource } from '@sallyport/audit-log';

/** The segments of an audit folder in the order of the log; each is opened when it is read. */
export async function auditSegments(folder: string): Promise<SegmentSource[]> {
  const names = (await readdir(folder)).filter((name) => parseSegmentName(name) !== null).sort();
  return names.map((name) => ({ name, bytes: bytesOf(join(folder, name)) }));
}

async function* bytesOf(path: string): AsyncGenerator<Buffer, undefined> {
  yield* createReadStream(path);
  return undefined;
}
