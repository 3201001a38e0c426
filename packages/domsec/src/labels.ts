import { OID } from '@sallyport/der';
import type { SecurityLabel } from './labels-read.ts';
import type { LayerSigner, OpenedMessage, SignedLayer } from './layers.ts';
import type { LayerReport } from './verdict-types.ts';

/** A label that a verified signature vouches for. */
export interface VerifiedLabel {
  readonly label: SecurityLabel;
  /** Index of its layer, from the outside. */
  readonly layer: number;
  /**
   * `own`: of what the signature covers. `aggregate`: in an additional-attributes signature, the
   * sensitivity of everything inside (RFC 3183 section 3.3).
   */
  readonly meaning: 'own' | 'aggregate';
  /** Labels of other security policies that signers trusted to translate hold to be equivalent. */
  readonly equivalents: readonly SecurityLabel[];
}

/** What the labels of a message say (RFC 2634 section 3, RFC 3183 section 3.3; DS-V7, DS-V8). */
export interface MessageLabels {
  readonly labels: readonly VerifiedLabel[];
  /** Why people must be warned: verified labels that differ or cannot be read; null if all is well. */
  readonly warning: string | null;
}

/**
 * The security labels of a message. A label whose signature has not verified is not looked at
 * (RFC 2634 section 3.1.2); the ones of one layer must be identical, and stand in every signer.
 */
export function labelsOf(message: OpenedMessage, reports: readonly LayerReport[]): MessageLabels {
  const labels: VerifiedLabel[] = [];
  let warning: string | null = null;
  /** From additional-attributes signatures further out: equivalent to the label inside. */
  const translations: SecurityLabel[] = [];
  for (const [index, layer] of message.layers.entries()) {
    const report = reports[index];
    if (layer.kind !== 'signed' || report?.kind !== 'signed') continue;
    const verified = layer.signers.filter((_, at) => report.signers[at]?.state === 'valid');
    warning ??= disagreement(verified);
    const [first] = verified.flatMap(({ ess }) => ess.securityLabel ?? []);
    const isAdditional = isAttributeAuthority(report);
    const own = mayTranslate(report) ? equivalentsIn(verified) : [];
    if (first !== undefined) {
      const equivalents = [...own, ...translations].filter((one) => one.policy !== first.policy);
      const meaning = isAdditional ? 'aggregate' : 'own';
      labels.push({ label: first, layer: index, meaning, equivalents });
    }
    if (isAdditional) translations.push(...own);
  }
  return { labels, warning };
}

function equivalentsIn(signers: readonly LayerSigner[]): readonly SecurityLabel[] {
  return signers.find(({ ess }) => ess.equivalentLabels.length > 0)?.ess.equivalentLabels ?? [];
}

type SignedReport = Extract<LayerReport, { kind: 'signed' }>;

function isAttributeAuthority(report: SignedReport): boolean {
  return report.role === 'additional-attributes';
}

/** RFC 2634 section 3.4: only signers trusted to translate; ours are the authorities, by their names. */
function mayTranslate(report: SignedReport): boolean {
  const isAuthority = isAttributeAuthority(report) || report.role === 'domain';
  return isAuthority && report.state === 'valid' && report.mapping !== 'mismatch';
}

/** RFC 2634 section 3.1.1: one label in all signers of a layer, or in none. */
function disagreement(verified: SignedLayer['signers']): string | null {
  const spoiled = verified.some(({ ess }) =>
    ess.malformed.some((oid) => oid === OID.securityLabel || oid === OID.equivalentLabels),
  );
  if (spoiled) return 'a security label cannot be read';
  const forms = new Set(
    verified.map(({ ess }) => ess.securityLabel?.der.toString('hex') ?? 'no label'),
  );
  return forms.size > 1 ? 'the security labels of its signers are not identical' : null;
}

/** The label as people are shown it; its bytes are left out. */
export function describeLabel(label: SecurityLabel): {
  readonly policy: string;
  readonly classification: number | null;
  readonly privacyMark: string | null;
  readonly categories: readonly string[];
} {
  const { policy, classification, privacyMark, categories } = label;
  return { policy, classification, privacyMark, categories };
}
