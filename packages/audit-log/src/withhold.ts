import type { PersonalValues } from './leaf.ts';
import type { RecordedEvent } from './read.ts';

/** Which personal fields leave salt and value out: all, or those of these names. */
export type Withheld = 'none' | 'personal' | readonly string[];

/** True if the field is one of them; `forwardPath` is also `forwardPath.1` and so on. */
function isWithheld(name: string, withheld: Withheld): boolean {
  if (withheld === 'none') return false;
  if (withheld === 'personal') return true;
  return withheld.includes(name) || withheld.includes(name.replace(/\.\d+$/, ''));
}

/** The salts and values that may be given out; the proofs hold without the others. */
export function withhold(personal: PersonalValues, withheld: Withheld): PersonalValues {
  const given = Object.entries(personal).filter(([name]) => !isWithheld(name, withheld));
  return Object.fromEntries(given);
}

/** The event as who gets the export sees it. */
export function withholdEvent(event: RecordedEvent, withheld: Withheld): RecordedEvent {
  const personal = Object.entries(event.personal).map(([name, value]): [string, string | null] => [
    name,
    isWithheld(name, withheld) ? null : value,
  ]);
  return { ...event, personal: Object.fromEntries(personal) };
}
