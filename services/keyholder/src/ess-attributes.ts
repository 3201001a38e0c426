import { der, OID } from '@sallyport/der';
import type { SignedAttribute } from '@sallyport/ipc';
import { never } from '@sallyport/mail';

type Label = Extract<SignedAttribute, { kind: 'security-label' }>['label'];
type ReceiptRequest = Extract<SignedAttribute, { kind: 'receipt-request' }>;
type History = Extract<SignedAttribute, { kind: 'ml-expansion-history' }>;

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
  if (label.privacyMark !== null) parts.push(der.utf8String(label.privacyMark));
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
  const entries = history.entries.map((entry) =>
    der.sequence(
      der.octetString(Buffer.from(entry.listIdentifier, 'base64')), // SubjectKeyIdentifier
      der.generalizedTime(new Date(entry.expansionTime)),
      ...(entry.receiptPolicy === 'none' ? [der.implicit(0, der.null())] : []),
    ),
  );
  return der.sequence(...entries);
}
