import { isLimitFault } from '@sallyport/faults';
import { bufferContent, type Content, concatContent } from '@sallyport/mail';
import { canonicalise, checkCanonical, type ReadEntity, readEntity } from '@sallyport/mime';
import type { OpenOptions } from './layers.ts';

/**
 * Reads what a layer holds. Programs on Unix sign and encrypt what they have on disk, so an entity
 * whose header has bare line ends is read in canonical form (RFC 8551 section 3.1.1): that form is
 * what a clear signature inside is over, and what is handed on. A signature around it is over the
 * octets as they came.
 *
 * @throws what the content's own read throws.
 */
export async function readInside(
  content: Content,
  options: Pick<OpenOptions, 'limits' | 'contentForm'>,
): Promise<ReadEntity> {
  const limits = options.limits.mime;
  const read = await readEntity(content, limits);
  if (read.kind === 'entity' || isLimitFault(read.fault)) return read;
  // Only where the header cannot be read: a body in binary keeps its octets.
  const isCanonical = (await checkCanonical(content)).kind === 'crlf';
  const mended = isCanonical ? read : await readEntity(await canonicalise(content), limits);
  if (mended.kind === 'entity' || options.contentForm !== 'any') return mended;
  return await readEntity(concatContent([NO_HEADER, content]), limits);
}

const NO_HEADER = bufferContent(Buffer.from('\r\n'));
