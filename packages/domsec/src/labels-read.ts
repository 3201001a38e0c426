import type { SignerInfoView } from '@sallyport/cms';
import { DerError, DerReader, OID, type Tlv } from '@sallyport/der';

const MAX_LABELS = 16;
const MAX_CATEGORIES = 64; // RFC 2634 section 3.2 ub-security-categories
const MAX_CLASSIFICATION = 256; // ub-integer-options
const MAX_HISTORY = 64; // RFC 2634 section 4.4 ub-ml-expansion-history
const MAX_RECEIPTS_TO = 16; // RFC 2634 section 2.7 ub-receiptsTo
const MAX_RECEIPT_LIST = 256;
const MAX_NAMES = 16;

/** RFC 2634 section 3.2 ESSSecurityLabel. */
export interface SecurityLabel {
  readonly policy: string;
  readonly classification: number | null;
  readonly privacyMark: string | null;
  readonly privacyMarkForm: 'utf8' | 'printable';
  /** Types of the security categories; what their values mean the security policy says. */
  readonly categories: readonly string[];
  /** Two labels are identical if their bytes are. */
  readonly der: Buffer;
}

/** RFC 5280 section 4.2.1.6 GeneralNames: addresses as text, other names as `#` and hexadecimal DER. */
export type EntityNames = readonly string[];

/** RFC 2634 section 2.7. */
export interface ReceiptRequest {
  readonly contentIdentifier: Buffer;
  readonly from: 'all' | 'first-tier' | readonly EntityNames[];
  readonly to: readonly EntityNames[];
}

/** RFC 2634 section 4.4 EntityIdentifier. */
type ListIdentifier =
  | { readonly kind: 'subjectKeyId'; readonly subjectKeyId: Buffer }
  | { readonly kind: 'issuerAndSerial'; readonly issuer: Buffer; readonly serial: Buffer };

/** RFC 2634 section 4.4 MLReceiptPolicy; null: the list says nothing. */
type ListReceiptPolicy =
  | { readonly kind: 'none' }
  | { readonly kind: 'insteadOf' | 'inAdditionTo'; readonly to: readonly EntityNames[] }
  | null;

/** RFC 2634 section 4.4 MLData: one mail list agent that expanded the message. */
export interface ListExpansion {
  readonly list: ListIdentifier;
  readonly time: Date;
  readonly receiptPolicy: ListReceiptPolicy;
}

/** RFC 2634 section 2.9. */
interface ContentHint {
  readonly description: string | null;
  readonly contentType: string;
}

/** What the signed attributes of one SignerInfo say beyond the signature (RFC 2634). */
export interface EssAttributes {
  readonly securityLabel: SecurityLabel | null;
  readonly equivalentLabels: readonly SecurityLabel[];
  readonly receiptRequest: ReceiptRequest | null;
  /** Oldest first; null if no mail list agent signed here. */
  readonly mlExpansionHistory: readonly ListExpansion[] | null;
  readonly contentHint: ContentHint | null;
  /** OIDs of those that are there and cannot be read, or are there twice. */
  readonly malformed: readonly string[];
}

/**
 * Reads the ESS attributes of a SignerInfo. Nothing of it counts before the signature has verified
 * (RFC 2634 sections 2.3, 3.1.2 and 4.1); bad bytes are reported, never thrown.
 */
export function readEssAttributes(
  info: Pick<SignerInfoView, 'attributes' | 'duplicateAttributes'>,
): EssAttributes {
  const malformed: string[] = [];
  const read = <T>(oid: string, parse: (reader: DerReader) => T): T | null => {
    const [value, ...more] = info.attributes.get(oid) ?? [];
    if (value === undefined) return null;
    try {
      if (more.length > 0 || info.duplicateAttributes.includes(oid)) throw new DerError('twice');
      const reader = new DerReader(value);
      const parsed = parse(reader);
      reader.end();
      return parsed;
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      malformed.push(oid);
      return null;
    }
  };
  const securityLabel = read(OID.securityLabel, readLabel);
  return {
    securityLabel,
    equivalentLabels:
      read(OID.equivalentLabels, (reader) => readLabels(reader, securityLabel)) ?? [],
    receiptRequest: read(OID.receiptRequest, readReceiptRequest),
    mlExpansionHistory: read(OID.mlExpansionHistory, readHistory),
    contentHint: read(OID.contentHint, readContentHint),
    malformed,
  };
}

const TAG = { integer: 2, oid: 6, utf8: 12, sequence: 16, set: 17, printable: 19 } as const;

/** A SET: BER may bring the parts in any order, and each part has a tag of its own. */
function readLabel(reader: DerReader): SecurityLabel {
  const tlv = reader.expect('universal', TAG.set);
  const parts = new Map<number, Tlv>();
  for (const part of reader.inside(tlv).all(4)) {
    // The two forms of the privacy mark are one part.
    const key = part.tag === TAG.printable ? TAG.utf8 : part.tag;
    if (part.tagClass !== 'universal' || parts.has(key)) throw new DerError('bad label');
    parts.set(key, part);
  }
  const policy = take(parts, TAG.oid);
  const classification = take(parts, TAG.integer);
  const mark = take(parts, TAG.utf8);
  const categories = take(parts, TAG.set);
  if (policy === null || parts.size > 0) throw new DerError('bad label');
  return {
    policy: readOnlyReader(policy).oid(),
    classification: classification === null ? null : readClassification(classification),
    privacyMark: mark === null ? null : textOf(mark),
    privacyMarkForm: mark?.tag === TAG.printable ? 'printable' : 'utf8',
    categories: categories === null ? [] : readCategories(reader.inside(categories)),
    der: tlv.bytes,
  };
}

function take(parts: Map<number, Tlv>, tag: number): Tlv | null {
  const part = parts.get(tag) ?? null;
  parts.delete(tag);
  return part;
}

function readOnlyReader(tlv: Tlv): DerReader {
  return new DerReader(tlv.bytes);
}

function readClassification(tlv: Tlv): number {
  const value = readOnlyReader(tlv).smallInteger();
  if (value > MAX_CLASSIFICATION) throw new DerError('bad classification');
  return value;
}

function readCategories(set: DerReader): string[] {
  const types: string[] = [];
  while (!set.isAtEnd) {
    if (types.length >= MAX_CATEGORIES) throw new DerError('too many categories');
    const category = set.sequence();
    const type = category.expect('context', 0);
    category.expect('context', 1);
    category.end();
    if (type.constructed) throw new DerError('bad category');
    types.push(oidOf(type));
  }
  return types;
}

/** `[0] IMPLICIT OBJECT IDENTIFIER`: the same octets under the universal tag. */
function oidOf(tlv: Tlv): string {
  const { value } = tlv;
  if (value.length > 0x7f) throw new DerError('bad OID');
  return new DerReader(Buffer.concat([Buffer.from([TAG.oid, value.length]), value])).oid();
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(tlv: Tlv): string {
  if (tlv.constructed || tlv.value.length === 0) throw new DerError('bad text');
  try {
    return utf8.decode(tlv.value);
  } catch {
    throw new DerError('bad text');
  }
}

/** RFC 2634 section 3.4.1: no security policy may stand twice, the own label's included. */
function readLabels(reader: DerReader, own: SecurityLabel | null): SecurityLabel[] {
  const list = reader.sequence();
  const labels: SecurityLabel[] = [];
  while (!list.isAtEnd) {
    if (labels.length >= MAX_LABELS) throw new DerError('too many labels');
    labels.push(readLabel(list));
  }
  const policies = [...labels, ...(own === null ? [] : [own])].map((label) => label.policy);
  const isDouble = new Set(policies).size !== policies.length;
  if (labels.length === 0 || isDouble) throw new DerError('bad equivalent labels');
  return labels;
}

function readReceiptRequest(reader: DerReader): ReceiptRequest {
  const request = reader.sequence();
  const contentIdentifier = request.octetString();
  const from = readReceiptsFrom(request);
  const to = readNamesList(request.sequence(), MAX_RECEIPTS_TO);
  request.end();
  if (to.length === 0) throw new DerError('bad receipt request');
  return { contentIdentifier, from, to };
}

function readReceiptsFrom(request: DerReader): ReceiptRequest['from'] {
  const all = request.optional('context', 0);
  if (all !== null) {
    if (all.constructed || all.value.length !== 1) throw new DerError('bad receiptsFrom');
    if (all.value[0] === 0) return 'all';
    if (all.value[0] === 1) return 'first-tier';
    throw new DerError('bad receiptsFrom');
  }
  return readNamesList(request.inside(request.expect('context', 1)), MAX_RECEIPT_LIST);
}

function readNamesList(list: DerReader, max: number): EntityNames[] {
  const names: EntityNames[] = [];
  while (!list.isAtEnd) {
    if (names.length >= max) throw new DerError('too many names');
    names.push(list.sequence().all(MAX_NAMES).map(nameOf));
  }
  return names;
}

const RFC822_NAME = 1;

function nameOf(tlv: Tlv): string {
  const isAddress = tlv.tagClass === 'context' && tlv.tag === RFC822_NAME && !tlv.constructed;
  // Control characters would let one name pretend to be several, in a log or on a page.
  const isPlain = isAddress && tlv.value.every((octet) => octet > 0x20 && octet < 0x7f);
  return isPlain ? tlv.value.toString('latin1') : `#${tlv.bytes.toString('hex')}`;
}

function readHistory(reader: DerReader): ListExpansion[] {
  const list = reader.sequence();
  const history: ListExpansion[] = [];
  while (!list.isAtEnd) {
    if (history.length >= MAX_HISTORY) throw new DerError('too many expansions');
    const entry = list.sequence();
    const identifier = readListIdentifier(entry);
    const time = entry.generalizedTime();
    const receiptPolicy = readReceiptPolicy(entry);
    entry.end();
    history.push({ list: identifier, time, receiptPolicy });
  }
  if (history.length === 0) throw new DerError('empty history');
  return history;
}

function readListIdentifier(entry: DerReader): ListIdentifier {
  if (entry.peek()?.tag !== TAG.sequence) {
    return { kind: 'subjectKeyId', subjectKeyId: entry.octetString() };
  }
  const pair = entry.sequence();
  const issuer = pair.expect('universal', TAG.sequence).bytes;
  const serial = pair.integerBytes();
  pair.end();
  return { kind: 'issuerAndSerial', issuer, serial };
}

function readReceiptPolicy(entry: DerReader): ListReceiptPolicy {
  const choice = entry.isAtEnd ? null : entry.next();
  if (choice === null) return null;
  if (choice.tagClass !== 'context' || choice.tag > 2) throw new DerError('bad receipt policy');
  if (choice.tag === 0) {
    if (choice.value.length > 0) throw new DerError('bad receipt policy');
    return { kind: 'none' };
  }
  const to = readNamesList(entry.inside(choice), MAX_RECEIPT_LIST);
  if (to.length === 0) throw new DerError('bad receipt policy');
  return { kind: choice.tag === 1 ? 'insteadOf' : 'inAdditionTo', to };
}

function readContentHint(reader: DerReader): ContentHint {
  const hint = reader.sequence();
  const text = hint.optional('universal', TAG.utf8);
  const contentType = hint.oid();
  hint.end();
  return { description: text === null ? null : textOf(text), contentType };
}
