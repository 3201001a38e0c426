import type { KeyClass, KeyState } from '@sallyport/ipc';
import type { KeyView } from './keys.ts';

const DAY_MS = 86_400_000;
/** From here on the end of a certificate is something to see to. */
export const SOON_DAYS = 30;

/** The keys of one domain for one purpose, in the order of their life. */
export interface LifeLine {
  readonly domain: string;
  readonly class: KeyClass;
  /** Made or certified, not in use yet. */
  readonly next: readonly KeyView[];
  readonly active: readonly KeyView[];
  /** Out of use, the last one first; a confidentiality key may still open mail. */
  readonly former: readonly KeyView[];
  readonly destroyed: readonly KeyView[];
}

const CLASSES: readonly KeyClass[] = ['domain-signing', 'domain-confidentiality', 'dkim'];
const NEXT: ReadonlySet<KeyState> = new Set(['generated', 'pending']);
const FORMER: ReadonlySet<KeyState> = new Set(['decrypt-only', 'retired']);

/** The life lines of a domain. Those of the two authorities are there even without a key. */
export function lifeLinesOf(domain: string, keys: readonly KeyView[]): readonly LifeLine[] {
  return CLASSES.map((keyClass) => {
    const own = keys.filter((one) => one.domain === domain && one.class === keyClass);
    return {
      domain,
      class: keyClass,
      next: own.filter(({ state }) => NEXT.has(state)),
      active: own.filter(({ state }) => state === 'active'),
      former: own.filter(({ state }) => FORMER.has(state)).toSorted(lastOutFirst),
      destroyed: own.filter(({ state }) => state === 'destroyed'),
    };
  });
}

function lastOutFirst(one: KeyView, other: KeyView): number {
  return (other.retiredAt ?? '').localeCompare(one.retiredAt ?? '');
}

/** Whole days from now to a time; negative when it is over. */
export function daysUntil(time: string, now: Date): number {
  return Math.floor((Date.parse(time) - now.getTime()) / DAY_MS);
}

const ROLLOVER_STEPS = [
  'make',
  'request',
  'certificate',
  'publish',
  'take-over',
  'retire',
] as const;
export type RolloverStep = (typeof ROLLOVER_STEPS)[number];

/** Where a key stands on its way into use; read off the keys themselves, so one can leave and return. */
export interface Rollover {
  readonly steps: readonly {
    readonly step: RolloverStep;
    readonly state: 'done' | 'open' | 'later';
  }[];
  /** Keys that this one replaces and that are still in use or open mail. */
  readonly former: readonly KeyView[];
}

/** @returns null for a key that is on no way into use. */
export function rolloverOf(key: KeyView, keys: readonly KeyView[]): Rollover | null {
  const steps = stepsOf(key.class);
  const at = openSteps(key);
  if (steps.length === 0 || at === null) return null;
  const former = keys.filter(
    (one) =>
      one.keyId !== key.keyId &&
      one.class === key.class &&
      one.domain === key.domain &&
      (one.state === 'active' || one.state === 'decrypt-only'),
  );
  const open = at.filter((step) => step !== 'retire' || former.length > 0);
  const first = steps.findIndex((step) => at.includes(step));
  return {
    former,
    steps: steps.map((step, index) => ({
      step,
      state: open.includes(step) ? 'open' : index < first || isOver(step, at) ? 'done' : 'later',
    })),
  };
}

// The last step of a key in use is over when nothing is left to retire.
function isOver(step: RolloverStep, at: readonly RolloverStep[]): boolean {
  return step === 'retire' && at.includes('retire');
}

function stepsOf(keyClass: KeyClass): readonly RolloverStep[] {
  switch (keyClass) {
    case 'domain-signing':
    case 'domain-confidentiality':
      return ROLLOVER_STEPS;
    case 'dkim':
      return ['make', 'publish', 'take-over', 'retire'];
    case 'statement':
      return [];
  }
}

function openSteps({ class: keyClass, state }: KeyView): readonly RolloverStep[] | null {
  switch (state) {
    case 'generated':
      return keyClass === 'dkim' ? ['publish', 'take-over'] : ['request', 'certificate'];
    case 'pending':
      return ['publish', 'take-over'];
    case 'active':
      return ['retire'];
    case 'decrypt-only':
    case 'retired':
    case 'destroyed':
      return null;
  }
}
