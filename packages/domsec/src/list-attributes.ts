import { OID } from '@sallyport/der';
import { type EssAttribute, encodeEssAttribute, type SignedLabel } from './labels-encode.ts';
import type { EntityNames, EssAttributes, SecurityLabel } from './labels-read.ts';
import type { LayerSigner } from './layers.ts';

/** What the signed attributes of a list's layer become in the layer that replaces it. */
export type RememberedAttributes =
  | { readonly kind: 'remembered'; readonly attributes: readonly EssAttribute[] }
  /** One of them cannot be said in our words, so the layer cannot be replaced. */
  | { readonly kind: 'unsupported'; readonly oid: string };

/**
 * Attributes that every signer states for itself: the new signer's take their place (RFC 2634
 * section 4.2: "unless explicitly replaced"). SignatureType among them: that it was the
 * originator's, for example, is not true of ours.
 */
const REPLACED: ReadonlySet<string> = new Set([
  OID.contentType,
  OID.messageDigest,
  OID.signingTime,
  OID.signingCertificate,
  OID.signingCertificateV2,
  OID.smimeCapabilities,
  OID.encryptionKeyPreference,
  OID.cmsAlgorithmProtection,
  OID.signatureType,
  '1.3.6.1.4.1.311.16.4', // szOID_MICROSOFT_Encryption_Key_Preference
]);

/**
 * The signed attributes of a layer with mlExpansionHistory, as they are to stand in the new outer
 * layer (RFC 3183 section 5 step 4). What we would write must be what stood there, byte for byte.
 */
export function rememberedAttributes(signer: LayerSigner): RememberedAttributes {
  const encodable = new Map(
    encodableAttributes(signer.ess).map((attribute) => {
      const { oid, value } = encodeEssAttribute(attribute);
      return [oid, { attribute, value }] as const;
    }),
  );
  const attributes: EssAttribute[] = [];
  for (const [oid, values] of signer.attributes) {
    if (REPLACED.has(oid)) continue;
    const ours = encodable.get(oid);
    const [value] = values;
    if (ours === undefined || value === undefined || !ours.value.equals(value)) {
      return { kind: 'unsupported', oid };
    }
    attributes.push(ours.attribute);
  }
  return { kind: 'remembered', attributes };
}

function encodableAttributes(ess: EssAttributes): EssAttribute[] {
  const { securityLabel, equivalentLabels, receiptRequest, contentHint } = ess;
  const attributes: EssAttribute[] = [];
  if (securityLabel !== null && isPlainLabel(securityLabel)) {
    attributes.push({ kind: 'security-label', label: labelOf(securityLabel) });
  }
  if (equivalentLabels.length > 0 && equivalentLabels.every(isPlainLabel)) {
    attributes.push({ kind: 'equivalent-labels', labels: equivalentLabels.map(labelOf) });
  }
  if (receiptRequest !== null) {
    const { contentIdentifier, from, to } = receiptRequest;
    const named = typeof from === 'string' ? from : addressesOf(from);
    const addresses = addressesOf(to);
    if (named !== null && addresses !== null) {
      attributes.push({
        kind: 'receipt-request',
        contentIdentifier,
        from: named,
        to: addresses,
      });
    }
  }
  if (contentHint !== null) attributes.push({ kind: 'content-hint', ...contentHint });
  const entries = ess.mlExpansionHistory;
  const isNamed = (names: readonly EntityNames[]): boolean => addressesOf(names) !== null;
  if (
    entries?.every(
      ({ receiptPolicy: policy }) =>
        policy === null || policy.kind === 'none' || isNamed(policy.to),
    )
  ) {
    attributes.push({ kind: 'ml-expansion-history', entries });
  }
  return attributes;
}

function isPlainLabel(label: SecurityLabel): boolean {
  return label.categories.length === 0;
}

function labelOf({
  policy,
  classification,
  privacyMark,
  privacyMarkForm,
}: SecurityLabel): SignedLabel {
  return { policy, classification, privacyMark, privacyMarkForm };
}

/** Null if somebody has another name than one address. */
function addressesOf(list: readonly EntityNames[]): string[] | null {
  const addresses = list.flatMap((names) =>
    names.length === 1 ? names.filter((name) => !name.startsWith('#')) : [],
  );
  return addresses.length === list.length ? addresses : null;
}
