import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSegmentName } from '@sallyport/audit-log';
import type { PolicyDocument } from '@sallyport/policy';
import { policyByNumber } from '@sallyport/policy-store/read';
import { type Rehearsal, rehearse } from '@sallyport/rehearsal';
import type { DeskPorts } from './desk.ts';
import type { OpenedVersion } from './policy-versions.ts';

export const MAX_REHEARSED = 10_000;
/** A person waits for it: the newest 130,000 events at the most are enough to look back on. */
const MAX_SEGMENTS = 2;

type Ports = Pick<DeskPorts, 'options' | 'clock'>;

/** Each reads much of the log, so they come one after the other; who wants the same gets the same. */
export class Rehearsals {
  readonly #ports: Ports;
  readonly #running = new Map<string, Promise<Rehearsal | null>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** What a version would change for the newest messages; null where there is no audit log yet. */
  async of({ version, policy }: OpenedVersion, last: number): Promise<Rehearsal | null> {
    const key = `${version.sha256} ${last}`;
    const known = this.#running.get(key);
    if (known !== undefined) return await known;
    const own = this.#last
      .then(async () => await rehearseDraft(policy, last, this.#ports))
      .finally(() => this.#running.delete(key));
    this.#running.set(key, own);
    this.#last = own.catch(() => null);
    return await own;
  }
}

async function rehearseDraft(
  draft: PolicyDocument,
  last: number,
  { options, clock }: Ports,
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
