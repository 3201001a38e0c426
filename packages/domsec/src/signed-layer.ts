import {
  checkSignerInfo,
  digestContent,
  matchesSigner,
  SIGNATURES,
  type SignedDataView,
  type SignerInfoView,
} from '@sallyport/cms';
import { OID } from '@sallyport/der';
import type { Entity } from '@sallyport/mime';
import { type Certificate, parseCertificate } from '@sallyport/pki';
import { readEssAttributes } from './labels-read.ts';
import type { LayerSigner, OpenOptions, SignedLayer } from './layers.ts';
import { signatureTypeName } from './signature-type.ts';

/** Checks every signature of a SignedData against its content; trust is not asked here. */
export async function signedLayer(
  cms: SignedDataView,
  form: SignedLayer['form'],
  outside: Entity,
  inside: Entity,
  options: Pick<OpenOptions, 'knownCertificates' | 'legacy'>,
): Promise<SignedLayer> {
  const certificates = parseAll(cms.certificates);
  const candidates = [...certificates, ...options.knownCertificates];
  const content = form === 'clear' ? inside.content : (cms.eContent ?? inside.content);
  const digests = new Map<string, Promise<Buffer>>();
  const source = {
    contentType: cms.eContentType,
    content,
    legacy: options.legacy === true,
    digest: (name: Parameters<typeof digestContent>[1]): Promise<Buffer> => {
      const known = digests.get(name) ?? digestContent(content, name);
      digests.set(name, known);
      return known;
    },
  };
  const signers: LayerSigner[] = [];
  for (const info of cms.signerInfos) signers.push(await checkSigner(info, candidates, source));
  const empty = cms.signerInfos.length === 0;
  return {
    kind: 'signed',
    form,
    empty,
    signers: sameTypes(signers),
    certificates,
    outside,
    inside,
  };
}

function parseAll(list: readonly Buffer[]): Certificate[] {
  return list.flatMap((der) => {
    const parsed = parseCertificate(der);
    return parsed.kind === 'certificate' ? [parsed.value] : [];
  });
}

async function checkSigner(
  info: SignerInfoView,
  candidates: readonly Certificate[],
  source: Parameters<typeof checkSignerInfo>[2],
): Promise<LayerSigner> {
  const certificate = candidates.find((candidate) => matchesSigner(info, candidate)) ?? null;
  const verified =
    certificate === null ? NO_CERTIFICATE : await checkSignerInfo(info, certificate, source);
  return {
    certificate,
    check: checkTypes(info) ?? verified,
    types: info.signatureTypes?.map(signatureTypeName) ?? null,
    signingTime: info.signingTime,
    digestAlgorithm: info.digestAlgorithm ?? digestName(info.digestOid),
    signatureAlgorithm: signatureName(info),
    legacy: verified.kind === 'valid' ? (verified.legacy ?? []) : [],
    attributes: info.attributes,
    ess: readEssAttributes(info),
    capabilities: info.capabilities,
    encryptionKeyPreference: info.encryptionKeyPreference,
  };
}

const NO_CERTIFICATE = {
  kind: 'unverifiable',
  fault: 'signer-not-trusted',
  reason: 'no certificate of the signer',
} as const;

const OLD_DIGESTS: ReadonlyMap<string, string> = new Map([
  [OID.sha1, 'sha1'],
  [OID.md5, 'md5'],
]);

function digestName(oid: string): string {
  return OLD_DIGESTS.get(oid) ?? oid;
}

/** Family and digest, as in `rsa-sha256`; the OID where we know neither. */
function signatureName(info: SignerInfoView): string {
  const known = SIGNATURES.get(info.signatureOid);
  if (known === undefined) return info.signatureOid;
  if (!HASHED_FAMILIES.has(known.family)) return known.family;
  const digest = known.digest ?? info.digestAlgorithm ?? digestName(info.digestOid);
  return `${known.family}-${digest}`;
}

const HASHED_FAMILIES: ReadonlySet<string> = new Set(['rsa', 'rsa-pss', 'ecdsa']);

// RFC 3183 section 3.1.2 (DS-G4): one SignatureType a SignerInfo, and additional attributes alone.
function checkTypes(info: SignerInfoView): LayerSigner['check'] | null {
  if (info.duplicateAttributes.includes(OID.signatureType)) {
    return { kind: 'invalid', fault: 'message-integrity', reason: 'SignatureType is there twice' };
  }
  const types = info.signatureTypes?.map(signatureTypeName) ?? [];
  if (types.includes('additional-attributes') && types.length > 1) {
    return {
      kind: 'invalid',
      fault: 'message-integrity',
      reason: 'additional attributes with another type',
    };
  }
  return null;
}

// DS-G5: the SignatureType of all SignerInfos must be the same.
function sameTypes(signers: readonly LayerSigner[]): readonly LayerSigner[] {
  const kinds = new Set(signers.map((signer) => JSON.stringify(signer.types)));
  if (kinds.size <= 1) return signers;
  const check = {
    kind: 'invalid',
    fault: 'message-integrity',
    reason: 'the signers do not agree on the signature type',
  } as const;
  return signers.map((signer) => ({ ...signer, check }));
}
