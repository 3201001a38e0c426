import { createHash } from 'node:crypto';
import { der, derHeader, derLength, OID } from '@sallyport/der';
import { bufferContent, type Content, concatContent } from '@sallyport/mail';
import {
  type DigestName,
  digestAlgorithmIdentifier,
  type SignatureAlgorithmName,
  signatureAlgorithmIdentifier,
} from './algorithms.ts';
import { pieces } from './pieces.ts';
import type { CmsCertificate, NonEmpty } from './views.ts';

/** One signature, made elsewhere: keyholder composes signedAttrs and signs them. */
export interface SignerInfoParts {
  readonly sid: CmsCertificate;
  readonly digestAlgorithm: DigestName;
  readonly signatureAlgorithm: SignatureAlgorithmName;
  /** DER SET OF Attribute, tag 0x31 (RFC 5652 section 5.4). */
  readonly signedAttrs: Buffer;
  readonly signature: Buffer;
}

const SEQUENCE = 0x30;
const OCTET_STRING = 0x04;
const EXPLICIT_0 = 0xa0;
const VERSION_1 = der.integer(1);
const ID_DATA = der.oid(OID.data);
const ID_SIGNED_DATA = der.oid(OID.signedData);
const EMPTY_SET = der.set();

/**
 * RFC 3183 section 3: an unsigned message in a SignedData without signers, so that the domain
 * signature has something to encapsulate. eContent is present, id-data and primitive.
 */
export function emptySignedData(content: Content): Content {
  return signedDataContent(content, EMPTY_SET, EMPTY_SET);
}

/** Opaque SignedData over id-data, definite DER; `certificates` are whole DER certificates. */
export function signedData(
  content: Content,
  signers: NonEmpty<SignerInfoParts>,
  certificates: readonly Buffer[],
): Content {
  const tail = Buffer.concat([certificateSet(certificates), signerInfoSet(signers)]);
  return signedDataContent(content, digestSet(signers), tail);
}

/** SignedData without eContent, for multipart/signed (RFC 8551 section 3.5.3). */
export function detachedSignedData(
  signers: NonEmpty<SignerInfoParts>,
  certificates: readonly Buffer[],
): Buffer {
  const body = der.sequence(
    VERSION_1,
    digestSet(signers),
    der.sequence(ID_DATA),
    certificateSet(certificates),
    signerInfoSet(signers),
  );
  return der.sequence(ID_SIGNED_DATA, der.explicit(0, body));
}

/** SignedData with certificates only (RFC 8551 section 3.8). */
export function certificatesOnly(certificates: NonEmpty<Buffer>): Buffer {
  const certs = certificateSet(certificates);
  const body = der.sequence(VERSION_1, EMPTY_SET, der.sequence(ID_DATA), certs, EMPTY_SET);
  return der.sequence(ID_SIGNED_DATA, der.explicit(0, body));
}

/** The digest that goes into the messageDigest attribute. */
export async function digestContent(content: Content, digest: DigestName): Promise<Buffer> {
  const hash = createHash(digest);
  for await (const piece of pieces(content)) hash.update(piece);
  return hash.digest();
}

// Every length is known before the first byte, so all lengths are definite: readers need no
// look-ahead, and `openssl asn1parse -strparse` gives the content exactly.
function signedDataContent(content: Content, digests: Buffer, tail: Buffer): Content {
  const stringLength = derLength(content.sizeBytes);
  const explicitLength = derLength(stringLength);
  const encapLength = ID_DATA.length + explicitLength;
  const bodyLength = VERSION_1.length + digests.length + derLength(encapLength) + tail.length;
  const head = Buffer.concat([
    derHeader(SEQUENCE, ID_SIGNED_DATA.length + derLength(derLength(bodyLength))),
    ID_SIGNED_DATA,
    derHeader(EXPLICIT_0, derLength(bodyLength)),
    derHeader(SEQUENCE, bodyLength),
    VERSION_1,
    digests,
    derHeader(SEQUENCE, encapLength),
    ID_DATA,
    derHeader(EXPLICIT_0, stringLength),
    derHeader(OCTET_STRING, content.sizeBytes),
  ]);
  return concatContent([bufferContent(head), content, bufferContent(tail)]);
}

function digestSet(signers: NonEmpty<SignerInfoParts>): Buffer {
  const names = [...new Set(signers.map((signer) => signer.digestAlgorithm))];
  return der.setOf(names.map(digestAlgorithmIdentifier));
}

function certificateSet(certificates: readonly Buffer[]): Buffer {
  return certificates.length === 0 ? Buffer.alloc(0) : der.implicit(0, der.setOf(certificates));
}

function signerInfoSet(signers: NonEmpty<SignerInfoParts>): Buffer {
  return der.setOf(signers.map(signerInfo));
}

function signerInfo(parts: SignerInfoParts): Buffer {
  return der.sequence(
    VERSION_1, // sid is issuerAndSerialNumber
    issuerAndSerial(parts.sid),
    digestAlgorithmIdentifier(parts.digestAlgorithm),
    der.implicit(0, parts.signedAttrs),
    signatureAlgorithmIdentifier(parts.signatureAlgorithm),
    der.octetString(parts.signature),
  );
}

/** RFC 5652 section 10.2.4, from the certificate's own bytes. */
export function issuerAndSerial(certificate: CmsCertificate): Buffer {
  return der.sequence(certificate.issuer, der.integerContent(certificate.serial));
}
