import { createHash } from 'node:crypto';
import { type Content, readContent } from '@sallyport/mail';

function isContent(value: object): value is Content {
  return 'open' in value && typeof value.open === 'function' && 'sizeBytes' in value;
}

/** All that a view says, contents read to their end, as text to compare. */
export async function summaryOf(value: unknown): Promise<string> {
  return JSON.stringify(await plain(value));
}

async function plain(value: unknown): Promise<unknown> {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (typeof value === 'function') return null;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.getTime();
  if (isContent(value)) {
    const hash = createHash('sha256').update(await readContent(value));
    return [value.sizeBytes, hash.digest('hex')];
  }
  if (Array.isArray(value) || value instanceof Map) {
    const list: unknown[] = [];
    for (const one of value) list.push(await plain(one));
    return list;
  }
  const fields: [string, unknown][] = [];
  for (const [name, field] of Object.entries(value)) fields.push([name, await plain(field)]);
  return Object.fromEntries(fields);
}
