import type { Certificate } from '@sallyport/pki';
import { type KeyUse, MAX_KEY_CHARACTERS, MAX_NAMES, type UserCertificate } from './record.ts';
import { searchKeysOf } from './search-keys.ts';

/**
 * What is kept of a certificate for these addresses, which must be folded (`foldAddress`). Its
 * issuer is none of its search keys: all users' certificates may have the same one.
 */
export function userCertificateOf(
  certificate: Certificate,
  as: { readonly mail: readonly string[]; readonly use: KeyUse },
): UserCertificate {
  const { certHash, iAndSHash, sHash, sKIDHash, name } = searchKeysOf(certificate);
  const isFit = (one: string): boolean => one !== '' && one.length <= MAX_KEY_CHARACTERS;
  return {
    kind: 'certificate',
    ...as,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    keys: {
      certHash: [...certHash],
      iAndSHash: [...iAndSHash],
      sHash: [...sHash],
      sKIDHash: [...sKIDHash],
      name: name.filter(isFit).slice(0, MAX_NAMES),
    },
    der: certificate.der,
  };
}
