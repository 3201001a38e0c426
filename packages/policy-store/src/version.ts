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
  /** The document's JSON text. */
  document: z.string().max(64 * 1024 * 1024),
});

export type PolicyVersion = z.infer<typeof versionSchema>;

const VERSION_FILE = /^(\d{6})\.json$/;

/** @returns null if it is not the name of a version. */
export function parseVersionFile(name: string): number | null {
  const digits = VERSION_FILE.exec(name)?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 10);
}

/** The name of the file that holds a version. */
export function versionFile(version: number): string {
  return `${String(version).padStart(6, '0')}.json`;
}

/** SHA-256 over everything that a version says, the hash of the one before included. */
export function hashVersion(version: Omit<PolicyVersion, 'sha256'>): string {
  const { author, reason, time, previous, document } = version;
  const facts = JSON.stringify([version.version, author, reason, time, previous, document]);
  return createHash('sha256').update(facts, 'utf8').digest('hex');
}
