import { createHash } from 'node:crypto';
import { der, derHeader, derLength, OID } from '@sallyport/der';
import { bufferContent, type Content, concatContent, openPieces } from '@sallyport/mail';
import {
  type DigestName,
  digestAlgorithmIdentifier,
  type ReadDigestName,
  type SignatureAlgorithmName,
  signatureAlgorithmIdentifier,
} from './algorithms.ts';
import type { CmsCertificate, NonEmpty } from './views.ts';

/** One signature, made elsewhere: keyholder composes signedAttrs and signs them. */
export interface SignerInfoParts {
  readonly sid: CmsCertificate;
  /** How the certificate is named; its issuer and serial number if absent. */
  readonly identifier?: 'issuerAndSerial' | 'subjectKeyId';
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
const VERSION_3 = der.integer(3);
const ID_DATA = der.oid(OID.data);
const ID_SIGNED_DATA = der.oid(OID.signedData);
const EMPTY_SET = der.set();

/**
 * RFC 3183 section 3: an unsigned message in a SignedData without signers, so that the domain
 * signature has something to encapsulate. eContent is present, id-data and primitive.
 */
export function emptySignedData(content: Content): Content {
  return signedDataContent(content, { version: VERSION_1, digests: EMPTY_SET }, EMPTY_SET);
}

/**
 * Opaque SignedData over id-data, definite DER; `certificates` are whole DER certificates.
 *
 * @throws RangeError if a signer is to be named by a key identifier that its certificate lacks.
 */
export function signedData(
  content: Content,
  signers: NonEmpty<SignerInfoParts>,
  certificates: readonly Buffer[],
): Content {
  const tail = Buffer.concat([certificateSet(certificates), signerInfoSet(signers)]);
  const head = { version: versionOf(signers), digests: digestSet(signers) };
  return signedDataContent(content, head, tail);
}

/** SignedData without eContent, for multipart/signed (RFC 8551 section 3.5.3). */
export function detachedSignedData(
  signers: NonEmpty<SignerInfoParts>,
  certificates: readonly Buffer[],
): Buffer {
  const body = der.sequence(
    versionOf(signers),
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
export async function digestContent(content: Content, digest: ReadDigestName): Promise<Buffer> {
  const hash = createHash(digest);
  for await (const piece of openPieces(content)) hash.update(piece);
  return hash.digest();
}

// Every length is known before the first byte, so all lengths are definite: readers need no
// look-ahead, and `openssl asn1parse -strparse` gives the content exactly.
function signedDataContent(
  content: Content,
  { version, digests }: { readonly version: Buffer; readonly digests: Buffer },
  tail: Buffer,
): Content {
  const stringLength = derLength(content.sizeBytes);
  const explicitLength = derLength(stringLength);
  const encapLength = ID_DATA.length + explicitLength;
  const bodyLength = version.length + digests.length + derLength(encapLength) + tail.length;
  const head = Buffer.concat([
    derHeader(SEQUENCE, ID_SIGNED_DATA.length + derLength(derLength(bodyLength))),
    ID_SIGNED_DATA,
    derHeader(EXPLICIT_0, derLength(bodyLength)),
    derHeader(SEQUENCE, bodyLength),
    version,
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

// RFC 5652 section 5.1: 3 if a SignerInfo is of version 3
function versionOf(signers: NonEmpty<SignerInfoParts>): Buffer {
  return signers.some((signer) => signer.identifier === 'subjectKeyId') ? VERSION_3 : VERSION_1;
}

// RFC 5652 section 5.3
function signerInfo(parts: SignerInfoParts): Buffer {
  const isKeyId = parts.identifier === 'subjectKeyId';
  return der.sequence(
    isKeyId ? VERSION_3 : VERSION_1,
    isKeyId ? der.implicit(0, keyIdOf(parts.sid)) : issuerAndSerial(parts.sid),
    digestAlgorithmIdentifier(parts.digestAlgorithm),
    der.implicit(0, parts.signedAttrs),
    signatureAlgorithmIdentifier(parts.signatureAlgorithm),
    der.octetString(parts.signature),
  );
}

function keyIdOf({ subjectKeyId }: CmsCertificate): Buffer {
  if (subjectKeyId !== null) return der.octetString(subjectKeyId);
  throw new RangeError('the certificate has no subject key identifier');
}

/** RFC 5652 section 10.2.4, from the certificate's own bytes. */
export function issuerAndSerial(certificate: CmsCertificate): Buffer {
  return der.sequence(certificate.issuer, der.integerContent(certificate.serial));
}
