import { bufferContent, type Content, concatContent, parseDomain } from '@sallyport/mail';
import { type Entity, formatField, type HeaderField } from '@sallyport/mime';
import { authservIdOf } from './authserv-id.ts';
import type { Layer, OpenedMessage, SignedLayer } from './layers.ts';
import type { Verdict } from './verdict.ts';

export type DeliverForm = 'clear' | 'signed' | 'as-received';

/** Header fields that stay from the outside where the inside brings protected ones. */
const KEPT_OUTSIDE = new Set([
  'received',
  'return-path',
  'auto-submitted',
  'date',
  'message-id',
  'list-id',
  'list-unsubscribe',
  'list-post',
  'precedence',
]);

/** Written by hosts on the way: from the inside of a message they prove nothing about its way. */
const TRACE_FIELDS = new Set(['received', 'return-path', 'delivered-to', 'x-original-to']);

/**
 * The message for the inner recipient.
 *
 * `clear`: encryption, domain, review and empty layers are gone, an originator's signature stays
 * byte-exact, protected header fields replace the outer ones. `signed`: only encryption is gone.
 * `as-received`: the bytes as they came. Foreign `X-Sallyport-*` fields and Authentication-Results
 * in our name are removed everywhere we may write (RFC 8601 section 5); `added` go on top.
 */
export function deliveredMessage(
  message: OpenedMessage,
  options: {
    readonly deliver: DeliverForm;
    readonly authservId: string;
    readonly added: readonly { readonly name: string; readonly value: string }[];
  },
): Content {
  const added = options.added.map((field) => formatField(field.name, field.value));
  let entity = message.root;
  let { header } = entity;
  for (const layer of removedLayers(message.layers, options.deliver)) {
    if (layer.kind === 'broken' || layer.inside === null) break;
    entity = layer.inside;
    // Step by step: a layer between may be the one that carries the protected fields.
    header = mergedHeader(header, provenFields(layer, entity));
  }
  const kept = header.filter((field) => !isForged(field, options.authservId)).map(withLineEnd);
  return concatContent([
    bufferContent(Buffer.concat([...added, ...kept.map((field) => field.raw), EMPTY_LINE])),
    entity.body,
  ]);
}

const EMPTY_LINE = Buffer.from('\r\n');

/** The layers that are taken off, from the outside. */
function removedLayers(layers: readonly Layer[], deliver: DeliverForm): readonly Layer[] {
  if (deliver === 'as-received') return [];
  // Whatever stands around encryption for us goes with it: the recipient has no key to look inside.
  const encrypted = layers.findLastIndex(
    (layer) => layer.kind === 'encrypted' && layer.inside !== null,
  );
  if (deliver === 'signed') return layers.slice(0, encrypted + 1);
  const kept = layers.findIndex((layer, index) => index > encrypted && !mayGo(layer));
  return kept === -1 ? layers : layers.slice(0, kept);
}

function mayGo(layer: Layer): boolean {
  return layer.kind === 'signed' && isOurs(layer);
}

/** SignatureTypes of gateways. Any other, known or not, may be the author's: it stays. */
const GATEWAY_TYPES: readonly string[] = ['domain', 'review', 'additional-attributes'];

/** Layers that gateways add: the recipient's program could not make sense of them. */
function isOurs(layer: SignedLayer): boolean {
  if (layer.empty) return true;
  return layer.signers.every(
    ({ types }) =>
      types !== null && types.length > 0 && types.every((type) => GATEWAY_TYPES.includes(type)),
  );
}

function isStructural(name: string): boolean {
  return name.startsWith('content-') || name === 'mime-version';
}

// RFC 9788 section 2.2, and SM-12: where the inside has header fields, the outside ones prove
// nothing and must not be shown; trace fields are the exception, they are written on the way.
// What stands between a CBC layer and the signature inside it is covered by neither: only the fields
// that describe the body are taken from there.
function provenFields(layer: Layer, entity: Entity): readonly HeaderField[] {
  if (layer.kind !== 'encrypted' || layer.authenticated) return entity.header;
  return entity.header.filter((field) => isStructural(field.name.toLowerCase()));
}

function mergedHeader(
  outer: readonly HeaderField[],
  inner: readonly HeaderField[],
): readonly HeaderField[] {
  const inside = inner.filter((field) => !TRACE_FIELDS.has(field.name.toLowerCase()));
  const names = new Set(inside.map((field) => field.name.toLowerCase()));
  const isProtected = names.has('from');
  const keptOuter = outer.filter((field) => {
    const name = field.name.toLowerCase();
    if (isStructural(name)) return name === 'mime-version' && !names.has(name);
    if (names.has(name)) return false;
    return !isProtected || KEPT_OUTSIDE.has(name);
  });
  return [...keptOuter, ...inside];
}

/** The last field of bytes that end before an empty line may lack its CRLF. */
function withLineEnd(field: HeaderField): HeaderField {
  if (field.raw.at(-1) === 0x0a) return field;
  return { ...field, raw: Buffer.concat([field.raw, EMPTY_LINE]) };
}

function isForged(field: HeaderField, authservId: string): boolean {
  const name = field.name.toLowerCase();
  if (name.startsWith('x-sallyport-')) return true;
  if (name !== 'authentication-results') return false;
  const id = authservIdOf(field.value);
  // One that cannot be read is removed too: another reader may read our name in it.
  return id === null || comparable(id) === comparable(authservId);
}

function comparable(id: string): string {
  return parseDomain(id) ?? id.toLowerCase();
}

/** The value of `X-Sallyport-Verdict`: the words of design section 8. */
export function formatVerdict(verdict: Verdict, flagged: boolean): string {
  const words = [
    `signature=${verdict.signature}`,
    `signatureType=${verdict.signatureType ?? 'none'}`,
    `signer=${quoted(verdict.signer ?? '')}`,
    `originator=${verdict.originator}`,
    `mapping=${verdict.mapping ?? 'none'}`,
    `encryption=${verdict.encryption}`,
    `scope=${verdict.scope}`,
    ...(flagged ? ['flagged=yes'] : []),
    `reason=${quoted(verdict.reason)}`,
  ];
  return words.join('; ');
}

const MAX_WORD_CHARS = 200;
const MAX_TEXT_CHARS = 1_000;

/** Names out of certificates stand in it: bounded, so that the field can always be folded. */
function quoted(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: controls and non-ASCII are what is removed
  const plain = text.slice(0, MAX_TEXT_CHARS).replace(/[\u0000-\u001f\u007f-\uffff]/g, '?');
  const short = plain.replace(/[^ ]+/g, (word) => word.slice(0, MAX_WORD_CHARS));
  return `"${short.replace(/["\\]/g, '\\$&')}"`;
}

const SMIME_RESULT = {
  invalid: 'fail',
  none: 'none',
  unverifiable: 'permerror',
} as const;

/** RFC 8601 section 2.2 with the method `smime` of RFC 7281 section 3. */
export function formatAuthenticationResults(verdict: Verdict, authservId: string): string {
  const result =
    verdict.signature === 'valid' ? validResult(verdict) : SMIME_RESULT[verdict.signature];
  const comment = verdict.signature === 'none' ? '' : ` reason=${quoted(verdict.reason)}`;
  const identifier =
    verdict.signer?.includes('@') === true
      ? ` body.smime-identifier=${quoted(verdict.signer)}`
      : '';
  return `${authservId}; smime=${result}${comment}${identifier}`;
}

function validResult(verdict: Verdict): 'pass' | 'policy' | 'neutral' {
  if (verdict.mapping === 'mismatch') return 'policy';
  // DS-V6: what does not authenticate the originator must not read as a pass.
  const { signatureType } = verdict;
  return signatureType === 'domain' || signatureType === 'originator' ? 'pass' : 'neutral';
}
