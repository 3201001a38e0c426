import type { ElementCursor } from './element-cursor.ts';
import { readAlgorithm, readEncapsulated } from './read-parts.ts';
import type { CompressedDataView } from './views.ts';

const SEQUENCE = 16;

/** CompressedData (RFC 3274 section 1.1); the cursor stands inside the [0] of ContentInfo. */
export async function readCompressedData(cursor: ElementCursor): Promise<CompressedDataView> {
  await cursor.enter('universal', SEQUENCE);
  (await cursor.part('version')).smallInteger();
  const algorithm = readAlgorithm(await cursor.part('algorithm'));
  const { eContentType, eContent } = await readEncapsulated(cursor);
  await cursor.leave();
  return { algorithm: algorithm.oid, contentType: eContentType, compressed: eContent };
}
