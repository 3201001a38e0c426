import { never } from '@sallyport/mail';
import type { FilterFacts } from './verdict.ts';

interface Filtered {
  readonly filter: FilterFacts;
  /** Somebody has looked at it and let it go on. */
  readonly released: boolean;
}

type FilterDecision =
  | { readonly kind: 'wait'; readonly fault: 'scanner-unavailable' }
  | { readonly kind: 'hold'; readonly fault: 'held-by-policy' | 'scanner-unavailable' }
  | { readonly kind: 'refuse'; readonly fault: 'content-refused' };

/** What the content filter found, as a decision under this rule; null if nothing stands against the message. */
export function checkFilter(
  { filter, released }: Filtered,
  rule: string,
  waits: 'Not taken' | 'Waits',
): (FilterDecision & { readonly rule: string; readonly sentence: string }) | null {
  switch (filter.kind) {
    case 'clean':
      return null;
    case 'refuse': {
      const sentence = `Refused: ${filter.reason}.`;
      return { kind: 'refuse', fault: 'content-refused', rule, sentence };
    }
    case 'hold':
      if (released) return null;
      return { kind: 'hold', fault: 'held-by-policy', rule, sentence: `Held: ${filter.reason}.` };
    case 'unavailable':
      return filter.whenDown === 'wait'
        ? {
            kind: 'wait',
            fault: 'scanner-unavailable',
            rule,
            sentence: `${waits}: ${filter.reason}.`,
          }
        : { kind: 'hold', fault: 'scanner-unavailable', rule, sentence: `Held: ${filter.reason}.` };
    default:
      return never(filter);
  }
}
