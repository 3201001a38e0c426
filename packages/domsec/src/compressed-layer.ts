import { type CompressedDataView, decompressContent } from '@sallyport/cms';
import { OID } from '@sallyport/der';
import type { Entity } from '@sallyport/mime';
import { readInside } from './inside.ts';
import type { BrokenLayer, CompressedLayer, OpenOptions } from './layers.ts';

/** Decompresses a layer (RFC 8551 section 3.6). It proves nothing and hides nothing. */
export async function compressedLayer(
  view: CompressedDataView,
  outside: Entity,
  options: OpenOptions,
): Promise<CompressedLayer | BrokenLayer> {
  if (view.contentType !== OID.data) {
    const reason = 'what is compressed is no MIME entity';
    return { kind: 'broken', fault: 'algorithm-unsupported', reason, outside };
  }
  const opened = await decompressContent(view, options.limits.cms);
  if (opened.kind === 'failed') {
    return { kind: 'broken', fault: opened.fault, reason: opened.reason, outside };
  }
  const inside = await readInside(opened.content, options);
  if (inside.kind === 'malformed') {
    return { kind: 'broken', fault: inside.fault, reason: inside.reason, outside };
  }
  return { kind: 'compressed', outside, inside: inside.value };
}
