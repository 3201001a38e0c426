import { randomBytes } from 'node:crypto';
import {
  type CmsCertificate,
  type DigestName,
  detachedSignedData,
  digestContent,
  type NonEmpty,
  type SignatureAlgorithmName,
  type SignerInfoParts,
  signedData,
} from '@sallyport/cms';
import type { Content } from '@sallyport/mail';
import { type MimeLimits, multipartSigned, pkcs7MimeEntity, toSevenBit } from '@sallyport/mime';
import type { EssAttribute } from './labels-encode.ts';

export type SignatureTypeName = 'originator' | 'domain' | 'additional-attributes' | 'review';

/** Asks for one signature over a digest; the other side composes the signed attributes. */
export interface DomainSigner {
  readonly certificate: CmsCertificate;
  /** DER of the signer's certificate and its issuers, as they go into the message. */
  readonly chain: readonly Buffer[];
  readonly digestAlgorithm: DigestName;
  readonly signatureAlgorithm: SignatureAlgorithmName;
  /** How SignerInfo names the certificate; its issuer and serial number if absent. */
  readonly identifier?: 'issuerAndSerial' | 'subjectKeyId';
  sign(request: {
    readonly digest: Buffer;
    readonly signatureTypes: readonly SignatureTypeName[];
    readonly attributes: readonly EssAttribute[];
  }): Promise<{ readonly signedAttrs: Buffer; readonly signature: Buffer }>;
}

/** Several keys of one authority sign the same, each with its own algorithm (DS-G5). */
export type Signers = DomainSigner | NonEmpty<DomainSigner>;

/** What every SignerInfo of a layer says, all of them the same. */
export interface SignatureWords {
  readonly types: readonly SignatureTypeName[];
  readonly attributes: readonly EssAttribute[];
}

/** Why a SignerInfo may not carry these types (RFC 3183 section 3.1.2; DS-G4), or null. */
export function checkSignatureTypes(types: readonly SignatureTypeName[]): string | null {
  if (new Set(types).size !== types.length) return 'a signature type stands twice';
  if (types.includes('additional-attributes') && types.length > 1) {
    return 'additional-attributes must be the only signature type';
  }
  return null;
}

/** An application/pkcs7-mime entity with the content inside. @throws RangeError for types that may not stand together. */
export async function opaqueLayer(
  content: Content,
  signers: Signers,
  words: SignatureWords & { readonly transferEncoding?: LayerEncoding },
): Promise<Content> {
  const infos = await signerInfos(content, signers, words);
  const cms = signedData(content, infos, certificatesOf(signers));
  return signedDataEntity(cms, words.transferEncoding ?? 'base64');
}

/** RFC 8551 section 3.1.2: `binary` only within another layer, for receivers that read it. */
export type LayerEncoding = 'base64' | 'binary';

/** An application/pkcs7-mime entity of a SignedData. */
export function signedDataEntity(cms: Content, transferEncoding: LayerEncoding): Content {
  return pkcs7MimeEntity(cms, { smimeType: 'signed-data', name: 'smime.p7m', transferEncoding });
}

/**
 * A multipart/signed entity; opaque where the payload would not survive 7-bit hops and may not be
 * re-encoded (RFC 8551 section 3.1.3).
 */
export async function clearLayer(
  payload: Content,
  signers: Signers,
  words: SignatureWords & { readonly limits: MimeLimits },
): Promise<Content> {
  const safe = await toSevenBit(payload, words.limits);
  if (safe === null) return await opaqueLayer(payload, signers, words);
  const infos = await signerInfos(safe, signers, words);
  const digests = new Set(listOf(signers).map((signer) => signer.digestAlgorithm));
  return multipartSigned(safe, detachedSignedData(infos, certificatesOf(signers)), {
    // RFC 8551 section 3.5.3.2: several digests are separated by commas
    micalg: [...digests].map((digest) => digest.replace('sha', 'sha-')).join(','),
    boundary: `=_sallyport_${randomBytes(18).toString('hex')}`,
  });
}

function listOf(signers: Signers): NonEmpty<DomainSigner> {
  return 'sign' in signers ? [signers] : signers;
}

/** What several keys have in common travels once. */
function certificatesOf(signers: Signers): Buffer[] {
  const found = new Map<string, Buffer>();
  for (const certificate of listOf(signers).flatMap((signer) => signer.chain)) {
    found.set(certificate.toString('latin1'), certificate);
  }
  return [...found.values()];
}

async function signerInfos(
  content: Content,
  signers: Signers,
  { types, attributes }: SignatureWords,
): Promise<NonEmpty<SignerInfoParts>> {
  const refusal = checkSignatureTypes(types);
  if (refusal !== null) throw new RangeError(refusal);
  const digests = new Map<DigestName, Buffer>();
  const infoOf = async (signer: DomainSigner): Promise<SignerInfoParts> => {
    const { certificate, digestAlgorithm, signatureAlgorithm, identifier } = signer;
    const digest = digests.get(digestAlgorithm) ?? (await digestContent(content, digestAlgorithm));
    digests.set(digestAlgorithm, digest);
    const made = await signer.sign({ digest, signatureTypes: types, attributes });
    const named = identifier === undefined ? {} : { identifier };
    return { sid: certificate, ...named, digestAlgorithm, signatureAlgorithm, ...made };
  };
  const [first, ...others] = listOf(signers);
  const infos: [SignerInfoParts, ...SignerInfoParts[]] = [await infoOf(first)];
  for (const signer of others) infos.push(await infoOf(signer));
  return infos;
}
