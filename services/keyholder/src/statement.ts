import { DerReader } from '@sallyport/der';
import type { CallParams, DigestAlgorithm, keyholderOperatorProtocol } from '@sallyport/ipc';
import type { LoadedKey } from './key-folder.ts';
import { signatureScheme } from './signature-scheme.ts';

const HOUR_MS = 3_600_000;
const VERSION = 1;
const STATEMENT_TYPE = 'domsec-statement+jws';

type Params = CallParams<typeof keyholderOperatorProtocol, 'signStatement'>;

interface ComposedStatement {
  /** RFC 7515 section 5.1: header and payload in base64url, joined by a dot. */
  readonly signingInput: string;
  /** @returns the signature as the algorithm of the header wants it. */
  sign(): Promise<Buffer>;
}

/** RFC 7518 section 3.1 and RFC 8037 section 3.1: how the keys of a domain sign a JWS. */
const ALGORITHMS: Readonly<
  Record<
    string,
    { readonly alg: string; readonly digest: DigestAlgorithm; readonly octets?: number }
  >
> = {
  'rsa-2048': { alg: 'RS256', digest: 'sha256' },
  'rsa-3072': { alg: 'RS256', digest: 'sha256' },
  'rsa-4096': { alg: 'RS256', digest: 'sha256' },
  'ec-p256': { alg: 'ES256', digest: 'sha256', octets: 32 },
  'ec-p384': { alg: 'ES384', digest: 'sha384', octets: 48 },
  'ec-p521': { alg: 'ES512', digest: 'sha512', octets: 66 },
  ed25519: { alg: 'EdDSA', digest: 'sha512' },
};

/**
 * The statement of a domain (docs/trial-connect.md), ready to be signed. It is text that begins with
 * `eyJ`: neither SignedAttributes nor a request, which are DER, nor a JWS of another type.
 *
 * @returns why the key cannot make one, if it cannot.
 */
export function composeStatement(
  { record, privateKey, certificate, chain }: LoadedKey,
  { fields, lifetimeHours }: Params,
  now: Date,
): ComposedStatement | { readonly refusal: string } {
  const algorithm = ALGORITHMS[record.algorithm];
  if (algorithm === undefined || certificate === null) {
    return { refusal: `a statement cannot be signed with key ${record.keyId}` };
  }
  const scheme = signatureScheme(privateKey, { digestAlgorithm: algorithm.digest });
  if ('refusal' in scheme) return scheme;
  const header = {
    alg: algorithm.alg,
    typ: STATEMENT_TYPE,
    x5c: [certificate, ...chain].map((der) => der.toString('base64')),
  };
  const payload = {
    version: VERSION,
    domain: record.domain,
    issued: seconds(now),
    expires: seconds(new Date(now.getTime() + lifetimeHours * HOUR_MS)),
    ...fields,
  };
  const signingInput = `${encode(header)}.${encode(payload)}`;
  return {
    signingInput,
    sign: async () => {
      const signature = await scheme.sign(Buffer.from(signingInput, 'latin1'));
      return algorithm.octets === undefined ? signature : fixedLength(signature, algorithm.octets);
    },
  };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
}

/** RFC 3339 in UTC, without fractions. */
function seconds(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** RFC 7518 section 3.4: R and S, each as long as the order of the curve, instead of DER. */
function fixedLength(signature: Buffer, octets: number): Buffer {
  const pair = new DerReader(signature).sequence();
  const numbers = [pair.integer(), pair.integer()];
  const text = numbers.map((number) => number.toString(16).padStart(2 * octets, '0')).join('');
  return Buffer.from(text, 'hex');
}
