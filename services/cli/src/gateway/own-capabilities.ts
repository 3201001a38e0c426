import type { ContentName, OwnCapability, WrapName } from '@sallyport/cms';
import type { UntrustedCertificate } from '@sallyport/pki';

/** Strongest first, integrity before key length (RFC 8551 section 2.5.2: in order of preference). */
const CONTENT: readonly ContentName[] = [
  'aes256-gcm',
  'chacha20-poly1305',
  'aes192-gcm',
  'aes128-gcm',
  'aes256-cbc',
  'aes192-cbc',
  'aes128-cbc',
];

/** RFC 8551 section 2.3: both wraps, each for content keys of its own length. */
const WRAPS: readonly WrapName[] = ['aes256', 'aes128'];

/** What the gateway can read: content of every kind, and keys as its encryption certificate allows. */
export function ownCapabilities(encryption: UntrustedCertificate | null): readonly OwnCapability[] {
  const content = CONTENT.map((name): OwnCapability => ({ kind: 'content', name }));
  return encryption === null ? content : [...content, ...keyCapabilities(encryption)];
}

function keyCapabilities(certificate: UntrustedCertificate): readonly OwnCapability[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey();
  switch (type) {
    case 'rsa':
      return [{ kind: 'rsa-oaep', hash: 'sha256', mgf1Hash: 'sha256' }, { kind: 'rsa-pkcs1v15' }];
    case 'x25519':
      return WRAPS.map((wrap) => ({ kind: 'ecdh', kdf: { kind: 'hkdf', hash: 'sha256' }, wrap }));
    case 'ml-kem-512':
    case 'ml-kem-768':
    case 'ml-kem-1024':
      return [{ kind: 'kem', name: type }];
    case 'ec': {
      const hash = CURVE_HASH[details?.namedCurve ?? ''];
      if (hash === undefined) return [];
      return WRAPS.map((wrap) => ({ kind: 'ecdh', kdf: { kind: 'x963', hash }, wrap }));
    }
    default:
      return [];
  }
}

/** RFC 5753 section 8: the hash that goes with each curve. */
const CURVE_HASH: Readonly<Record<string, 'sha256' | 'sha384' | 'sha512'>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
};
