import { z } from 'zod';
import { dayField } from './day-field.ts';

/** What two organisations agreed on paper. */
export const agreementSchema = z.strictObject({
  id: z.string().min(1).max(100).describe('the number of the agreement'),
  asserts: z.string().max(1000).describe('what a domain signature asserts under it'),
  validUntil: dayField.describe('last day it holds'),
  contact: z.string().max(320).describe('whom to ask'),
});

const DAY_MS = 86_400_000;
/** An admin is told of the end this long before. */
const WARNING_DAYS = 30;

/** True from the end of the last day on, in UTC, that an agreement holds. */
export function hasEnded(validUntil: string, now: Date): boolean {
  return now.getTime() >= endOf(validUntil);
}

function endOf(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) + DAY_MS;
}

/** Where an agreement stands; `ending` for the last thirty days, with the whole days that are left. */
export type AgreementState =
  | { readonly kind: 'current' }
  | { readonly kind: 'ending'; readonly daysLeft: number }
  | { readonly kind: 'ended' };

/** Where an agreement stands at a time. Pure. */
export function agreementState(
  { validUntil }: { readonly validUntil: string },
  now: Date,
): AgreementState {
  if (hasEnded(validUntil, now)) return { kind: 'ended' };
  const daysLeft = Math.floor((endOf(validUntil) - now.getTime()) / DAY_MS);
  return daysLeft < WARNING_DAYS ? { kind: 'ending', daysLeft } : { kind: 'current' };
}
