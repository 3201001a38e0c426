import { ANYWHERE_FAULTS } from './catalogue/anywhere.ts';
import { CONTENT_FAULTS } from './catalogue/content.ts';
import { EGRESS_FAULTS } from './catalogue/egress.ts';
import { PARTNER_FAULTS } from './catalogue/partner.ts';
import { SESSION_FAULTS } from './catalogue/session.ts';
import { TRANSACTION_FAULTS } from './catalogue/transaction.ts';

export type { FaultEntry } from './catalogue/entry.ts';

/** Every fault there is. Codes: RFC 5321 section 4.2, RFC 3463 section 3 and the IANA list. */
export const FAULTS = {
  ...ANYWHERE_FAULTS,
  ...SESSION_FAULTS,
  ...TRANSACTION_FAULTS,
  ...CONTENT_FAULTS,
  ...PARTNER_FAULTS,
  ...EGRESS_FAULTS,
} as const;

export type FaultId = keyof typeof FAULTS;

/** The faults that may be said in an SMTP reply. */
export type ReplyFaultId = {
  [Id in FaultId]: (typeof FAULTS)[Id]['code'] extends number ? Id : never;
}[FaultId];

/** True of the id of a row of the catalogue. */
export function isFaultId(text: string): text is FaultId {
  return Object.hasOwn(FAULTS, text);
}
