/** Sealed queue files: write, sync, rename, scan, set aside; and small files in bounded folders. */
export type { BlobMove, BlobReader, BlobStore, BlobWriter } from './blob-store.ts';
export { BoundedFolder } from './bounded-folder.ts';
export { SpoolCorruptError, SpoolKeyError } from './errors.ts';
export { FolderBlobStore } from './folder-store.ts';
export {
  type ClientFacts,
  clientFactsSchema,
  forwardPathSchema,
  MAX_HEADER_BYTES,
  type QueuedForwardPath,
  type QueueFileHeader,
  queueFileHeaderSchema,
  SPOOL_READERS,
  type SpoolReader,
} from './header.ts';
export { putQueueFile, writeQueueFile } from './put-queue-file.ts';
export { generateReaderKey, type ReaderKeyPem } from './reader-keys.ts';
export { reportHeader } from './report-header.ts';
export { Spool } from './spool.ts';
export {
  SPOOL_FOLDERS,
  type SpoolFolder,
  type SpoolHeaderRead,
  type SpoolOptions,
  type SpoolRead,
} from './spool-types.ts';
export { isTlsReport, tlsReportHeader } from './tls-report-header.ts';
export type { SpoolWriter } from './writer.ts';
