import type { KeyObject } from 'node:crypto';
import { type SignedHead, verifyHeadBeside } from './head.ts';
import type { DamagedLog, Place } from './verdict.ts';

/** Signatures of heads that are on their way: they cost far more than all else. */
const MAX_SIGNATURES = 256;

/** Verifies the signatures of heads on other threads, while the log is read on. */
export class HeadSignatures {
  readonly #publicKey: KeyObject;
  #firstBad: Place | null = null;
  /** In the order of their lines. */
  #underway: { readonly isValid: Promise<boolean>; readonly place: Place }[] = [];

  constructor(publicKey: KeyObject) {
    this.#publicKey = publicKey;
  }

  add(head: SignedHead, place: Place): void {
    this.#underway.push({ isValid: verifyHeadBeside(head, this.#publicKey), place });
  }

  /** True if too many are under way: half of them are to be waited for. */
  get areDue(): boolean {
    return this.#underway.length >= MAX_SIGNATURES;
  }

  /** The first head that the log key did not sign; null if it signed all, or all but the newest. */
  async firstBad(which: 'all' | 'older-half' = 'all'): Promise<DamagedLog | null> {
    const later = which === 'all' ? 0 : MAX_SIGNATURES / 2;
    const signatures = this.#underway.splice(0, this.#underway.length - later);
    for (const { isValid, place } of signatures) {
      if (!(await isValid)) this.#firstBad ??= place;
    }
    if (this.#firstBad === null) return null;
    const reason = 'the head is not signed by this log key';
    return { kind: 'damaged', code: 'bad-signature', ...this.#firstBad, reason };
  }
}
