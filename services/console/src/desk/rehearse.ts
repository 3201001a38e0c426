import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSegmentName } from '@sallyport/audit-log';
import type { PolicyDocument } from '@sallyport/policy';
import { policyByNumber } from '@sallyport/policy-store/read';
import { type Rehearsal, rehearse } from '@sallyport/rehearsal';
import type { DeskPorts } from './desk.ts';

export const MAX_REHEARSED = 10_000;
/** A person waits for it: the newest 130,000 events at the most are enough to look back on. */
const MAX_SEGMENTS = 2;

/** What a draft would change for the newest messages; null where there is no audit log yet. */
export async function rehearseDraft(
  draft: PolicyDocument,
  last: number,
  { options, clock }: Pick<DeskPorts, 'options' | 'clock'>,
): Promise<Rehearsal | null> {
  const { audit, policy } = options.folders;
  const names = (await readdir(audit).catch(() => []))
    .filter((name) => parseSegmentName(name) !== null)
    .sort()
    .slice(-MAX_SEGMENTS);
  if (names.length === 0) return null;
  return await rehearse(draft, Math.min(last, MAX_REHEARSED), {
    segments: names.map((name) => ({ name, bytes: createReadStream(join(audit, name)) })),
    versionOf: async (number) => await policyByNumber(policy, number, clock.now()),
    ownDomains: new Set(options.domains),
    clock,
  });
}
