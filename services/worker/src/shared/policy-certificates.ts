import { type Certificate, parsePemCertificates } from '@sallyport/pki';
import type { TrustDirection, TrustPolicy } from '@sallyport/policy';

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

const USAGES = {
  encrypt: ['keyEncipherment', 'keyAgreement'],
  sign: ['digitalSignature', 'nonRepudiation'],
} as const;

/** The pinned certificates that serve in a direction: those of CAs are no pins of a key. */
export function pinsFor(trust: TrustPolicy, direction: TrustDirection): readonly Certificate[] {
  if (trust.pinned.length === 0) return [];
  return certificatesOf(trust.pinned).filter(
    ({ isCa, keyUsage }) =>
      !isCa && (keyUsage === null || USAGES[direction].some((usage) => keyUsage.has(usage))),
  );
}
