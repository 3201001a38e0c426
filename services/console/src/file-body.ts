import { Readable } from 'node:stream';

/** What fastify can send of a file; it would take an iterable for a value and write it as JSON. */
export function fileBody(
  bytes: Buffer | string | AsyncIterable<Buffer | string>,
): Buffer | string | Readable {
  return typeof bytes === 'string' || Buffer.isBuffer(bytes) ? bytes : Readable.from(bytes);
}
