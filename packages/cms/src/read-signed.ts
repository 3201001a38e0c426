import { DerError, type DerReader, der, octetStringContent, type Tlv } from '@sallyport/der';
import type { Content } from '@sallyport/mail';
import { digestByOid } from './algorithms.ts';
import { misplacedAttributes, readAttributes } from './attributes.ts';
import { slicesContent } from './pieces.ts';
import { LimitError, readAlgorithm, readCertificateReference } from './read-parts.ts';
import type { CmsLimits, SignedDataView, SignerInfoView } from './views.ts';

const MAX_DIGEST_ALGORITHMS = 32;

/** SignedData (RFC 5652 section 5.1); `explicit` stands inside the [0] of ContentInfo. */
export function readSignedData(explicit: DerReader, limits: CmsLimits): SignedDataView {
  const reader = explicit.sequence();
  explicit.end();
  reader.smallInteger(); // version: senders get it wrong, and nothing hangs on it
  const digests = reader.set();
  const digestAlgorithms: string[] = [];
  while (!digests.isAtEnd) {
    if (digestAlgorithms.length >= MAX_DIGEST_ALGORITHMS) throw new LimitError('too many digests');
    digestAlgorithms.push(readAlgorithm(digests).oid);
  }
  const encap = readEncapsulated(reader);
  const certificates = readChoices(reader, 0, limits.maxCertificates);
  const crls = readChoices(reader, 1, limits.maxCertificates);
  const signers = reader.set();
  reader.end();
  const signerInfos: SignerInfoView[] = [];
  while (!signers.isAtEnd) {
    if (signerInfos.length >= limits.maxSigners) throw new LimitError('too many signers');
    signerInfos.push(readSignerInfo(signers.sequence()));
  }
  return { digestAlgorithms, ...encap, certificates, crls, signerInfos };
}

// RFC 5652 section 5.2
function readEncapsulated(reader: DerReader): {
  readonly eContentType: string;
  readonly eContent: Content | null;
} {
  const encap = reader.sequence();
  const eContentType = encap.oid();
  const explicit = encap.optionalExplicit(0);
  encap.end();
  if (explicit === null) return { eContentType, eContent: null };
  const string = explicit.expect('universal', 4);
  explicit.end();
  return { eContentType, eContent: slicesContent(octetStringContent(string)) };
}

// CertificateSet and RevocationInfoChoices: the SEQUENCE arm is a certificate or a CRL, the
// tagged arms (attribute certificates, OCSP) are not for us (RFC 5652 section 10.2).
function readChoices(reader: DerReader, tag: number, max: number): Buffer[] {
  const set = reader.optional('context', tag);
  if (set === null) return [];
  const elements: Buffer[] = [];
  const inner = reader.inside(set);
  for (let count = 0; !inner.isAtEnd; count += 1) {
    if (count >= max) throw new LimitError('too many certificates or CRLs');
    const element = inner.next();
    if (element.tagClass === 'universal' && element.tag === 16) elements.push(element.bytes);
  }
  return elements;
}

// RFC 5652 section 5.3
function readSignerInfo(reader: DerReader): SignerInfoView {
  reader.smallInteger();
  const sid = readCertificateReference(reader);
  const digest = readAlgorithm(reader);
  const attributeSet = reader.optional('context', 0);
  const signature = readAlgorithm(reader);
  const signatureBytes = reader.octetString();
  const unsigned = reader.optional('context', 1);
  reader.end();
  const signedAttrs = attributeSet === null ? null : signedForm(attributeSet);
  const attributes = readAttributes(signedAttrs);
  return {
    sid,
    digestAlgorithm: digestByOid(digest.oid),
    digestOid: digest.oid,
    signatureOid: signature.oid,
    signatureParameters: signature.parameters?.bytes ?? null,
    signedAttrs,
    signature: signatureBytes,
    ...attributes,
    malformedAttributes: [
      ...attributes.malformedAttributes,
      ...(unsigned === null ? [] : misplacedAttributes(reader.inside(unsigned))),
    ],
  };
}

// RFC 5652 section 5.4: what is signed is the DER of the SET OF, not the [0] IMPLICIT that travels.
// The elements keep the order they came in, as OpenSSL and NSS do; inside they must be DER already.
function signedForm(tlv: Tlv): Buffer {
  if (!tlv.constructed) throw new DerError('bad signedAttrs');
  return der.set(tlv.value);
}
