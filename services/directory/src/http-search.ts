import { createHash } from 'node:crypto';
import { HASHED_ATTRIBUTES } from '@sallyport/published';
import { foldName } from './entries.ts';
import type { Published } from './published.ts';

const MAX_NAME_CHARACTERS = 256;
/** RFC 4387 section 2.1: anything else MUST be rejected. */
const SEARCH_KEY = /^[A-Za-z0-9+/]{27}$/;
// RFC 4387 section 4: what depends on a query is not to be cached.
const UNCACHED = 'no-cache';

/** What a request is answered with. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  readonly cache: string;
}

/** An answer of one sentence. */
export function tell(status: number, sentence: string): Answer {
  const body = Buffer.from(`${sentence}\n`);
  return { status, type: 'text/plain; charset=utf-8', body, cache: 'no-store' };
}

const NAMED = ['email', 'uri', 'name'] as const;
type Attribute = (typeof NAMED)[number] | (typeof HASHED_ATTRIBUTES)[number];
const ATTRIBUTES: readonly Attribute[] = [...NAMED, ...HASHED_ATTRIBUTES];

/** The one attribute that a query asks by; unknown ones are passed over (RFC 4387 section 2). */
function attributeOf(
  parameters: URLSearchParams,
): { readonly attribute: Attribute; readonly value: string } | null {
  const asked = ATTRIBUTES.flatMap((attribute) =>
    parameters.getAll(attribute).map((value) => ({ attribute, value })),
  );
  return asked.length === 1 ? (asked[0] ?? null) : null;
}

/** The certificate store (RFC 4387 section 2.2). */
export async function searchCertificates(
  parameters: URLSearchParams,
  published: Published,
): Promise<Answer> {
  const asked = attributeOf(parameters);
  if (asked === null) return tell(400, `ask by one of ${ATTRIBUTES.join(', ')}`);
  const { attribute, value } = asked;
  switch (attribute) {
    case 'email':
    case 'uri': {
      if (foldName(value) === null) return tell(400, 'no address');
      const entries = await published.find(value);
      return certificatesAnswer(entries.flatMap(({ userCertificate }) => userCertificate));
    }
    case 'name':
      if (value === '' || value.length > MAX_NAME_CHARACTERS) return tell(400, 'no name');
      break;
    default:
      if (!SEARCH_KEY.test(value)) return tell(400, 'no search key');
  }
  const found = await published.findKey(attribute, value);
  if (found.kind === 'too-many') return tell(403, 'too many have this; ask by address');
  return certificatesAnswer(found.certificates);
}

/** The CRL store: it holds the one CRL of our CA (RFC 4387 section 2.2). */
export function searchCrls(
  parameters: URLSearchParams,
  crl: { readonly der: Buffer; readonly iHash: string; readonly sKIDHash: string | null } | null,
): Answer {
  const asked = attributeOf(parameters);
  if (asked?.attribute !== 'iHash' && asked?.attribute !== 'sKIDHash') {
    return tell(400, 'ask by iHash or sKIDHash');
  }
  if (!SEARCH_KEY.test(asked.value)) return tell(400, 'no search key');
  if (crl === null || crl[asked.attribute] !== asked.value) return tell(404, 'no such CRL');
  return { status: 200, type: 'application/pkix-crl', body: crl.der, cache: UNCACHED };
}

function certificatesAnswer(certificates: readonly Buffer[]): Answer {
  const [first, ...others] = certificates;
  if (first === undefined) return tell(404, 'no such certificate');
  if (others.length === 0) {
    return { status: 200, type: 'application/pkix-cert', body: first, cache: UNCACHED };
  }
  return multipart([first, ...others]);
}

/** RFC 4387 section 2: several MUST be multipart/mixed, each part as it is, without encoding. */
function multipart(certificates: readonly Buffer[]): Answer {
  const hash = createHash('sha256');
  for (const certificate of certificates) hash.update(certificate);
  // Nobody can put a text into a certificate that depends on the hash of that certificate.
  const boundary = `certificates-${hash.digest('hex')}`;
  const parts = certificates.flatMap((certificate) => [
    Buffer.from(`--${boundary}\r\nContent-Type: application/pkix-cert\r\n\r\n`),
    certificate,
    Buffer.from('\r\n'),
  ]);
  return {
    status: 200,
    type: `multipart/mixed; boundary="${boundary}"`,
    body: Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]),
    cache: UNCACHED,
  };
}
