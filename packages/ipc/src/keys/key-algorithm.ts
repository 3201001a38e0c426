import type { KeyObject } from 'node:crypto';
import { type KeyAlgorithm, keyAlgorithmSchema } from '../protocols/key-record.ts';

/** An exponent below this lets signatures be forged (RFC 8017 section 3.1 leaves it open). */
const MIN_EXPONENT = 65_537n;

const CURVES: ReadonlyMap<string, KeyAlgorithm> = new Map([
  ['prime256v1', 'ec-p256'],
  ['secp384r1', 'ec-p384'],
  ['secp521r1', 'ec-p521'],
]);

/** The kind of a public or private key, or null if a gateway does not use that kind. */
export function keyAlgorithmOf(key: KeyObject): KeyAlgorithm | null {
  const { modulusLength, namedCurve = '', publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return publicExponent < MIN_EXPONENT ? null : known(`rsa-${modulusLength}`);
    case 'ec':
      return CURVES.get(namedCurve) ?? null;
    default:
      return known(key.asymmetricKeyType); // kinds without parameters have our name in node:crypto
  }
}

function known(name: string | undefined): KeyAlgorithm | null {
  const parsed = keyAlgorithmSchema.safeParse(name);
  return parsed.success ? parsed.data : null;
}
