import { createInflate, type Inflate } from 'node:zlib';
import { OID } from '@sallyport/der';
import type { FaultId, LimitFaultId } from '@sallyport/faults';
import { type Content, MemoryContent, openPieces, SMALL_CONTENT_BYTES } from '@sallyport/mail';
import type { CmsLimits, CompressedDataView } from './views.ts';

/** Octets out for one octet in. Text seldom has more than 20; zlib's most is about 1030. */
const DEFAULT_MAX_EXPANSION = 100;
/** What the ratio does not count: a few octets of zlib are many times their number. */
const FREE_BYTES = 64 * 1024;

export type Decompressed =
  | { readonly kind: 'ok'; readonly content: Content }
  | { readonly kind: 'failed'; readonly fault: FaultId; readonly reason: string };

class ExpansionError extends Error {
  override readonly name = 'ExpansionError';
  readonly fault: LimitFaultId;

  constructor(message: string, fault: LimitFaultId) {
    super(message);
    this.fault = fault;
  }
}

/**
 * The content of a CompressedData (RFC 3274 section 2). It is inflated once to check it; small
 * content is kept then, other content is inflated again at each read.
 *
 * @returns `algorithm-unsupported` for another algorithm than zlib, `content-too-big` if it grows
 * over `maxBytes`, `expands-too-far` if it grows more than `maxExpansion` times, `message-malformed` if it is no zlib stream.
 */
export async function decompressContent(
  view: CompressedDataView,
  limits: CmsLimits,
): Promise<Decompressed> {
  const { compressed } = view;
  if (view.algorithm !== OID.zlibCompress) {
    const reason = `compression ${view.algorithm} is not supported`;
    return { kind: 'failed', fault: 'algorithm-unsupported', reason };
  }
  if (compressed === null) return malformed('the compressed content is absent');
  const kept: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of inflated(compressed, limits)) {
      sizeBytes += chunk.length;
      if (sizeBytes <= SMALL_CONTENT_BYTES) kept.push(chunk);
      else kept.length = 0;
    }
  } catch (error) {
    if (error instanceof ExpansionError) {
      return { kind: 'failed', fault: error.fault, reason: error.message };
    }
    if (isZlibError(error)) return malformed('the compressed content is damaged');
    throw error;
  }
  const content =
    sizeBytes <= SMALL_CONTENT_BYTES
      ? new MemoryContent(Buffer.concat(kept))
      : { sizeBytes, open: () => inflated(compressed, limits) };
  return { kind: 'ok', content };
}

function malformed(reason: string): Decompressed {
  return { kind: 'failed', fault: 'message-malformed', reason };
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z_/.test(String(error.code));
}

async function* inflated(compressed: Content, limits: CmsLimits): AsyncGenerator<Buffer> {
  const { maxBytes, maxExpansion = DEFAULT_MAX_EXPANSION } = limits;
  const most = Math.min(maxBytes, FREE_BYTES + compressed.sizeBytes * maxExpansion);
  const inflate = createInflate({ chunkSize: 64 * 1024 });
  const feeding = feed(inflate, compressed);
  let sizeBytes = 0;
  try {
    for await (const chunk of inflate) {
      sizeBytes += (chunk as Buffer).length;
      if (sizeBytes > most) throw tooLarge(sizeBytes > maxBytes, maxExpansion);
      yield chunk as Buffer;
    }
    await feeding;
    // Two readers could disagree about what stands after the stream.
    if (inflate.bytesWritten !== compressed.sizeBytes) throw trailing();
  } finally {
    inflate.destroy();
    await feeding.catch(() => undefined);
  }
}

function tooLarge(overBytes: boolean, maxExpansion: number): ExpansionError {
  return overBytes
    ? new ExpansionError('the content is too big once it is decompressed', 'content-too-big')
    : new ExpansionError(
        `the content grows more than ${maxExpansion} times when it is decompressed`,
        'expands-too-far',
      );
}

function trailing(): Error {
  return Object.assign(new Error('octets after the end of the stream'), { code: 'Z_DATA_ERROR' });
}

async function feed(inflate: Inflate, compressed: Content): Promise<void> {
  try {
    for await (const piece of openPieces(compressed)) {
      if (inflate.destroyed) return;
      await new Promise<void>((resolve, reject) => {
        inflate.once('close', resolve);
        inflate.write(piece, (error) => {
          inflate.off('close', resolve);
          if (error === null || error === undefined) resolve();
          else reject(error);
        });
      });
    }
    inflate.end();
  } catch (error) {
    inflate.destroy(error instanceof Error ? error : new Error('unreadable', { cause: error }));
  }
}
