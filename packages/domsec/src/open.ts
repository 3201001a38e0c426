import { readCms } from '@sallyport/cms';
import { OID } from '@sallyport/der';
import { type FaultId, isLimitFault } from '@sallyport/faults';
import { type Content, isRanged } from '@sallyport/mail';
import { contentType, decodeBody, type Entity, readEntity, splitMultipart } from '@sallyport/mime';
import { compressedLayer } from './compressed-layer.ts';
import { encryptedLayer } from './encrypted-layer.ts';
import { readProtectedHeader } from './header-protection-read.ts';
import { readInside } from './inside.ts';
import type { BrokenLayer, Layer, OpenOptions, ReadMessage } from './layers.ts';
import { signedLayer } from './signed-layer.ts';

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
      layers.push(broken(current, 'nested-too-deeply', 'more cryptographic layers than allowed'));
      break;
    }
    const layer = await readLayer(current, options);
    if (layer === null) break;
    layers.push(layer);
    if (layer.kind === 'broken' || layer.inside === null) break;
    current = layer.inside;
  }
  const last = layers.at(-1);
  const opened = last === undefined || (last.kind !== 'broken' && last.inside !== null);
  const partial = opened ? await hasCryptographicPart(current, options) : false;
  const taken = { root: read.value, layers, content: current };
  const protectedHeader = await readProtectedHeader(taken, options.limits.mime);
  return { kind: 'opened', message: { ...taken, partial, protectedHeader } };
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
      // RFC 2634 section 2.8: a signed receipt is a report about mail, so it is content.
      if (cms.value.eContentType === OID.receipt) return null;
      if (cms.value.eContent === null) {
        // certs-only (RFC 8551 section 3.8) is content; a signature without content is broken.
        return cms.value.signerInfos.length === 0
          ? null
          : broken(entity, 'message-malformed', 'an opaque signature has no content');
      }
      if (cms.value.eContentType !== OID.data) return notMail(entity);
      const inside = await readInside(cms.value.eContent, options);
      if (inside.kind === 'malformed') return broken(entity, inside.fault, inside.reason);
      return await signedLayer(cms.value, 'opaque', entity, inside.value, options);
    }
    case 'enveloped':
    case 'auth-enveloped':
      return await encryptedLayer(cms.value, cms.kind === 'auth-enveloped', entity, options);
    case 'compressed':
      return await compressedLayer(cms.value, entity, options);
    case 'malformed':
      return broken(entity, cms.fault, cms.reason);
    case 'unsupported': {
      const reason = `a CMS object of type ${cms.contentType} is not supported`;
      return broken(entity, 'algorithm-unsupported', reason);
    }
    default:
      return broken(entity, 'algorithm-unsupported', 'it is plain data in a CMS object');
  }
}

// RFC 8551 section 3.2: a MIME entity is signed as id-data. A signature made for a receipt, a time
// stamp or another CMS object must not pass for one over mail, whatever the bytes look like.
function notMail(entity: Entity): BrokenLayer {
  return broken(entity, 'algorithm-unsupported', 'what is signed is no MIME entity');
}

const MAX_PARTS_LOOKED_AT = 200;
/** Multiparts in content that cannot be entered in the middle: each look costs all that is before it. */
const MAX_STREAMED_LOOKS = 12;

/** Looks below the content for parts that are signed or encrypted on their own. */
async function hasCryptographicPart(entity: Entity, options: OpenOptions): Promise<boolean> {
  const waiting: Entity[] = [entity];
  let left = Math.min(options.limits.mime.maxParts, MAX_PARTS_LOOKED_AT);
  let streamed = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next !== entity && cryptographicForm(next) !== null) return true;
    if (contentType(next).type !== 'multipart') continue;
    // A few octets of compressed content are many to walk through, again and again.
    if (!isRanged(next.body)) streamed += 1;
    if (streamed > MAX_STREAMED_LOOKS) return true;
    // Not `readTree`: it gives up at the first malformed multipart, and the signed part may stand
    // beside it. The budget is over the whole message here too.
    const split = await splitMultipart(next, { ...options.limits.mime, maxParts: left });
    // A tree too large to look through is not vouched for as whole.
    if (split.kind === 'malformed' && isLimitFault(split.fault)) return true;
    if (split.kind === 'malformed') continue;
    left -= split.parts.length;
    waiting.push(...split.parts);
  }
  return false;
}
