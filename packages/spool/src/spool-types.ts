import type { Logger } from '@sallyport/log';
import type { Content } from '@sallyport/mail';
import type { BlobStore } from './blob-store.ts';
import type { QueueFileHeader, SpoolReader } from './header.ts';

/** A message's state is the folder its file is in. */
export const SPOOL_FOLDERS = ['tmp', 'incoming', 'outgoing', 'hold', 'corrupt'] as const;
export type SpoolFolder = (typeof SPOOL_FOLDERS)[number];

export interface SpoolOptions {
  /** The spool folder; made with its five folders if it is not there. */
  readonly folder: string;
  /** Public keys of the readers that this process writes for. */
  readonly readerKeys: Readonly<Partial<Record<SpoolReader, string>>>;
  /** This process's own key; `retired` are former ones whose files may still wait. */
  readonly privateKey?: {
    readonly name: SpoolReader;
    readonly pem: string;
    readonly retired?: readonly string[];
  };
  readonly logger: Logger;
  /** Free space that is never used up; below it the spool counts as full. */
  readonly reserveBytes?: number;
  /** Another store than the folder; for spools that several hosts share. */
  readonly store?: BlobStore;
}

export interface Gone {
  readonly kind: 'gone';
}

export interface Corrupt {
  readonly kind: 'corrupt';
  readonly reason: string;
}

export interface Readable {
  readonly kind: 'ok';
  readonly header: QueueFileHeader;
  readonly content: Content;
}

export interface ReadableHeader {
  readonly kind: 'ok';
  readonly header: QueueFileHeader;
  readonly sizeBytes: number;
}

export type SpoolRead = Readable | Gone | Corrupt;
export type SpoolHeaderRead = ReadableHeader | Gone | Corrupt;
