import { createHash } from 'node:crypto';
import {
  checkSignerInfo,
  decryptContent,
  digestContent,
  type EnvelopedDataView,
  matchesRecipient,
  matchesSigner,
  readCms,
  type SignedDataView,
  type SignerInfoView,
} from '@sallyport/cms';
import { OID } from '@sallyport/der';
import type { FaultId } from '@sallyport/faults';
import type { Content } from '@sallyport/mail';
import { contentType, decodeBody, type Entity, readEntity, splitMultipart } from '@sallyport/mime';
import { type Certificate, parseCertificate } from '@sallyport/pki';
import type {
  BrokenLayer,
  EncryptedLayer,
  Layer,
  LayerSigner,
  OpenOptions,
  ReadMessage,
  SignedLayer,
} from './layers.ts';
import { signatureTypeName } from './signature-type.ts';
import { unwrapRequests } from './unwrap.ts';

/**
 * Takes a message apart, layer by layer, from the root to the first part that is not
 * cryptographic: decrypts what is for us, checks every signature. Judges neither trust nor names.
 *
 * @returns malformed if the message itself is no MIME entity; a broken layer is part of the result.
 * @throws what `unwrapper` and `mayOpen` throw.
 */
export async function openLayers(message: Content, options: OpenOptions): Promise<ReadMessage> {
  const read = await readEntity(message, options.limits.mime);
  if (read.kind === 'malformed') return read;
  const layers: Layer[] = [];
  let current = read.value;
  for (;;) {
    if (cryptographicForm(current) !== null && layers.length >= options.limits.depth) {
      layers.push(broken(current, 'limit-exceeded', 'more cryptographic layers than allowed'));
      break;
    }
    const layer = await readLayer(current, options);
    if (layer === null) break;
    layers.push(layer);
    if (layer.kind === 'broken' || layer.inside === null) break;
    current = layer.inside;
  }
  const last = layers.at(-1);
  const ended = last === undefined || (last.kind === 'signed' && last.inside === current);
  const opened = ended || (last.kind === 'encrypted' && last.inside !== null);
  const partial = opened ? await hasCryptographicPart(current, options) : false;
  return { kind: 'opened', message: { root: read.value, layers, content: current, partial } };
}

function broken(outside: Entity, fault: FaultId, reason: string): BrokenLayer {
  return { kind: 'broken', fault, reason, outside };
}

type Form = 'clear' | 'opaque' | null;

function cryptographicForm(entity: Entity): Form {
  const type = contentType(entity);
  if (type.type === 'multipart' && type.subtype === 'signed') {
    // RFC 1847 section 2.1: other protocols (OpenPGP) are content to us.
    const protocol = type.parameters.get('protocol')?.toLowerCase() ?? '';
    return /^application\/(x-)?pkcs7-signature$/.test(protocol) ? 'clear' : null;
  }
  if (type.type !== 'application') return null;
  if (/^(x-)?pkcs7-mime$/.test(type.subtype)) return 'opaque';
  // RFC 8551 section 3.9: receivers should try octet-stream by its file name.
  const name = type.parameters.get('name')?.toLowerCase() ?? '';
  return type.subtype === 'octet-stream' && name.endsWith('.p7m') ? 'opaque' : null;
}

async function readLayer(entity: Entity, options: OpenOptions): Promise<Layer | null> {
  const form = cryptographicForm(entity);
  if (form === null) return null;
  return form === 'clear'
    ? await readClearSigned(entity, options)
    : await readOpaque(entity, options);
}

async function readClearSigned(entity: Entity, options: OpenOptions): Promise<Layer | null> {
  const split = await splitMultipart(entity, options.limits.mime);
  if (split.kind === 'malformed') return broken(entity, split.fault, split.reason);
  const [payload, signature] = split.parts;
  if (payload === undefined || signature === undefined || split.parts.length !== 2) {
    return broken(entity, 'message-malformed', 'multipart/signed must have exactly two parts');
  }
  const cms = await readCms(await decodeBody(signature), options.limits.cms);
  if (cms.kind !== 'signed') {
    return broken(entity, 'message-malformed', 'the signature part holds no SignedData');
  }
  // DS-V11: detached and embedded content at once is an error, not a choice.
  if (cms.value.eContent !== null) {
    return broken(entity, 'message-malformed', 'a clear signature carries content of its own');
  }
  if (cms.value.eContentType !== OID.data) return notMail(entity);
  return await signedLayer(cms.value, 'clear', entity, payload, options);
}

async function readOpaque(entity: Entity, options: OpenOptions): Promise<Layer | null> {
  const cms = await readCms(await decodeBody(entity), options.limits.cms);
  switch (cms.kind) {
    case 'signed': {
      if (cms.value.eContent === null) {
        // certs-only (RFC 8551 section 3.8) is content; a signature without content is broken.
        return cms.value.signerInfos.length === 0
          ? null
          : broken(entity, 'message-malformed', 'an opaque signature has no content');
      }
      if (cms.value.eContentType !== OID.data) return notMail(entity);
      const inside = await readEntity(cms.value.eContent, options.limits.mime);
      if (inside.kind === 'malformed') return broken(entity, inside.fault, inside.reason);
      return await signedLayer(cms.value, 'opaque', entity, inside.value, options);
    }
    case 'enveloped':
    case 'auth-enveloped':
      return await readEnveloped(cms.value, cms.kind === 'auth-enveloped', entity, options);
    case 'malformed':
      return broken(entity, cms.fault, cms.reason);
    default:
      return broken(entity, 'algorithm-unsupported', 'this kind of CMS object is not supported');
  }
}

// RFC 8551 section 3.2: a MIME entity is signed as id-data. A signature made for a receipt, a time
// stamp or another CMS object must not pass for one over mail, whatever the bytes look like.
function notMail(entity: Entity): BrokenLayer {
  return broken(entity, 'algorithm-unsupported', 'what is signed is no MIME entity');
}

async function signedLayer(
  cms: SignedDataView,
  form: SignedLayer['form'],
  outside: Entity,
  inside: Entity,
  options: OpenOptions,
): Promise<SignedLayer> {
  const certificates = parseAll(cms.certificates);
  const candidates = [...certificates, ...options.knownCertificates];
  const content = form === 'clear' ? inside.content : (cms.eContent ?? inside.content);
  const digests = new Map<string, Promise<Buffer>>();
  const source = {
    contentType: cms.eContentType,
    content,
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
  const check: LayerSigner['check'] =
    certificate === null
      ? {
          kind: 'unverifiable',
          fault: 'signer-not-trusted',
          reason: 'no certificate of the signer',
        }
      : await checkSignerInfo(info, certificate, source);
  return {
    certificate,
    check: checkTypes(info) ?? check,
    types: info.signatureTypes?.map(signatureTypeName) ?? null,
    signingTime: info.signingTime,
    digestAlgorithm: info.digestAlgorithm ?? info.digestOid,
    signatureAlgorithm: info.signatureOid,
  };
}

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

async function readEnveloped(
  view: EnvelopedDataView,
  authenticated: boolean,
  outside: Entity,
  options: OpenOptions,
): Promise<EncryptedLayer> {
  const base = {
    kind: 'encrypted',
    authenticated,
    contentAlgorithm: view.contentEncryption.name ?? view.contentEncryption.oid,
    outside,
  } as const;
  const own = options.ownRecipients.filter((recipient) =>
    view.recipients.some((info) => matchesRecipient(info, recipient.certificate)),
  );
  const [first] = own;
  if (first === undefined) return { ...base, state: 'foreign', keyId: null, inside: null };
  // One RecipientInfo of ours, chosen by what everybody can see, and never a second try with
  // another: whether the first key opened the content would show in what became of the message.
  const [request] = own.flatMap((recipient) => unwrapRequests(view, recipient));
  const keyId = request?.keyId ?? first.keyId;
  const failed = { ...base, state: 'failed', keyId, inside: null } as const;
  if (request === undefined) return failed;
  const digest = await digestEncrypted(view);
  if (!(await options.mayOpen(request.recipient.encryptedKey, digest))) return failed;
  const key = await options.unwrapper.unwrap(request);
  const opened = await decryptContent(view, key);
  if (opened.kind === 'failed') return failed;
  const inside = await readEntity(opened.content, options.limits.mime);
  if (inside.kind === 'malformed') return failed;
  if (!authenticated && !isPlainHeader(inside.value)) return failed;
  return { ...base, state: 'opened', keyId, inside: inside.value };
}

// The header between encryption and signature is covered by neither. In a CBC layer an altered block
// turns into sixteen random octets; where they fall into that header, they must not pass for one.
function isPlainHeader(entity: Entity): boolean {
  return entity.header.every((field) =>
    field.raw.every((octet) => (octet >= 0x20 && octet < 0x7f) || LINE_OCTETS.has(octet)),
  );
}

/** HT, LF, CR. */
const LINE_OCTETS: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d]);

async function digestEncrypted(view: EnvelopedDataView): Promise<Buffer> {
  const hash = createHash('sha256');
  hash.update(view.contentEncryption.oid);
  hash.update(view.contentEncryption.iv ?? Buffer.alloc(0));
  for await (const chunk of view.encryptedContent.open()) hash.update(chunk);
  return hash.digest();
}

const MAX_PARTS_LOOKED_AT = 200;

/** Looks below the content for parts that are signed or encrypted on their own. */
async function hasCryptographicPart(entity: Entity, options: OpenOptions): Promise<boolean> {
  const waiting: Entity[] = [entity];
  let left = Math.min(options.limits.mime.maxParts, MAX_PARTS_LOOKED_AT);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next !== entity && cryptographicForm(next) !== null) return true;
    if (contentType(next).type !== 'multipart') continue;
    // Not `readTree`: it gives up at the first malformed multipart, and the signed part may stand
    // beside it. The budget is over the whole message here too.
    const split = await splitMultipart(next, { ...options.limits.mime, maxParts: left });
    // A tree too large to look through is not vouched for as whole.
    if (split.kind === 'malformed' && split.fault === 'limit-exceeded') return true;
    if (split.kind === 'malformed') continue;
    left -= split.parts.length;
    waiting.push(...split.parts);
  }
  return false;
}
