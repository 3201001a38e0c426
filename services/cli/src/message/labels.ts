import { type EssAttribute, encodeEssAttribute, type SignedLabel } from '@sallyport/domsec';
import { Complaint } from '../commands/run.ts';

const MAX_CLASSIFICATION = 256; // RFC 2634 section 3.2 ub-integer-options

/** `POLICY[:CLASSIFICATION[:MARK]]`, for example `1.3.6.1.4.1.99999.1:2:INTERNAL`. */
function parseLabel(text: string): SignedLabel {
  const [, policy, number, mark] =
    /^([012](?:\.(?:0|[1-9]\d*))+)(?::(\d{0,3})(?::(.+))?)?$/u.exec(text) ?? [];
  const classification = number === undefined || number === '' ? null : Number(number);
  if (policy === undefined || (classification ?? 0) > MAX_CLASSIFICATION) {
    throw new Complaint(
      `${JSON.stringify(text)} is no label: write POLICY:CLASSIFICATION:MARK, the first an object identifier, the second 0 to 256.`,
    );
  }
  return { policy, classification, privacyMark: mark ?? null };
}

/** The attributes that the options ask for. @throws Complaint for what is no label. */
export function labelAttributes(options: {
  readonly label?: string | undefined;
  readonly equivalentLabel?: readonly string[] | undefined;
}): readonly EssAttribute[] {
  const own = options.label === undefined ? null : parseLabel(options.label);
  const equivalents = (options.equivalentLabel ?? []).map(parseLabel);
  const policies = [...(own === null ? [] : [own]), ...equivalents].map((one) => one.policy);
  // RFC 2634 section 3.4.1
  if (new Set(policies).size !== policies.length) {
    throw new Complaint('Every label must be of another security policy.');
  }
  const attributes: readonly EssAttribute[] = [
    ...(own === null ? [] : [{ kind: 'security-label', label: own } as const]),
    ...(equivalents.length === 0
      ? []
      : [{ kind: 'equivalent-labels', labels: equivalents } as const]),
  ];
  for (const attribute of attributes) checkEncodable(attribute);
  return attributes;
}

function checkEncodable(attribute: EssAttribute): void {
  try {
    encodeEssAttribute(attribute);
  } catch (error) {
    if (error instanceof RangeError) throw new Complaint(`A label is no label: ${error.message}.`);
    throw error;
  }
}
