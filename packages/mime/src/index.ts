/** Byte-exact MIME: headers, entities, multiparts, transfer encodings, addresses. Pure and bounded. */

export { parseAddressList, utf8Text } from './address.ts';
export { type Authors, authors } from './authors.ts';
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
  type ContentType,
  contentType,
  parseContentType,
  type TransferEncoding,
  transferEncoding,
} from './content-type.ts';
export { decodeBody } from './decode.ts';
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
  type CanonicalCheck,
  type CrlfContent,
  canonicalise,
  checkCanonical,
  isSevenBitSafe,
} from './line-ends.ts';
export { type MultipartPart, type SplitMultipart, splitMultipart } from './multipart.ts';
export { binaryToBase64, toSevenBit } from './seven-bit.ts';
export { type EntityTree, readTree } from './tree.ts';
