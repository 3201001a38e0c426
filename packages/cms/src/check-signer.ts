import { createHash, type KeyObject, verify } from 'node:crypto';
import { DerReader, nullIfMalformed, OID, readOnly } from '@sallyport/der';
import type { FaultId } from '@sallyport/faults';
import type { Content } from '@sallyport/mail';
import { isAlgorithmProtectionKept } from './algorithm-protection.ts';
import {
  BROKEN_ALGORITHMS,
  digestByOid,
  fitsDigest,
  fitsKeyType,
  type ReadDigestName,
  SHA1_ALGORITHMS,
  SIGNATURES,
  type SignatureFamily,
  signatureCall,
} from './algorithms.ts';
import { publicKeyFacts } from './public-key.ts';
import { isReferenceTo, readAlgorithm } from './read-parts.ts';
import { isShapedLikeAttributes } from './shape.ts';
import type {
  CmsCertificate,
  SignerCheck,
  SignerInfoView,
  SigningCertificateView,
} from './views.ts';

/** What the signature is to cover. */
export interface SignedContent {
  readonly digest: (name: ReadDigestName) => Promise<Buffer>;
  /** eContentType. */
  readonly contentType: string;
  /** The content itself, if it may come from a stranger: it must not look like signed attributes. */
  readonly content?: Content;
  /** Works SHA-1 out too; a valid result then names it. */
  readonly legacy?: boolean;
}

const MAX_SIGNATURE_BYTES = 5_000; // ML-DSA-87 has 4,627
const MAX_PSS_SALT_BYTES = 512;

/** True if the SignerInfo names this certificate. */
export function matchesSigner(view: SignerInfoView, certificate: CmsCertificate): boolean {
  return isReferenceTo(view.sid, certificate);
}

/**
 * Checks one signature against one certificate (RFC 5652 section 5.6), and refuses what RFC 5652
 * allows but a gateway must not take. Whether the certificate is trusted is not asked here.
 */
export async function checkSignerInfo(
  view: SignerInfoView,
  certificate: CmsCertificate,
  content: SignedContent,
): Promise<SignerCheck> {
  const plan = planVerification(view, content.legacy === true);
  if (plan.kind !== 'plan') return plan;
  const refusal =
    checkAttributes(view, content.contentType) ??
    checkCertificate(view, certificate) ??
    (await checkShape(content));
  if (refusal !== null) return refusal;
  const key = keyFor(certificate, plan.family);
  if (!('key' in key)) return key;
  const digest = await content.digest(plan.digest);
  if (!messageDigest(view)?.equals(digest)) {
    return invalid('the content is not the one that was signed');
  }
  if (!isVerified(view, plan, key.key)) {
    return invalid('the signature is not made by the key of the certificate');
  }
  return plan.digest === 'sha1' ? { kind: 'valid', legacy: ['sha1'] } : { kind: 'valid' };
}

function invalid(reason: string, fault: FaultId = 'message-integrity'): SignerCheck {
  return { kind: 'invalid', fault, reason };
}

function unverifiable(reason: string): SignerCheck {
  return { kind: 'unverifiable', fault: 'algorithm-unsupported', reason };
}

interface VerificationPlan {
  readonly kind: 'plan';
  readonly family: SignatureFamily;
  readonly digest: ReadDigestName;
  readonly saltLength: number;
}

function planVerification(view: SignerInfoView, isLegacy: boolean): VerificationPlan | SignerCheck {
  const refusal = checkAlgorithms(view, isLegacy);
  if (refusal !== null) return refusal;
  const digest = digestNameOf(view);
  const algorithm = SIGNATURES.get(view.signatureOid);
  if (digest === null) return unverifiable(`digest ${view.digestOid} is not supported`);
  if (algorithm === undefined) {
    return unverifiable(`signature algorithm ${view.signatureOid} is not supported`);
  }
  const { family } = algorithm;
  if (algorithm.digest !== null && algorithm.digest !== digest) {
    return invalid('digest and signature algorithm do not fit together');
  }
  // RFC 8419 section 3.1, RFC 9882 section 3.3: no other digest makes sense beside them
  if (!fitsDigest(family, digest)) return invalid(`${family} does not go with ${digest}`);
  if (view.signature.length > MAX_SIGNATURE_BYTES) return invalid('the signature is too long');
  const saltLength = family === 'rsa-pss' ? pssSaltLengthOf(view, digest) : 0;
  if (saltLength === null) return unverifiable('RSASSA-PSS parameters are not supported');
  return { kind: 'plan', family, digest, saltLength };
}

// RFC 8551 section 6: servers, where nobody sees a warning, should reject weak signatures.
function checkAlgorithms(view: SignerInfoView, isLegacy: boolean): SignerCheck | null {
  const oids = [view.digestOid, view.signatureOid];
  for (const oid of oids) {
    const broken = BROKEN_ALGORITHMS.get(oid);
    if (broken === undefined) continue;
    return invalid(`signed with ${broken}, which proves nothing`, 'algorithm-unsupported');
  }
  return !isLegacy && oids.some((oid) => SHA1_ALGORITHMS.has(oid))
    ? unverifiable('signed with SHA-1, which proves nothing any more')
    : null;
}

function digestNameOf(view: SignerInfoView): ReadDigestName | null {
  return view.digestAlgorithm ?? (view.digestOid === OID.sha1 ? 'sha1' : null);
}

// RFC 4055 section 3.1: hash and mask hash must be the digest of the message; the defaults are SHA-1
function pssSaltLengthOf(view: SignerInfoView, digest: ReadDigestName): number | null {
  const { signatureParameters } = view;
  if (signatureParameters === null) return null;
  return nullIfMalformed(() => {
    const reader = new DerReader(readOnly(signatureParameters).bytes).sequence();
    const hash = reader.optionalExplicit(0);
    const mask = reader.optionalExplicit(1);
    const salt = reader.optionalExplicit(2)?.smallInteger() ?? 20;
    const trailer = reader.optionalExplicit(3)?.smallInteger() ?? 1;
    reader.end();
    if (trailer !== 1 || salt > MAX_PSS_SALT_BYTES) return null;
    const hashName = hash === null ? 'sha1' : pssHash(readAlgorithm(hash).oid);
    const maskName = mask === null ? 'sha1' : pssMaskHash(mask);
    return hashName === digest && maskName === digest ? salt : null;
  });
}

function pssHash(oid: string): ReadDigestName | null {
  return oid === OID.sha1 ? 'sha1' : digestByOid(oid);
}

function pssMaskHash(reader: DerReader): ReadDigestName | null {
  const mgf = readAlgorithm(reader);
  if (mgf.oid !== OID.mgf1 || mgf.parameters === null) return null;
  return pssHash(new DerReader(mgf.parameters).oid());
}

// RFC 5652 section 5.3 and 11: what the signed attributes must be. Without them the bytes that are
// signed are the content's, and one could be passed off as the other.
function checkAttributes(view: SignerInfoView, contentType: string): SignerCheck | null {
  if (view.signedAttrs === null) return invalid('there are no signed attributes');
  const [duplicate] = view.duplicateAttributes;
  if (duplicate !== undefined) return invalid(`signed attribute ${duplicate} is there twice`);
  const [malformed] = view.malformedAttributes;
  if (malformed !== undefined)
    return invalid(`signed attribute ${malformed} is malformed or not signed`);
  if (!isAlgorithmProtectionKept(view)) {
    return invalid('the signer says that he used other algorithms');
  }
  const signedType = singleValue(view, OID.contentType, 6);
  if (signedType === null) return invalid('the content type is not signed');
  const oid = nullIfMalformed(() => new DerReader(signedType).oid());
  if (oid === null) return invalid('the signed content type is malformed');
  if (oid !== contentType) return invalid('the content type is not the signed one');
  return messageDigest(view) === null ? invalid('there is no signed message digest') : null;
}

function singleValue(view: SignerInfoView, oid: string, tag: number): Buffer | null {
  const values = view.attributes.get(oid);
  const [value] = values ?? [];
  return value !== undefined && values?.length === 1 && value[0] === tag ? value : null;
}

function messageDigest(view: SignerInfoView): Buffer | null {
  const value = singleValue(view, OID.messageDigest, 4);
  if (value === null) return null;
  return nullIfMalformed(() => new DerReader(value, { strict: true }).octetString());
}

function checkCertificate(view: SignerInfoView, certificate: CmsCertificate): SignerCheck | null {
  if (!matchesSigner(view, certificate)) {
    return invalid('the signer identifier names another certificate');
  }
  for (const named of [view.signingCertificate, view.signingCertificateV2]) {
    const refusal = named === null ? null : checkSigningCertificate(named, certificate);
    if (refusal !== null) return refusal;
  }
  return null;
}

// RFC 5035 section 4: without this check another certificate for the same key could be put in
function checkSigningCertificate(
  named: SigningCertificateView,
  certificate: CmsCertificate,
): SignerCheck | null {
  if (named.hashAlgorithm === null) return unverifiable('signingCertificateV2 has an unknown hash');
  const hash = createHash(named.hashAlgorithm).update(certificate.der).digest();
  const isSame =
    hash.equals(named.hash) &&
    (named.serial?.equals(certificate.serial) ?? true) &&
    (named.issuer?.equals(certificate.issuer) ?? true);
  return isSame ? null : invalid('signingCertificate names another certificate');
}

async function checkShape(content: SignedContent): Promise<SignerCheck | null> {
  if (content.content === undefined) return null;
  return (await isShapedLikeAttributes(content.content))
    ? invalid('the content has the form of signed attributes')
    : null;
}

function keyFor(
  certificate: CmsCertificate,
  family: SignatureFamily,
): { readonly key: KeyObject } | SignerCheck {
  const facts = publicKeyFacts(certificate.spki);
  if (facts.kind === 'refused') return invalid(facts.reason, facts.fault);
  return fitsKeyType(family, facts.key.asymmetricKeyType)
    ? { key: facts.key }
    : invalid('key and signature algorithm do not fit');
}

function isVerified(view: SignerInfoView, plan: VerificationPlan, key: KeyObject): boolean {
  if (view.signedAttrs === null) return false;
  const call = signatureCall(plan.family, plan.digest, plan.saltLength);
  // Only RSASSA-PSS is not what Node takes for granted, and a plain object costs it ten microseconds.
  const subject = plan.family === 'rsa-pss' ? { key, ...call.options } : key;
  try {
    return verify(call.digest, view.signedAttrs, subject, view.signature);
  } catch {
    return false; // OpenSSL throws for a signature that no key of this form could make
  }
}
