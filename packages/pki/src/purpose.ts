import type { FaultId } from '@sallyport/faults';
import type { UntrustedCertificate } from './certificate.ts';
import type { KeyUsage } from './extensions.ts';
import { PKIX } from './oids.ts';

/** What the end entity's key is to be used for. */
export type Purpose = 'email-sign' | 'email-encrypt' | 'tls-server' | 'tls-client' | 'any';

interface PurposeRule {
  /** One of these is enough where keyUsage is present. */
  readonly usages: readonly KeyUsage[];
  readonly extendedUsage: string | null;
  readonly words: string;
  readonly fault: FaultId;
  readonly expiredFault: FaultId;
  readonly revokedFault: FaultId;
}

/** RFC 8550 sections 4.4.2 and 4.4.4 for mail, RFC 5280 section 4.2.1.12 for TLS. */
const RULES: Readonly<Record<Purpose, PurposeRule>> = {
  'email-sign': {
    usages: ['digitalSignature', 'nonRepudiation'],
    extendedUsage: PKIX.emailProtection,
    words: 'signing mail',
    fault: 'signer-not-trusted',
    expiredFault: 'signer-not-trusted',
    revokedFault: 'signer-revoked',
  },
  'email-encrypt': {
    usages: ['keyEncipherment', 'keyAgreement'],
    extendedUsage: PKIX.emailProtection,
    words: 'encrypting mail',
    fault: 'recipient-certificate-untrusted',
    expiredFault: 'recipient-certificate-expired',
    revokedFault: 'recipient-certificate-revoked',
  },
  'tls-server': {
    usages: ['digitalSignature', 'keyEncipherment', 'keyAgreement'],
    extendedUsage: PKIX.serverAuth,
    words: 'a TLS server',
    fault: 'tls-not-trusted',
    expiredFault: 'tls-not-trusted',
    revokedFault: 'tls-not-trusted',
  },
  'tls-client': {
    usages: ['digitalSignature'],
    extendedUsage: PKIX.clientAuth,
    words: 'a TLS client',
    fault: 'client-certificate-required',
    expiredFault: 'client-certificate-required',
    revokedFault: 'client-certificate-required',
  },
  any: {
    usages: [],
    extendedUsage: null,
    words: 'any purpose',
    fault: 'signer-not-trusted',
    expiredFault: 'signer-not-trusted',
    revokedFault: 'signer-revoked',
  },
};

/** The fault that stands for a failed path of this purpose. */
export function faultOf(purpose: Purpose, code: string): FaultId {
  if (code === 'revocation-unknown') return 'revocation-unavailable';
  const rule = RULES[purpose];
  if (code === 'revoked') return rule.revokedFault;
  return code === 'expired' ? rule.expiredFault : rule.fault;
}

/** An absent extension permits; anyExtendedKeyUsage permits (RFC 5280 section 4.2.1.12). */
export function permitsExtendedUsage(certificate: UntrustedCertificate, purpose: Purpose): boolean {
  const { extendedKeyUsage } = certificate;
  const wanted = RULES[purpose].extendedUsage;
  if (extendedKeyUsage === null || wanted === null) return true;
  return extendedKeyUsage.includes(wanted) || extendedKeyUsage.includes(PKIX.anyExtendedKeyUsage);
}

const AGREES: ReadonlySet<string> = new Set(['ec', 'x25519']);
const SIGNS_ONLY = /^(ed25519|ed448|ml-dsa-\d+|rsa-pss)$/;
const RECEIVES_ONLY = /^(x25519|ml-kem-\d+)$/;

/** The key's kind; the empty string if it is not accepted. */
function keyTypeOf(certificate: UntrustedCertificate): string {
  const check = certificate.checkKey();
  return check.kind === 'ok' ? (check.key.asymmetricKeyType ?? '') : '';
}

/** Which usages a key can serve at all: RSA and KEM keys encipher keys, curve keys agree on them. */
function usagesFor(certificate: UntrustedCertificate, purpose: Purpose): readonly KeyUsage[] {
  if (purpose !== 'email-encrypt') return RULES[purpose].usages;
  const keyType = keyTypeOf(certificate);
  if (keyType === '') return [];
  return AGREES.has(keyType) ? ['keyAgreement'] : ['keyEncipherment'];
}

/** Whatever the extension says: a key that only signs receives nothing, and the other way round. */
function canServe(certificate: UntrustedCertificate, purpose: Purpose): boolean {
  const keyType = keyTypeOf(certificate);
  if (purpose === 'email-encrypt') return !SIGNS_ONLY.test(keyType);
  return purpose !== 'email-sign' || !RECEIVES_ONLY.test(keyType);
}

/** Checks what the end entity's certificate lets its key do; null if it permits the purpose. */
export function checkPurpose(
  certificate: UntrustedCertificate,
  purpose: Purpose,
): { readonly code: 'key-usage' | 'extended-key-usage'; readonly reason: string } | null {
  const { keyUsage } = certificate;
  const { words } = RULES[purpose];
  if (!canServe(certificate, purpose)) {
    return { code: 'key-usage', reason: `its kind of key does not serve for ${words}` };
  }
  if (keyUsage !== null && purpose !== 'any') {
    const isPermitted = usagesFor(certificate, purpose).some((usage) => keyUsage.has(usage));
    if (!isPermitted)
      return { code: 'key-usage', reason: `its key usage does not permit ${words}` };
  }
  if (!permitsExtendedUsage(certificate, purpose)) {
    return {
      code: 'extended-key-usage',
      reason: `its extended key usage does not permit ${words}`,
    };
  }
  return null;
}
