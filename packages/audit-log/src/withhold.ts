import { type PersonalValues, parseLeaf } from './leaf.ts';
import { eventOf, type RecordedEvent } from './read.ts';

/** Which personal fields leave salt and value out: all, or those of these names. */
export type Withheld = 'none' | 'personal' | readonly string[];

/** True if the field is one of them; `forwardPath` is also `forwardPath.1`, `forwardPathsMore.0` and so on. */
function isWithheld(name: string, withheld: Withheld): boolean {
  if (withheld === 'none') return false;
  if (withheld === 'personal') return true;
  const plain = name.replace(/\.\d+$/, '');
  const isMore = plain === 'forwardPathsMore' && withheld.includes('forwardPath');
  return isMore || withheld.includes(name) || withheld.includes(plain);
}

/** The salts and values that may be given out; the proofs hold without the others. */
export function withhold(personal: PersonalValues, withheld: Withheld): PersonalValues {
  const given = Object.entries(personal).filter(([name]) => !isWithheld(name, withheld));
  return Object.fromEntries(given);
}

/** The event as who gets the export sees it. */
export function withholdEvent(event: RecordedEvent, withheld: Withheld): RecordedEvent {
  const content = withheld === 'none' ? null : parseLeaf(event.leaf);
  if (content === null) return event;
  const given = (name: string): string | null =>
    isWithheld(name, withheld) ? null : (event.personal[name] ?? null);
  return eventOf(content, event.leaf, given);
}
