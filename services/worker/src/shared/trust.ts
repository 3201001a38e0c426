import type { JudgeOptions } from '@sallyport/domsec';
import type { Domain } from '@sallyport/mail';
import { type Certificate, parsePemCertificates, validatePath } from '@sallyport/pki';
import type { TrustPolicy } from '@sallyport/policy';

const parsedPems = new Map<string, readonly Certificate[]>();
const MAX_PARSED = 2_000;

/** Certificates of PEM texts out of a policy; parsed once. Texts that cannot be parsed give nothing. */
export function certificatesOf(pems: readonly string[]): readonly Certificate[] {
  return pems.flatMap((pem) => {
    const known = parsedPems.get(pem);
    if (known !== undefined) return known;
    if (parsedPems.size >= MAX_PARSED) parsedPems.clear();
    const parsed = parsePemCertificates(pem).flatMap((result) =>
      result.kind === 'certificate' ? [result.value] : [],
    );
    parsedPems.set(pem, parsed);
    return parsed;
  });
}

/** Validates signers against the anchors and pinned certificates of the partners that apply. */
export function signerValidator(
  trusts: readonly TrustPolicy[],
  time: Date,
): JudgeOptions['validate'] {
  const anchors = trusts.flatMap((trust) => certificatesOf([...trust.anchors, ...trust.pinned]));
  return (leaf, others) => {
    if (anchors.length === 0) {
      return { kind: 'invalid', reason: 'no trust anchor is configured for this author' };
    }
    const result = validatePath({
      leaf,
      intermediates: others,
      anchors,
      time,
      purpose: 'email-sign',
    });
    return result.kind === 'valid' ? result : { kind: 'invalid', reason: result.reason };
  };
}

/** What naming may use beside the RFC's own rule: partner domains and dated exceptions (DS-N6). */
export function namingOptions(
  trusts: readonly TrustPolicy[],
  partnerDomains: readonly string[],
  time: Date,
): JudgeOptions['naming'] {
  const domains = partnerDomains.map((pattern) => pattern.replace(/^\*\./, '') as Domain);
  return {
    exceptions: trusts.flatMap((trust) => trust.exceptions),
    ...(domains.length > 0 ? { partnerDomains: domains } : {}),
    time,
  };
}
