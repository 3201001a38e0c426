/** Byte-exact MIME: headers, entities, multiparts, transfer encodings, addresses. Pure and bounded. */

export { type Authors, authors, parseAddressList } from './address.ts';
export { base64Content, base64Size, encodeBase64 } from './base64.ts';
export {
  type HeaderEdits,
  joinContent,
  joinMessage,
  type MultipartSignedOptions,
  multipartSigned,
  newBoundary,
  type Pkcs7MimeOptions,
  pkcs7MimeEntity,
  pkcs7MimeSize,
  replaceHeader,
  type SmimeType,
} from './build.ts';
export {
  type Entity,
  fieldsNamed,
  fieldValues,
  type ReadEntity,
  readEntity,
  readEntityBytes,
} from './entity.ts';
export { formatField, utf8Value } from './format.ts';
export type { HeaderField, ReadOptions } from './header.ts';
export { DEFAULT_MIME_LIMITS, type Malformed, type MimeLimits } from './limits.ts';
export {
  MemoryContent,
  openRange,
  type RangedContent,
  SMALL_CONTENT_BYTES,
  sliceContent,
} from './slice.ts';
