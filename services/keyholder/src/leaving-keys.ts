import type { KeyClass } from '@sallyport/ipc';
import type { KeyRing, LoadedKey } from './key-folder.ts';

/** Longer than a worker keeps its list of keys, and than a call waits. */
const STAYS_MS = 30_000;

const SIGNS: ReadonlySet<KeyClass> = new Set(['domain-signing', 'dkim']);

interface Leaving {
  readonly key: LoadedKey;
  readonly until: number;
}

/**
 * Signing keys that have just been replaced. A message that was being signed when its key went out
 * is signed to its end: nothing fails because keys are rolled over.
 */
export class LeavingKeys {
  readonly #keys = new Map<string, Leaving>();

  /** `former` becomes `present`; what was active and has a successor in use may sign a while on. */
  replace(former: KeyRing, present: KeyRing, now: Date): void {
    for (const [keyId, key] of former) {
      const { record } = key;
      const isGone = SIGNS.has(record.class) && record.state === 'active';
      if (!isGone || present.has(keyId) || !hasSuccessor(key, present)) continue;
      this.#keys.set(keyId, { key, until: now.getTime() + STAYS_MS });
    }
    for (const [keyId, { until }] of this.#keys) {
      if (present.has(keyId) || until <= now.getTime()) this.#keys.delete(keyId);
    }
  }

  find(keyId: string, now: Date): LoadedKey | null {
    const leaving = this.#keys.get(keyId);
    return leaving === undefined || leaving.until <= now.getTime() ? null : leaving.key;
  }
}

function hasSuccessor({ record }: LoadedKey, present: KeyRing): boolean {
  return [...present.values()].some(
    ({ record: one }) =>
      one.class === record.class && one.domain === record.domain && one.state === 'active',
  );
}
