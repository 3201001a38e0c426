import type { AuditIndex, CaughtUp } from '@sallyport/audit-index';

/** A page waits no longer for the index; behind a big log it is answered out of what was read. */
const WAIT_MS = 2_000;

/** Before a question to the index. */
export async function upToDate(index: AuditIndex): Promise<CaughtUp> {
  return await index.catchUp(WAIT_MS);
}
