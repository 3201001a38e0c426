import type { AssociationRecord } from '@sallyport/lookup';
import { parseCertificate } from '@sallyport/pki';

/** RFC 7672 section 3.1: the usages that count for SMTP. */
export const USAGE = { anchor: 2, endEntity: 3 } as const;
const SELECTOR = { certificate: 0, publicKey: 1 } as const;
const FULL = 0;
const DIGEST_BYTES: Readonly<Record<number, number>> = { 1: 32, 2: 64 };
/** More records than these are not looked at: a server has one key, or two in a rollover. */
const MAX_RECORDS = 64;
const MAX_SHOWN_DIGITS = 128;

/**
 * The records that can authenticate a server (RFC 7672 section 3.1): usage 2 or 3, a known selector,
 * data that can be of the matching type. Of digests of one usage and selector only the strongest
 * kind counts (RFC 7671 section 9).
 */
export function usableRecords(records: readonly AssociationRecord[]): AssociationRecord[] {
  const usable = records.slice(0, MAX_RECORDS).filter(isUsable);
  return usable.filter(
    (one) => one.matchingType === FULL || !usable.some((other) => isStronger(other, one)),
  );
}

function isUsable({ usage, selector, matchingType, association }: AssociationRecord): boolean {
  if (usage !== USAGE.anchor && usage !== USAGE.endEntity) return false;
  if (selector !== SELECTOR.certificate && selector !== SELECTOR.publicKey) return false;
  if (matchingType !== FULL) return association.length === DIGEST_BYTES[matchingType];
  if (selector === SELECTOR.publicKey) return association.length > 0;
  return parseCertificate(association).kind === 'certificate';
}

function isStronger(one: AssociationRecord, other: AssociationRecord): boolean {
  const isSameKind = one.usage === other.usage && one.selector === other.selector;
  return isSameKind && one.matchingType > other.matchingType;
}

/** The bare public key that a record holds whole, as subjectPublicKeyInfo; else null. */
export function publicKeyIn(record: AssociationRecord): Buffer | null {
  const isKey = record.selector === SELECTOR.publicKey && record.matchingType === FULL;
  return isKey ? record.association : null;
}

/** As a zone file has it; long data is cut, for the record and for reports. */
export function formatTlsa(record: AssociationRecord): string {
  const data = record.association.toString('hex').slice(0, MAX_SHOWN_DIGITS);
  return `${record.usage} ${record.selector} ${record.matchingType} ${data}`;
}
