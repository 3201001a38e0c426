import { OID } from '@sallyport/der';
import type { FaultId } from '@sallyport/faults';
import { bufferContent, concatContent } from '@sallyport/mail';
import type { Entity, HeaderField } from '@sallyport/mime';
import { isStructural } from './header-protection-fields.ts';
import type { EssAttribute } from './labels-encode.ts';
import type { Layer, LayerSigner, OpenedMessage, SignedLayer } from './layers.ts';
import { rememberedAttributes } from './list-attributes.ts';
import { isDomainSigned } from './list-verified.ts';
import type { LayerReport } from './verdict-types.ts';

/** Where the domain signature goes so that no mail list agent takes it off (RFC 3183 section 5). */
export type ListPlan =
  /** No list and no envelope of ours in the way: it is wrapped as it is. */
  | { readonly kind: 'encapsulate' }
  | {
      readonly kind: 'rebuild';
      /** What is left once the layers in the way are taken off; it gets the domain signature. */
      readonly message: Entity;
      /** Layers are left in it; else it is the original content. */
      readonly isLayered: boolean;
      /** One of them was encryption for our DCA. */
      readonly opened: boolean;
      /** There is encryption deeper down, so the signature must be encrypted whatever policy says. */
      readonly mustEncrypt: boolean;
      /** Signed attributes for the new outer layer; null if none is needed. */
      readonly outer: readonly EssAttribute[] | null;
    }
  | { readonly kind: 'refused'; readonly fault: FaultId; readonly reason: string };

/**
 * Searches for the "outer" signedData and says which layers go (RFC 3183 section 5, RFC 2634
 * section 4.2). `reports` are the verdict's layers: only what has verified is looked at.
 */
export function planListHandling(
  message: OpenedMessage,
  reports: readonly LayerReport[],
): ListPlan {
  const { layers } = message;
  const found = findOuter(layers, reports);
  if (found.kind !== 'found') return found.kind === 'none' ? { kind: 'encapsulate' } : found;
  const { history, envelope } = found;
  const last = envelope ?? history?.index ?? null;
  const layer = last === null ? undefined : layers[last];
  if (last === null || layer === undefined) return { kind: 'encapsulate' };
  if (layer.kind === 'broken' || layer.inside === null) {
    const reason = 'what is encrypted in it does not open with a domain key of ours';
    return { kind: 'refused', fault: 'inner-signature-invalid', reason };
  }
  const outer = history === null ? null : rememberedAttributes(history.signer);
  if (outer?.kind === 'unsupported') {
    const reason = `the signed attribute ${outer.oid} of a mail list cannot be carried on`;
    return { kind: 'refused', fault: 'list-attributes-unusable', reason };
  }
  return {
    kind: 'rebuild',
    message: withoutLayers(message, last + 1),
    isLayered: layers.length > last + 1,
    opened: envelope !== null,
    mustEncrypt: envelope !== null && hasEnvelope(layers, envelope + 1),
    outer: outer?.attributes ?? null,
  };
}

interface FoundHistory {
  readonly kind: 'list';
  readonly index: number;
  readonly signer: LayerSigner;
}

type Found =
  | {
      readonly kind: 'found';
      readonly history: FoundHistory | null;
      readonly envelope: number | null;
    }
  | { readonly kind: 'none' }
  | Extract<ListPlan, { kind: 'refused' }>;

function findOuter(layers: readonly Layer[], reports: readonly LayerReport[]): Found {
  const stop = layers.findIndex((layer, index) => isInner(layer, reports[index]));
  const end = stop === -1 ? layers.length : stop;
  const history = findHistory(layers.slice(0, end), reports);
  if (history?.kind === 'refused') return history;
  const isEnvelope = layers[end]?.kind === 'encrypted';
  if (isEnvelope) return { kind: 'found', history, envelope: end };
  const refusal = checkBelow(layers.slice(end));
  if (refusal !== null) return refusal;
  return history === null ? { kind: 'none' } : { kind: 'found', history, envelope: null };
}

/**
 * Where the search ends: at an envelope, or at what is content to us. That is everything that is
 * neither signedData nor envelopedData, and a domain signature that counts: none is stripped
 * (DS-G12).
 */
function isInner(layer: Layer, report: LayerReport | undefined): boolean {
  return layer.kind !== 'signed' || report === undefined || isDomainSigned(report);
}

/** The outermost layer of a mail list agent. */
function findHistory(
  layers: readonly Layer[],
  reports: readonly LayerReport[],
): FoundHistory | Extract<ListPlan, { kind: 'refused' }> | null {
  for (const [index, layer] of layers.entries()) {
    const report = reports[index];
    if (layer.kind !== 'signed' || report === undefined) continue;
    const found = listSigner(layer, report);
    if (found !== null) return found.kind === 'refused' ? found : { ...found, index };
  }
  return null;
}

/** Encryption for our DCA below what may not be taken off can neither be kept nor laid bare. */
function checkBelow(layers: readonly Layer[]): Extract<ListPlan, { kind: 'refused' }> | null {
  const below = layers.find((layer) => layer.kind === 'encrypted');
  if (below === undefined || below.state === 'foreign') return null;
  const reason =
    'something that may not be taken off, a domain signature or compression, stands around encryption for this domain';
  return { kind: 'refused', fault: 'inner-signature-invalid', reason };
}

/**
 * The signer whose mlExpansionHistory counts: verified, and the same in all that are (RFC 2634
 * section 4.1). Signers without one are passed over there.
 */
function listSigner(
  layer: SignedLayer,
  report: LayerReport,
):
  | { readonly kind: 'list'; readonly signer: LayerSigner }
  | Extract<ListPlan, { kind: 'refused' }>
  | null {
  if (report.kind !== 'signed') return null;
  const verified = layer.signers.filter((_, at) => report.signers[at]?.state === 'valid');
  const [first, ...others] = verified.filter((signer) =>
    signer.attributes.has(OID.mlExpansionHistory),
  );
  if (first === undefined) return null;
  const unusable = (reason: string) =>
    ({ kind: 'refused', fault: 'list-attributes-unusable', reason }) as const;
  if (first.ess.mlExpansionHistory === null) {
    return unusable('the expansion history of a mail list cannot be read');
  }
  const [value] = first.attributes.get(OID.mlExpansionHistory) ?? [];
  const isSame = others.every(({ attributes }) => {
    const [other] = attributes.get(OID.mlExpansionHistory) ?? [];
    return value !== undefined && other?.equals(value) === true;
  });
  return isSame
    ? { kind: 'list', signer: first }
    : unusable('the signers of a mail list do not agree on its expansion history');
}

function hasEnvelope(layers: readonly Layer[], from: number): boolean {
  return layers.slice(from).some((layer) => layer.kind === 'encrypted');
}

/**
 * The message with its first `count` layers taken off: the header fields of the outside, those of
 * the body replaced by the inside's, and the body of the inside byte for byte.
 */
function withoutLayers({ root, layers }: OpenedMessage, count: number): Entity {
  let entity = root;
  let header = root.header;
  for (const layer of layers.slice(0, count)) {
    if (layer.kind === 'broken' || layer.inside === null) break;
    entity = layer.inside;
    header = mergedHeader(header, entity.header);
  }
  const headerBytes = Buffer.concat([...header.map(({ raw }) => raw), EMPTY_LINE]);
  return {
    header,
    headerBytes: headerBytes.length,
    content: concatContent([bufferContent(headerBytes), entity.body]),
    body: entity.body,
  };
}

const EMPTY_LINE = Buffer.from('\r\n');

function mergedHeader(
  outer: readonly HeaderField[],
  inner: readonly HeaderField[],
): readonly HeaderField[] {
  const names = new Set(inner.map((field) => field.name.toLowerCase()));
  const kept = outer.filter(
    ({ name }) => !isStructural(name.toLowerCase()) && !names.has(name.toLowerCase()),
  );
  return [...kept, ...inner];
}
