import { DerError, type DerReader, der, type Tlv } from '@sallyport/der';
import { digestByOid } from './algorithms.ts';
import { misplacedAttributes, readAttributes } from './attributes.ts';
import type { ElementCursor } from './element-cursor.ts';
import {
  LimitError,
  readAlgorithm,
  readCertificateReference,
  readEncapsulated,
} from './read-parts.ts';
import type { CmsLimits, SignedDataView, SignerInfoView } from './views.ts';

const MAX_DIGEST_ALGORITHMS = 32;
const SEQUENCE = 16;

/** SignedData (RFC 5652 section 5.1); the cursor stands inside the [0] of ContentInfo. */
export async function readSignedData(
  cursor: ElementCursor,
  limits: CmsLimits,
): Promise<SignedDataView> {
  await cursor.enter('universal', SEQUENCE);
  (await cursor.part('version')).smallInteger(); // senders get it wrong, and nothing hangs on it
  const digests = (await cursor.part('digest algorithms')).set();
  const digestAlgorithms: string[] = [];
  while (!digests.isAtEnd) {
    if (digestAlgorithms.length >= MAX_DIGEST_ALGORITHMS) throw new LimitError('too many digests');
    digestAlgorithms.push(readAlgorithm(digests).oid);
  }
  const encap = await readEncapsulated(cursor);
  const certificates = await readChoices(cursor, 0, limits.maxCertificates);
  const crls = await readChoices(cursor, 1, limits.maxCertificates);
  const signers = (await cursor.part('signers')).set();
  await cursor.leave();
  const signerInfos: SignerInfoView[] = [];
  while (!signers.isAtEnd) {
    if (signerInfos.length >= limits.maxSigners)
      throw new LimitError('too many signers', 'too-many-signers');
    signerInfos.push(readSignerInfo(signers.sequence()));
  }
  return { digestAlgorithms, ...encap, certificates, crls, signerInfos };
}

// CertificateSet and RevocationInfoChoices: the SEQUENCE arm is a certificate or a CRL, the
// tagged arms (attribute certificates, OCSP) are not for us (RFC 5652 section 10.2).
async function readChoices(cursor: ElementCursor, tag: number, max: number): Promise<Buffer[]> {
  const what = tag === 0 ? 'certificates' : 'CRLs';
  const part = await cursor.optionalPart(tag, what);
  if (part === null) return [];
  const elements: Buffer[] = [];
  const inner = part.inside(part.expect('context', tag));
  for (let count = 0; !inner.isAtEnd; count += 1) {
    if (count >= max) throw new LimitError(`too many ${what}`, 'too-many-certificates');
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
