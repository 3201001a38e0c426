import { DerError, DerReader, der, OID } from '@sallyport/der';
import type { SignedAttribute } from '@sallyport/ipc';
import { never } from '@sallyport/mail';

type Label = Extract<SignedAttribute, { kind: 'security-label' }>['label'];
type ReceiptRequest = Extract<SignedAttribute, { kind: 'receipt-request' }>;
type History = Extract<SignedAttribute, { kind: 'ml-expansion-history' }>;
type Expansion = History['entries'][number];

const MAX_RDNS = 64;
const MAX_ATTRIBUTES_OF_RDN = 16;

/** An attribute's type and its one value. */
export interface EncodedAttribute {
  readonly oid: string;
  readonly value: Buffer;
}

/** Encodes a further attribute (RFC 2634; its module has IMPLICIT TAGS). */
export function encodeEssAttribute(attribute: SignedAttribute): EncodedAttribute {
  switch (attribute.kind) {
    case 'security-label':
      return { oid: OID.securityLabel, value: securityLabel(attribute.label) };
    case 'equivalent-labels':
      return {
        oid: OID.equivalentLabels,
        value: der.sequence(...attribute.labels.map(securityLabel)),
      };
    case 'receipt-request':
      return { oid: OID.receiptRequest, value: receiptRequest(attribute) };
    case 'content-hint': {
      const { description, contentType } = attribute;
      const text = description === null ? [] : [der.utf8String(description)];
      return { oid: OID.contentHint, value: der.sequence(...text, der.oid(contentType)) };
    }
    case 'ml-expansion-history':
      return { oid: OID.mlExpansionHistory, value: expansionHistory(attribute) };
    default:
      return never(attribute);
  }
}

/** RFC 2634 section 3.2: a SET, so in the order of its tags. */
function securityLabel(label: Label): Buffer {
  const parts = [der.oid(label.policy)];
  if (label.classification !== null) parts.push(der.integer(label.classification));
  const { privacyMark, privacyMarkForm } = label;
  if (privacyMark !== null) {
    const isPrintable = privacyMarkForm === 'printable';
    parts.push(isPrintable ? der.printableString(privacyMark) : der.utf8String(privacyMark));
  }
  return der.setOf(parts);
}

/** RFC 2634 section 2.7. */
function receiptRequest(request: ReceiptRequest): Buffer {
  const from = Array.isArray(request.from)
    ? der.implicit(1, der.sequence(...request.from.map(generalNames)))
    : der.implicit(0, der.integer(request.from === 'all' ? 0 : 1));
  return der.sequence(
    der.octetString(Buffer.from(request.contentIdentifier, 'base64')),
    from,
    der.sequence(...request.to.map(generalNames)),
  );
}

/** RFC 5280 section 4.2.1.6: GeneralNames with one rfc822Name. */
function generalNames(mailbox: string): Buffer {
  return der.sequence(der.implicit(1, der.ia5String(mailbox)));
}

/** RFC 2634 section 4.4. */
function expansionHistory(history: History): Buffer {
  const entries = history.entries.map(({ listIdentifier, expansionTime, receiptPolicy }) =>
    der.sequence(
      entityIdentifier(listIdentifier),
      der.generalizedTime(new Date(expansionTime)),
      ...listReceiptPolicy(receiptPolicy),
    ),
  );
  return der.sequence(...entries);
}

/** RFC 2634 section 4.4 EntityIdentifier. */
function entityIdentifier(identifier: Expansion['listIdentifier']): Buffer {
  if (typeof identifier === 'string') return der.octetString(Buffer.from(identifier, 'base64'));
  const issuer = Buffer.from(identifier.issuer, 'base64');
  const serial = Buffer.from(identifier.serial, 'base64');
  return der.sequence(checkedName(issuer), der.integerContent(serial));
}

/** Nobody hands us DER unseen: it is a Name and nothing else (RFC 5280 section 4.1.2.4). */
function checkedName(bytes: Buffer): Buffer {
  try {
    const whole = new DerReader(bytes, { strict: true });
    const rdns = whole.sequence();
    whole.end();
    for (let count = 0; !rdns.isAtEnd; count += 1) {
      const attributes = rdns.set();
      if (count >= MAX_RDNS) throw new DerError('too many RDNs');
      for (let inner = 0; !attributes.isAtEnd; inner += 1) {
        if (inner >= MAX_ATTRIBUTES_OF_RDN) throw new DerError('too many attributes');
        const attribute = attributes.sequence();
        attribute.oid();
        if (attribute.next().constructed) throw new DerError('a value is no text');
        attribute.end();
      }
    }
    return bytes;
  } catch (error) {
    if (error instanceof DerError) throw new RangeError('the issuer of a mail list is no Name');
    throw error;
  }
}

function listReceiptPolicy(policy: Expansion['receiptPolicy']): Buffer[] {
  if (policy === null) return [];
  if (policy === 'none') return [der.implicit(0, der.null())];
  const to = der.sequence(...policy.to.map(generalNames));
  return [der.implicit(policy.kind === 'insteadOf' ? 1 : 2, to)];
}
