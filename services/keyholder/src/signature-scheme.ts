import { constants, type KeyObject, type SignKeyObjectInput, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { der, OID } from '@sallyport/der';
import type { CallParams, CallResult, keyholderOutwardProtocol } from '@sallyport/ipc';
import type { PrivateKey } from './private-key.ts';
import { TokenKey } from './token/token-key.ts';

type Protocol = typeof keyholderOutwardProtocol;
type Choice = Pick<CallParams<Protocol, 'sign'>, 'digestAlgorithm' | 'rsaPadding'>;
type Digest = Choice['digestAlgorithm'];

/** How a key signs, once the digest of the content is chosen. */
interface SignatureScheme {
  readonly name: CallResult<Protocol, 'sign'>['signatureAlgorithm'];
  /** Value of CMSAlgorithmProtection; null where it is left out. */
  readonly protection: Buffer | null;
  /** Signs the DER of SignedAttributes, off the main thread. */
  sign(bytes: Buffer): Promise<Buffer>;
}

// The key itself, where nothing is to be said beside it: an object round it costs Node ten microseconds.
type Signing = KeyObject | SignKeyObjectInput;

const signAsync = promisify<string | null, Buffer, Signing, Buffer>(sign);

const DIGEST_OIDS: Readonly<Record<Digest, string>> = {
  sha256: OID.sha256,
  sha384: OID.sha384,
  sha512: OID.sha512,
};

/** Signatures over the bytes themselves: which digests of the content may go with them. */
const PURE = {
  ed25519: { oid: OID.ed25519, digests: ['sha512'], isProtected: false }, // RFC 8419 section 3.1
  'ml-dsa-65': { oid: OID.mlDsa65, digests: ['sha384', 'sha512'], isProtected: true }, // RFC 9882 section 3.3
  'ml-dsa-87': { oid: OID.mlDsa87, digests: ['sha512'], isProtected: true },
} as const;

/**
 * The scheme of a key: RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2), RSASSA-PSS with a salt as long as
 * the hash (RFC 4056 section 3), ECDSA as DER (RFC 5753 section 7.2), Ed25519 or ML-DSA.
 *
 * @returns why digest or padding do not go with the key, if they do not.
 */
export function signatureScheme(
  key: PrivateKey,
  { digestAlgorithm, rsaPadding }: Choice,
): SignatureScheme | { readonly refusal: string } {
  const type = key.asymmetricKeyType;
  if (rsaPadding !== undefined && type !== 'rsa') {
    return { refusal: 'a padding can be chosen for RSA keys only' };
  }
  if (key instanceof TokenKey) return onToken(key, { digestAlgorithm, rsaPadding });
  switch (type) {
    case 'rsa': {
      const isPss = rsaPadding === 'pss';
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
      // Without options it is RSASSA-PKCS1-v1_5.
      const options = isPss ? { key, padding, saltLength } : key;
      return hashed(isPss ? `rsa-pss-${digestAlgorithm}` : `rsa-${digestAlgorithm}`, {
        digestAlgorithm,
        options,
      });
    }
    case 'ec':
      return hashed(`ecdsa-${digestAlgorithm}`, { digestAlgorithm, options: key });
    case 'ed25519':
    case 'ml-dsa-65':
    case 'ml-dsa-87':
      return pure(key, type, digestAlgorithm);
    default:
      return { refusal: 'the key does not sign' };
  }
}

/** The same on a token: only the digest goes there. */
function onToken(
  key: TokenKey,
  { digestAlgorithm, rsaPadding }: { digestAlgorithm: Digest; rsaPadding: Choice['rsaPadding'] },
): SignatureScheme | { readonly refusal: string } {
  const { publicKey } = key;
  switch (key.asymmetricKeyType) {
    case 'rsa': {
      const isPss = rsaPadding === 'pss';
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
      const verifyWith = isPss ? { key: publicKey, padding, saltLength } : publicKey;
      const scheme = isPss ? 'pss' : 'pkcs1v15';
      return {
        name: isPss ? `rsa-pss-${digestAlgorithm}` : `rsa-${digestAlgorithm}`,
        protection: null,
        sign: (bytes) => key.sign(bytes, { scheme, digestAlgorithm, verifyWith }),
      };
    }
    case 'ec': {
      const verifyWith = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
      return {
        name: `ecdsa-${digestAlgorithm}`,
        protection: null,
        sign: async (bytes) =>
          ecdsaDer(await key.sign(bytes, { scheme: 'ecdsa', digestAlgorithm, verifyWith })),
      };
    }
    default:
      return { refusal: 'a key of this kind does not sign on a token' };
  }
}

/** RFC 3279 section 2.2.3: Ecdsa-Sig-Value; tokens give r and s, each as long as the other. */
function ecdsaDer(pair: Buffer): Buffer {
  const half = pair.length / 2;
  const numbers = [pair.subarray(0, half), pair.subarray(half)];
  return der.sequence(...numbers.map((one) => der.integer(BigInt(`0x${one.toString('hex')}`))));
}

function hashed(
  name: SignatureScheme['name'],
  how: { readonly digestAlgorithm: Digest; readonly options: Signing },
): SignatureScheme {
  return {
    name,
    protection: null,
    sign: (bytes) => signAsync(how.digestAlgorithm, bytes, how.options),
  };
}

function pure(
  key: KeyObject,
  name: keyof typeof PURE,
  digest: Digest,
): SignatureScheme | { readonly refusal: string } {
  const { oid, digests, isProtected } = PURE[name];
  if (!digests.some((known) => known === digest)) {
    return { refusal: `${name} does not go with ${digest}` };
  }
  return {
    name,
    // RFC 9882 section 4: SHOULD be there
    protection: isProtected ? algorithmProtection(DIGEST_OIDS[digest], oid) : null,
    sign: (bytes) => signAsync(null, bytes, key),
  };
}

/** RFC 6211 section 2: the algorithms as SignerInfo names them, the second as `[1]` IMPLICIT. */
function algorithmProtection(digestOid: string, signatureOid: string): Buffer {
  return der.sequence(
    der.sequence(der.oid(digestOid)),
    der.implicit(1, der.sequence(der.oid(signatureOid))),
  );
}
