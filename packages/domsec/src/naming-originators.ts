import type { ValidatedCertificate } from '@sallyport/pki';
import { roleOf } from './judge-names.ts';
import type { OpenedMessage } from './layers.ts';
import type { JudgeOptions } from './verdict-types.ts';

/**
 * The originators' own certificates, as far as a signature in the message proves them: what a domain
 * signer's subject is compared with (RFC 3183 section 3.1.1; DS-N10). Looked for only if somebody
 * signed for a domain, since each costs a path validation.
 */
export function originatorCertificates(
  message: OpenedMessage,
  validate: JudgeOptions['validate'],
): readonly ValidatedCertificate[] {
  const signed = message.layers.filter((layer) => layer.kind === 'signed');
  const isDomainSigned = signed.some((layer) =>
    layer.signers.some(({ types }) => types?.includes('domain') === true),
  );
  if (!isDomainSigned) return [];
  return signed.flatMap((layer) =>
    layer.signers.flatMap(({ certificate, check, types }) => {
      if (certificate === null || check.kind !== 'valid' || roleOf(types) !== 'originator') {
        return [];
      }
      const trust = validate(certificate, layer.certificates);
      return trust.kind === 'valid' && trust.certificate !== undefined ? [trust.certificate] : [];
    }),
  );
}
