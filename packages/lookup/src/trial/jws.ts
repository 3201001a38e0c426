import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto';
import { parseJson } from '@sallyport/mail';
import { z } from 'zod';

const MAX_CHAIN = 8;
const BASE64URL = /^[A-Za-z0-9_-]+$/;
/** RFC 7515 section 4.1.9: what keeps a statement from being taken for another kind of JWS. */
const STATEMENT_TYPE = 'domsec-statement+jws';
const MIN_RSA_BITS = 2048;

/** RFC 7515 section 4.1: `crit` names what must be understood, and nothing is. */
const headerSchema = z.object({
  alg: z.string().max(32),
  typ: z.literal(STATEMENT_TYPE),
  x5c: z.tuple([z.base64().max(24 * 1024)], z.base64().max(24 * 1024)),
  crit: z.never().optional(),
});

interface Scheme {
  readonly keyType: string;
  /** OpenSSL's name of the curve (RFC 7518 section 3.4: each algorithm has its own). */
  readonly curve?: string;
  readonly hash: string | null;
  readonly options?: Omit<VerifyKeyObjectInput, 'key'>;
}

const pss = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};
const raw = { dsaEncoding: 'ieee-p1363' } as const;

/** RFC 7518 section 3.1, RFC 8037 section 3.1. `none` and the MACs are not among them. */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['RS256', { keyType: 'rsa', hash: 'sha256' }],
  ['RS384', { keyType: 'rsa', hash: 'sha384' }],
  ['RS512', { keyType: 'rsa', hash: 'sha512' }],
  ['PS256', { keyType: 'rsa', hash: 'sha256', options: pss }],
  ['PS384', { keyType: 'rsa', hash: 'sha384', options: pss }],
  ['PS512', { keyType: 'rsa', hash: 'sha512', options: pss }],
  ['ES256', { keyType: 'ec', curve: 'prime256v1', hash: 'sha256', options: raw }],
  ['ES384', { keyType: 'ec', curve: 'secp384r1', hash: 'sha384', options: raw }],
  ['ES512', { keyType: 'ec', curve: 'secp521r1', hash: 'sha512', options: raw }],
  ['EdDSA', { keyType: 'ed25519', hash: null }],
]);

export type ReadJws =
  | {
      readonly kind: 'jws';
      readonly algorithm: string;
      /** DER; the first holds the key. */
      readonly certificates: readonly [Buffer, ...Buffer[]];
      readonly payload: Buffer;
      isSignedBy(key: KeyObject): boolean;
    }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Reads a JWS in compact form (RFC 7515 section 3.1) whose header carries its certificates. */
export function readJws(text: string): ReadJws {
  const [header = '', payload = '', signature = '', ...more] = text.split('.', 4);
  const parts = [header, payload, signature];
  if (more.length > 0 || parts.some((part) => !BASE64URL.test(part))) {
    return malformed('it is no JWS in compact form');
  }
  const fields = parseHeader(header);
  if (fields === null) return malformed('its header is not that of a domain statement');
  const scheme = SCHEMES.get(fields.alg);
  if (scheme === undefined) return malformed('its signature algorithm is not known');
  const [first, ...rest] = fields.x5c;
  if (rest.length >= MAX_CHAIN) return malformed('it carries too many certificates');
  const input = Buffer.from(`${header}.${payload}`, 'latin1');
  return {
    kind: 'jws',
    algorithm: fields.alg,
    certificates: [
      Buffer.from(first, 'base64'),
      ...rest.map((certificate) => Buffer.from(certificate, 'base64')),
    ],
    payload: Buffer.from(payload, 'base64url'),
    isSignedBy: (key) => checks(scheme, key, input, Buffer.from(signature, 'base64url')),
  };
}

function malformed(reason: string): ReadJws {
  return { kind: 'malformed', reason };
}

function parseHeader(part: string): z.infer<typeof headerSchema> | null {
  const json = parseJson(Buffer.from(part, 'base64url').toString('utf8'));
  return headerSchema.safeParse(json).data ?? null;
}

/** RFC 7515 section 5.2. The algorithm must be one of the key's own kind, so none can be swapped. */
function checks(scheme: Scheme, key: KeyObject, input: Buffer, signature: Buffer): boolean {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType !== scheme.keyType || namedCurve !== scheme.curve) return false;
  if (scheme.keyType === 'rsa' && modulusLength < MIN_RSA_BITS) return false;
  try {
    return verify(scheme.hash, input, { key, ...scheme.options }, signature);
  } catch {
    return false;
  }
}
