import { decodeTime, type Tlv } from '@sallyport/der';
import { type AlgorithmIdentifier, parseAlgorithm } from './algorithms.ts';
import {
  attempt,
  integerOf,
  isUniversal,
  MalformedError,
  members,
  octetsOfBits,
  oidOf,
  STRICT,
  sequence,
  TAG,
  whole,
  wholeSequence,
} from './asn1.ts';
import { parseCertificate, type UntrustedCertificate } from './certificate.ts';
import { type RevocationReason, reasonOf } from './crl-entries.ts';
import { parseName } from './distinguished-name.ts';
import { parseExtensionList, type RawExtension } from './extensions.ts';
import { PKIX } from './oids.ts';

const MAX_RESPONSE_BYTES = 256 * 1024;
const MAX_SINGLE_RESPONSES = 256;
const MAX_CERTIFICATES = 16;
const MAX_SERIAL_BYTES = 64;

/** RFC 6960 section 4.2.1, what is said about one certificate. */
export interface SingleResponse {
  /** OID of the hash in the CertID. */
  readonly hash: string;
  readonly issuerNameHash: Buffer;
  readonly issuerKeyHash: Buffer;
  readonly serial: Buffer;
  readonly status:
    | { readonly kind: 'good' }
    | { readonly kind: 'revoked'; readonly at: Date; readonly reason: RevocationReason }
    | { readonly kind: 'unknown' };
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | null;
}

/** A basic OCSP response that has been read and nothing more: nobody has vouched for it. */
export interface OcspResponse {
  readonly tbs: Buffer;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Buffer;
  readonly responder:
    | { readonly kind: 'name'; readonly key: string }
    | { readonly kind: 'key'; readonly sha1: Buffer };
  readonly producedAt: Date;
  readonly responses: readonly SingleResponse[];
  readonly certificates: readonly UntrustedCertificate[];
  readonly nonce: Buffer | null;
  /** A critical extension that is not processed. */
  readonly unusable: string | null;
}

export type ParsedOcsp =
  | { readonly kind: 'response'; readonly value: OcspResponse }
  /** RFC 6960 section 4.2.1: an error of the responder, signed by nobody. */
  | { readonly kind: 'error'; readonly status: string }
  | { readonly kind: 'malformed'; readonly reason: string };

const STATUSES = [
  'successful',
  'malformedRequest',
  'internalError',
  'tryLater',
  'status 4',
  'sigRequired',
  'unauthorized',
] as const;

function parseStatus(tlv: Tlv): SingleResponse['status'] {
  if (tlv.tagClass !== 'context') throw new MalformedError('certStatus has no context tag');
  switch (tlv.tag) {
    case 0:
      return { kind: 'good' };
    case 1: {
      const [date, reason, ...more] = members(tlv, 'RevokedInfo');
      if (date === undefined || more.length > 0) throw new MalformedError('RevokedInfo is odd');
      return {
        kind: 'revoked',
        at: generalizedTime(date),
        reason: reason === undefined ? 'unspecified' : reasonOf(whole(reason.value, 'reason')),
      };
    }
    case 2:
      return { kind: 'unknown' };
    default:
      throw new MalformedError('certStatus of unknown form');
  }
}

function generalizedTime(tlv: Tlv): Date {
  if (!isUniversal(tlv, TAG.generalizedTime)) throw new MalformedError('no GeneralizedTime');
  return decodeTime(tlv, STRICT);
}

function parseSingle(tlv: Tlv): SingleResponse & { readonly unknown: string | null } {
  const fields = sequence(tlv, 'a single response');
  const certId = sequence(fields.need(TAG.sequence, 'its certID'), 'CertID');
  const hash = parseAlgorithm(certId.need(TAG.sequence, 'its hash'), 'hash').oid;
  const issuerNameHash = certId.need(TAG.octetString, 'issuerNameHash').value;
  const issuerKeyHash = certId.need(TAG.octetString, 'issuerKeyHash').value;
  const serial = integerOf(certId.need(TAG.integer, 'serial'), 'serial', MAX_SERIAL_BYTES);
  certId.end();
  const status = parseStatus(fields.any('its status'));
  const thisUpdate = generalizedTime(fields.need(TAG.generalizedTime, 'thisUpdate'));
  const next = fields.context(0);
  const extensions = fields.context(1);
  fields.end();
  return {
    hash,
    issuerNameHash,
    issuerKeyHash,
    serial,
    status,
    thisUpdate,
    nextUpdate: next === undefined ? null : generalizedTime(whole(next.value, 'nextUpdate')),
    unknown: extensions === undefined ? null : firstCritical(extensionsIn(extensions), new Set()),
  };
}

function extensionsIn(wrapper: Tlv): Map<string, RawExtension> {
  return parseExtensionList(whole(wrapper.value, 'OCSP extensions'));
}

function firstCritical(
  list: ReadonlyMap<string, RawExtension>,
  known: ReadonlySet<string>,
): string | null {
  return [...list.values()].find(({ oid, critical }) => critical && !known.has(oid))?.oid ?? null;
}

function parseResponder(tlv: Tlv): OcspResponse['responder'] {
  const inner = whole(tlv.value, 'responderID');
  if (tlv.tagClass === 'context' && tlv.tag === 1)
    return { kind: 'name', key: parseName(inner).key };
  if (tlv.tagClass === 'context' && tlv.tag === 2 && isUniversal(inner, TAG.octetString)) {
    return { kind: 'key', sha1: inner.value };
  }
  throw new MalformedError('responderID of unknown form');
}

/** The nonce is an OCTET STRING inside the extension (RFC 9654 section 2.1); old responders send it bare. */
function parseNonce(value: Buffer): Buffer {
  const parsed = attempt(() => whole(value, 'nonce'));
  if ('reason' in parsed || !isUniversal(parsed.value, TAG.octetString)) return value;
  return parsed.value.value;
}

function parseCertificates(wrapper: Tlv | undefined): UntrustedCertificate[] {
  if (wrapper === undefined) return [];
  const list = members(whole(wrapper.value, 'certs'), 'certs', MAX_CERTIFICATES);
  // One that is malformed is one that signed nothing.
  return list.flatMap((tlv) => {
    const parsed = parseCertificate(tlv.bytes);
    return parsed.kind === 'certificate' ? [parsed.value] : [];
  });
}

function parseBasic(bytes: Buffer): OcspResponse {
  const outer = wholeSequence(bytes, 'BasicOCSPResponse');
  const tbs = outer.need(TAG.sequence, 'ResponseData');
  const algorithmTlv = outer.need(TAG.sequence, 'signatureAlgorithm');
  const signature = octetsOfBits(outer.need(TAG.bitString, 'signature'), 'signature');
  const certificates = parseCertificates(outer.context(0));
  outer.end();
  const fields = sequence(tbs, 'ResponseData');
  const version = fields.context(0);
  if (version !== undefined) throw new MalformedError('ResponseData version is not 1');
  const responder = parseResponder(fields.any('responderID'));
  const producedAt = generalizedTime(fields.need(TAG.generalizedTime, 'producedAt'));
  const list = fields.need(TAG.sequence, 'responses');
  const singles = members(list, 'responses', MAX_SINGLE_RESPONSES).map(parseSingle);
  const wrapper = fields.context(1);
  fields.end();
  const extensions =
    wrapper === undefined ? new Map<string, RawExtension>() : extensionsIn(wrapper);
  const nonce = extensions.get(PKIX.ocspNonce);
  const unknown =
    firstCritical(extensions, new Set<string>([PKIX.ocspNonce])) ??
    singles.find((single) => single.unknown !== null)?.unknown ??
    null;
  return {
    tbs: tbs.bytes,
    signatureAlgorithm: parseAlgorithm(algorithmTlv, 'signature algorithm'),
    signature,
    responder,
    producedAt,
    responses: singles,
    certificates,
    nonce: nonce === undefined ? null : parseNonce(nonce.value),
    unusable: unknown === null ? null : `it has the critical extension ${unknown}`,
  };
}

function parse(bytes: Buffer): ParsedOcsp {
  const outer = wholeSequence(bytes, 'OCSPResponse');
  const status = outer.need(TAG.enumerated, 'responseStatus');
  const wrapper = outer.context(0);
  outer.end();
  const [code = -1] = status.value;
  const word = STATUSES[code];
  if (status.value.length !== 1 || word === undefined) {
    throw new MalformedError('responseStatus is unknown');
  }
  if (word !== 'successful') return { kind: 'error', status: word };
  if (wrapper === undefined) throw new MalformedError('a successful OCSPResponse is empty');
  const fields = wholeSequence(wrapper.value, 'responseBytes');
  const type = oidOf(fields.need(TAG.oid, 'its type'), 'response type');
  const response = fields.need(TAG.octetString, 'response');
  fields.end();
  if (type !== PKIX.ocspBasic) throw new MalformedError(`OCSP response of unknown type ${type}`);
  return { kind: 'response', value: parseBasic(response.value) };
}

/** Parses a DER OCSPResponse (RFC 6960 section 4.2.1). Never throws for bytes. */
export function parseOcspResponse(bytes: Buffer): ParsedOcsp {
  if (bytes.length > MAX_RESPONSE_BYTES) {
    return { kind: 'malformed', reason: `longer than ${MAX_RESPONSE_BYTES} bytes` };
  }
  const result = attempt(() => parse(Buffer.from(bytes)));
  return 'reason' in result ? { kind: 'malformed', reason: result.reason } : result.value;
}
