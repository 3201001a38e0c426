import { der, OID } from '@sallyport/der';
import { never } from '@sallyport/mail';
import type { EntityNames, ListExpansion, SecurityLabel } from './labels-read.ts';

/** A label as a signer is told it; without categories, whose values are not ours to compose. */
export type SignedLabel = Pick<SecurityLabel, 'policy' | 'classification' | 'privacyMark'> &
  Partial<Pick<SecurityLabel, 'privacyMarkForm'>>;

/** Every attribute that may be added to a signature. The signer encodes it; nobody hands it DER. */
export type EssAttribute =
  | { readonly kind: 'security-label'; readonly label: SignedLabel }
  | { readonly kind: 'equivalent-labels'; readonly labels: readonly SignedLabel[] }
  | {
      readonly kind: 'receipt-request';
      readonly contentIdentifier: Buffer;
      readonly from: 'all' | 'first-tier' | readonly string[];
      readonly to: readonly string[];
    }
  | {
      readonly kind: 'content-hint';
      readonly description: string | null;
      readonly contentType: string;
    }
  | { readonly kind: 'ml-expansion-history'; readonly entries: readonly ListExpansion[] };

/** An attribute's type and its one value. */
export interface EncodedAttribute {
  readonly oid: string;
  readonly value: Buffer;
}

/**
 * Encodes an attribute for a signer at hand (RFC 2634; its module has IMPLICIT TAGS). On a gateway
 * the keyholder does this by itself.
 */
export function encodeEssAttribute(attribute: EssAttribute): EncodedAttribute {
  switch (attribute.kind) {
    case 'security-label':
      return { oid: OID.securityLabel, value: encodeLabel(attribute.label) };
    case 'equivalent-labels':
      return {
        oid: OID.equivalentLabels,
        value: der.sequence(...attribute.labels.map(encodeLabel)),
      };
    case 'receipt-request': {
      const from = Array.isArray(attribute.from)
        ? der.implicit(1, der.sequence(...attribute.from.map(generalNames)))
        : der.implicit(0, der.integer(attribute.from === 'all' ? 0 : 1));
      const to = der.sequence(...attribute.to.map(generalNames));
      const value = der.sequence(der.octetString(attribute.contentIdentifier), from, to);
      return { oid: OID.receiptRequest, value };
    }
    case 'content-hint': {
      const { description, contentType } = attribute;
      const text = description === null ? [] : [der.utf8String(description)];
      return { oid: OID.contentHint, value: der.sequence(...text, der.oid(contentType)) };
    }
    case 'ml-expansion-history': {
      const value = der.sequence(...attribute.entries.map(encodeExpansion));
      return { oid: OID.mlExpansionHistory, value };
    }
    default:
      return never(attribute);
  }
}

/** RFC 2634 section 3.2: a SET, so in the order of its tags. */
function encodeLabel(label: SignedLabel): Buffer {
  const { policy, classification, privacyMark, privacyMarkForm } = label;
  const parts = [der.oid(policy)];
  if (classification !== null) parts.push(der.integer(classification));
  if (privacyMark !== null) {
    const isPrintable = privacyMarkForm === 'printable';
    parts.push(isPrintable ? der.printableString(privacyMark) : der.utf8String(privacyMark));
  }
  return der.setOf(parts);
}

/** RFC 5280 section 4.2.1.6: GeneralNames with one rfc822Name. */
function generalNames(mailbox: string): Buffer {
  return der.sequence(der.implicit(1, der.ia5String(mailbox)));
}

/** RFC 2634 section 4.4 MLData. */
function encodeExpansion({ list, time, receiptPolicy }: ListExpansion): Buffer {
  const identifier =
    list.kind === 'subjectKeyId'
      ? der.octetString(list.subjectKeyId)
      : der.sequence(der.raw(list.issuer), der.integerContent(list.serial));
  const policy =
    receiptPolicy === null
      ? []
      : receiptPolicy.kind === 'none'
        ? [der.implicit(0, der.null())]
        : [der.implicit(receiptPolicy.kind === 'insteadOf' ? 1 : 2, namesList(receiptPolicy.to))];
  return der.sequence(identifier, der.generalizedTime(time), ...policy);
}

function namesList(list: readonly EntityNames[]): Buffer {
  const encoded = list.map((names) =>
    der.sequence(...names.map((name) => der.implicit(1, der.ia5String(name)))),
  );
  return der.sequence(...encoded);
}
