import { checkSignature } from './algorithms.ts';
import type { UntrustedCertificate } from './certificate.ts';
import type { OcspResponse, SingleResponse } from './ocsp.ts';
import { CERT_ID_HASHES, hashOctets, keyBitsOf } from './ocsp-request.ts';
import { PKIX } from './oids.ts';
import { checkEveryCertificate, checkIssuedBy } from './path-rules.ts';
import type { OcspFact, RevocationSource, RevocationStatus } from './revocation-types.ts';

/** Clocks of responders run a little ahead of ours. */
const MAX_CLOCK_SKEW_MS = 5 * 60_000;
/** RFC 6960 section 4.2.2.1: without nextUpdate newer facts are always to be had; old ones do not count. */
const MAX_AGE_WITHOUT_NEXT_MS = 24 * 3_600_000;

export interface OcspQuestion {
  readonly certificate: UntrustedCertificate;
  /** The issuer in the path: the responder, or the CA that named the responder. */
  readonly issuer: UntrustedCertificate;
  readonly time: Date;
  /** Whether a delegated responder's certificate is not revoked; asked unless it says no-check. */
  readonly isDelegateGood: (delegate: UntrustedCertificate) => boolean;
}

export type OcspAnswer =
  | RevocationStatus
  /** The response is about other certificates alone. */
  | { readonly kind: 'not-about-it' };

/** RFC 6960 section 3.2 (1): the certificate that was asked about, named by serial and issuer. */
function isAbout(single: SingleResponse, { certificate, issuer }: OcspQuestion): boolean {
  const hash = CERT_ID_HASHES.get(single.hash);
  if (hash === undefined || !single.serial.equals(certificate.serial)) return false;
  const isNamed = [certificate.issuer, issuer.subject].some((name) =>
    hashOctets(hash, name).equals(single.issuerNameHash),
  );
  return isNamed && hashOctets(hash, keyBitsOf(issuer)).equals(single.issuerKeyHash);
}

function isResponder(response: OcspResponse, candidate: UntrustedCertificate): boolean {
  const { responder } = response;
  if (responder.kind === 'name') return candidate.subjectName.key === responder.key;
  return hashOctets('sha1', keyBitsOf(candidate)).equals(responder.sha1);
}

/** RFC 6960 section 4.2.2.2: the CA itself, or one that this very CA gave id-kp-OCSPSigning. */
function whyNotAuthorized(delegate: UntrustedCertificate, question: OcspQuestion): string | null {
  const { issuer, time } = question;
  if (delegate.issuerName.key !== issuer.subjectName.key) return 'another CA issued the responder';
  const fault =
    checkEveryCertificate(delegate, time, [PKIX.ocspNoCheck]) ?? checkIssuedBy(delegate, issuer);
  if (fault !== null) return fault.reason;
  // anyExtendedKeyUsage is not enough: the CA must have said this in so many words.
  if (delegate.extendedKeyUsage?.includes(PKIX.ocspSigning) !== true) {
    return 'the responder is not authorized: its certificate lacks id-kp-OCSPSigning';
  }
  if (delegate.keyUsage !== null && !delegate.keyUsage.has('digitalSignature')) {
    return 'the responder may not sign by its key usage';
  }
  const isUnchecked = delegate.extensions.raw.has(PKIX.ocspNoCheck);
  if (isUnchecked || question.isDelegateGood(delegate)) return null;
  return "the responder's own certificate is not shown to be good";
}

/** Null if an authorized responder signed the response. */
function whyNotSigned(response: OcspResponse, question: OcspQuestion): string | null {
  let worst = 'the certificate of the responder is not in the response';
  const candidates = [question.issuer, ...response.certificates];
  for (const candidate of candidates.filter((one) => isResponder(response, one))) {
    const isIssuer = candidate.spki.equals(question.issuer.spki);
    const refused = isIssuer ? null : whyNotAuthorized(candidate, question);
    const key = candidate.checkKey();
    if (refused !== null || key.kind !== 'ok') {
      worst = refused ?? 'the key of the responder is not accepted';
      continue;
    }
    const { signatureAlgorithm: algorithm, tbs: signed, signature } = response;
    const check = checkSignature({ algorithm, key: key.key, signed, signature });
    if (check.kind === 'valid') return null;
    worst = `the signature of the response is ${check.kind}`;
  }
  return worst;
}

/** RFC 6960 section 3.2 (5) and (6). */
function whyNotCurrent(single: SingleResponse, producedAt: Date, time: Date): string | null {
  const now = time.getTime();
  const latest = now + MAX_CLOCK_SKEW_MS;
  if (single.thisUpdate.getTime() > latest || producedAt.getTime() > latest) {
    return 'the response is of a time to come';
  }
  const until =
    single.nextUpdate?.getTime() ?? single.thisUpdate.getTime() + MAX_AGE_WITHOUT_NEXT_MS;
  return now > until + 999 ? 'the response is too old' : null;
}

function statusOf(single: SingleResponse, source: RevocationSource): RevocationStatus {
  switch (single.status.kind) {
    case 'good':
      return { kind: 'good', source };
    case 'revoked':
      return { ...single.status, source };
    case 'unknown':
      return { kind: 'unknown', reason: 'the responder does not know the certificate' };
  }
}

/** What one OCSP response says about one certificate (RFC 6960 section 3.2); a doubtful one says nothing. */
export function checkOcsp({ response, nonce }: OcspFact, question: OcspQuestion): OcspAnswer {
  const single = response.responses.find((one) => isAbout(one, question));
  if (single === undefined) return { kind: 'not-about-it' };
  const unknown = (reason: string): OcspAnswer => ({ kind: 'unknown', reason: `OCSP: ${reason}` });
  if (response.unusable !== null) return unknown(response.unusable);
  // RFC 9654 section 2.1: a responder may leave the nonce out, and the times still bound a replay.
  const hasNonce = nonce !== undefined && response.nonce !== null;
  if (hasNonce && !response.nonce.equals(nonce)) return unknown('the nonce is another');
  const refused =
    whyNotCurrent(single, response.producedAt, question.time) ?? whyNotSigned(response, question);
  if (refused !== null) return unknown(refused);
  const { thisUpdate, nextUpdate } = single;
  return statusOf(single, { kind: 'ocsp', thisUpdate, nextUpdate, nonceMatched: hasNonce });
}
