import type { KeyObject } from 'node:crypto';
import { planRetention, removeSegment } from '@sallyport/audit-index/retention';
import type { AuditEvent } from '@sallyport/audit-log';
import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';

/** What retention works on. */
export interface RetainParts {
  readonly folder: string;
  readonly keepForMs: number;
  readonly publicKey: KeyObject;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Resolves when the disk has it. */
  readonly record: (event: AuditEvent) => Promise<unknown>;
  /** Only for tests. */
  readonly segmentLeaves?: number;
}

/** Replaces segments that are older than the log is kept by their roots; each is recorded first. */
export async function retainLog(parts: RetainParts): Promise<void> {
  const { folder, publicKey, segmentLeaves, logger } = parts;
  const before = new Date(parts.clock.now().getTime() - parts.keepForMs);
  const { remove, keep } = await planRetention(folder, {
    before,
    publicKey,
    ...(segmentLeaves === undefined ? {} : { segmentLeaves }),
  });
  for (const one of remove) {
    const sentence = 'older than the log is kept; the root over its events stays';
    await parts.record({ kind: 'log-retained', ...one, sentence });
    await removeSegment(folder, one);
  }
  for (const one of keep) logger.warn('audit.segment-stays', { ...one });
}
