import { createHash } from 'node:crypto';
import { z } from 'zod';

/** One version on disk: the whole document, who made it and why, and the hash of the one before. */
export const versionSchema = z.strictObject({
  version: z.number().int().positive(),
  author: z.string().min(1).max(200),
  reason: z.string().min(1).max(1000),
  time: z.iso.datetime(),
  previous: z.string().length(64).nullable(),
  sha256: z.string().length(64),
  /** The document's JSON text; `sha256` is over its UTF-8 bytes. */
  document: z.string().max(64 * 1024 * 1024),
});

export type PolicyVersion = z.infer<typeof versionSchema>;

export const ACTIVE_FILE = 'active';

export function versionFile(version: number): string {
  return `${String(version).padStart(6, '0')}.json`;
}

export function hashDocument(document: string): string {
  return createHash('sha256').update(document, 'utf8').digest('hex');
}
