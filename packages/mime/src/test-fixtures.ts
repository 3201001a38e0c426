/** What the tests of this package share: entities, and content that comes in pieces. */
import assert from 'node:assert/strict';
import { type Content, readContent } from '@sallyport/mail';
import fc from 'fast-check';
import { type Entity, DEFAULT_MIME_LIMITS as LIMITS, readEntityBytes } from './index.ts';

/** Content that comes in pieces of the given size and claims to be large, so that nothing is cached. */
export function chunked(bytes: Buffer, size: number): Content {
  return {
    sizeBytes: bytes.length,
    open: async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    },
  };
}

export function entityOf(text: string | Buffer): Entity {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  const read = readEntityBytes(bytes, LIMITS);
  assert.equal(read.kind, 'entity');
  return read.value;
}

/** As `entityOf`, but the body is read in pieces. */
export function streamedEntity(bytes: Buffer, size: number): Entity {
  const entity = entityOf(bytes);
  return { ...entity, body: chunked(bytes.subarray(entity.headerBytes), size) };
}

export async function bytesOf(content: Content): Promise<Buffer> {
  return await readContent(content);
}

export const octets = fc.uint8Array({ maxLength: 2000 }).map((array) => Buffer.from(array));
