import type { FaultId } from '@sallyport/faults';
import { never } from '@sallyport/mail';
import {
  type DigestName,
  digestOf,
  familyOf,
  fitsDigest,
  type SignatureAlgorithmName,
} from './algorithms.ts';
import type { CurveName } from './algorithms-keys.ts';
import { type PublicKeyFacts, publicKeyFacts } from './public-key.ts';

/** What a signer may wish for; the rest follows from its key. */
export interface SignatureWish {
  readonly digest?: DigestName;
  /** For RSA keys only. */
  readonly rsaPadding?: 'pkcs1v15' | 'pss';
}

export type SignatureChoice =
  | {
      readonly kind: 'chosen';
      readonly digestAlgorithm: DigestName;
      readonly signatureAlgorithm: SignatureAlgorithmName;
    }
  | { readonly kind: 'unusable'; readonly fault: FaultId; readonly reason: string };

/** As long as the curve is strong (RFC 5753 section 8, RFC 5480 section 4). */
const CURVE_DIGESTS: Readonly<Record<Exclude<CurveName, 'x25519'>, DigestName>> = {
  p256: 'sha256',
  p384: 'sha384',
  p521: 'sha512',
};

/** The signature algorithm of a key, and the digest of the content that goes with it. */
export function chooseSignature(spki: Buffer, wish: SignatureWish = {}): SignatureChoice {
  const facts = publicKeyFacts(spki);
  if (facts.kind === 'refused') {
    return { kind: 'unusable', fault: facts.fault, reason: facts.reason };
  }
  if (wish.rsaPadding !== undefined && facts.kind !== 'rsa') {
    return unusable('a padding can be chosen for RSA keys only');
  }
  const signatureAlgorithm = algorithmOf(facts, wish);
  if (signatureAlgorithm === null) return unusable('the key does not sign this way');
  const digestAlgorithm = wish.digest ?? digestOf(signatureAlgorithm);
  return fitsDigest(familyOf(signatureAlgorithm), digestAlgorithm)
    ? { kind: 'chosen', digestAlgorithm, signatureAlgorithm }
    : unusable(`the key does not go with ${digestAlgorithm}`);
}

function unusable(reason: string): SignatureChoice {
  return { kind: 'unusable', fault: 'algorithm-unsupported', reason };
}

function algorithmOf(
  facts: Exclude<PublicKeyFacts, { kind: 'refused' }>,
  wish: SignatureWish,
): SignatureAlgorithmName | null {
  const keyType = facts.key.asymmetricKeyType;
  switch (facts.kind) {
    case 'rsa': {
      const isPss = wish.rsaPadding === 'pss' || keyType === 'rsa-pss';
      if (keyType === 'rsa-pss' && wish.rsaPadding === 'pkcs1v15') return null;
      return `${isPss ? 'rsa-pss' : 'rsa'}-${wish.digest ?? 'sha256'}`;
    }
    case 'agreement':
      if (facts.curve === 'x25519') return null;
      return `ecdsa-${wish.digest ?? CURVE_DIGESTS[facts.curve]}`;
    case 'signing':
      return keyType === 'ed25519' || keyType === 'ml-dsa-65' || keyType === 'ml-dsa-87'
        ? keyType
        : null;
    case 'kem':
      return null;
    default:
      return never(facts);
  }
}
