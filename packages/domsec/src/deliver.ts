import {
  bufferContent,
  type Content,
  concatContent,
  formatMailbox,
  parseDomain,
} from '@sallyport/mail';
import {
  base64Content,
  contentType,
  formatField,
  type HeaderField,
  transferEncoding,
  utf8Value,
} from '@sallyport/mime';
import { authservIdOf } from './authserv-id.ts';
import { newField, withLineEnd } from './header-protection-fields.ts';
import { type RestoredMessage, restoredMessage } from './header-protection-restore.ts';
import type { Layer, OpenedMessage, SignedLayer } from './layers.ts';
import type { Verdict } from './verdict.ts';

export type DeliverForm = 'clear' | 'signed' | 'as-received';

/**
 * The message for the inner recipient.
 *
 * `clear`: encryption, domain, review and empty layers are gone, an originator's signature stays
 * byte-exact, protected header fields replace the outer ones. `signed`: only encryption is gone.
 * `as-received`: the bytes as they came. Foreign `X-Sallyport-*` fields and Authentication-Results
 * in our name, or a trusted front's, are removed everywhere we may write (RFC 8601 section 5); `added` go on top.
 */
export function deliveredMessage(
  message: OpenedMessage,
  options: {
    readonly deliver: DeliverForm;
    readonly authservId: string;
    /** Of trusted fronts: what counts of their fields is in ours, and the rest is forged. */
    readonly frontAuthservIds?: readonly string[];
    readonly added: readonly { readonly name: string; readonly value: string }[];
    /**
     * A valid signature is bound to the protected From (RFC 9788 section 4.4.1.2). Without one a
     * protected From that is not the outer one is not shown as the author.
     */
    readonly isFromBound?: boolean;
  },
): Content {
  const removed = removedLayers(message.layers, options.deliver);
  const isFromBound = options.isFromBound ?? false;
  const restored = restoredMessage(message, removed, isFromBound);
  const { header, body } = removed.length === 0 ? restored : withoutBinary(restored);
  const ids = [options.authservId, ...(options.frontAuthservIds ?? [])].map(comparable);
  const kept = header.filter((field) => !isForged(field, ids)).map(withLineEnd);
  const claimed = isFromBound || removed.length === 0 ? null : unboundFrom(message);
  const added = [
    ...options.added.map((field) => formatField(field.name, field.value)),
    ...(claimed === null ? [] : [formatField('X-Sallyport-Protected-From', claimed)]),
  ];
  return concatContent([
    bufferContent(Buffer.concat([...added, ...kept.map((field) => field.raw), EMPTY_LINE])),
    body,
  ]);
}

/** True if a valid signature vouches for every author claimed, the protected one among them. */
export function bindsAuthor({ signature, signatureType, mapping }: Verdict): boolean {
  const isAuthors = signatureType === 'domain' || signatureType === 'originator';
  return signature === 'valid' && isAuthors && (mapping === 'ok' || mapping === 'exception');
}

const EMPTY_LINE = Buffer.from('\r\n');
const MAX_NAMED = 10;

// RFC 8551 section 3.1.2: what stood binary inside a layer now has hops before it that carry lines.
// The CMS object or file is the same in base64; a signature over it stays valid.
function withoutBinary(restored: RestoredMessage): RestoredMessage {
  const { header, body } = restored;
  const entity = { header, headerBytes: 0, content: body, body };
  const { type } = contentType(entity);
  const isLeaf = type !== 'multipart' && type !== 'message';
  if (!isLeaf || transferEncoding(entity) !== 'binary') return restored;
  const fields = header.filter((field) => !/^content-transfer-encoding$/i.test(field.name));
  return {
    header: [...fields, newField('Content-Transfer-Encoding', 'base64')],
    body: base64Content(body),
  };
}

// RFC 9788 section 4.4.2: where the outer From is shown in its place, the protected one is named too.
function unboundFrom({ protectedHeader: { from, coverage } }: OpenedMessage): string | null {
  if (from === null || from.matchesOuter || coverage === 'nothing') return null;
  const named = from.mailboxes.slice(0, MAX_NAMED).map(formatMailbox);
  return named.length === 0 ? null : utf8Value(named.join(', '));
}

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
  // Compressed content goes too: the recipient's program may not read it.
  return layer.kind === 'compressed' || (layer.kind === 'signed' && isOurs(layer));
}

/** SignatureTypes of gateways. Any other, known or not, may be the author's: it stays. */
const GATEWAY_TYPES: readonly string[] = ['domain', 'review', 'additional-attributes'];

/** Layers that gateways add: the recipient's program could not make sense of them. */
function isOurs(layer: SignedLayer): boolean {
  if (layer.empty) return true;
  return layer.signers.every(({ types, ess }) => {
    // RFC 2634 section 4.2: only a mail list agent writes the history; the author's layer is inside.
    if (types === null) return ess.mlExpansionHistory !== null;
    return types.length > 0 && types.every((type) => GATEWAY_TYPES.includes(type));
  });
}

function isForged(field: HeaderField, authservIds: readonly string[]): boolean {
  const name = field.name.toLowerCase();
  if (name.startsWith('x-sallyport-')) return true;
  if (name !== 'authentication-results') return false;
  const id = authservIdOf(field.value);
  // One that cannot be read is removed too: another reader may read our name in it.
  return id === null || authservIds.includes(comparable(id));
}

function comparable(id: string): string {
  return parseDomain(id) ?? id.toLowerCase();
}

/**
 * The value of `X-Sallyport-Verdict`: the words of design section 8. `fromFront` names the methods of
 * sender authentication that rest on the word of a trusted front.
 */
export function formatVerdict(
  verdict: Verdict,
  flagged: boolean,
  fromFront: readonly string[] = [],
): string {
  const words = [
    `signature=${verdict.signature}`,
    `signatureType=${verdict.signatureType ?? 'none'}`,
    `signer=${quoted(verdict.signer ?? '')}`,
    `originator=${verdict.originator}`,
    `mapping=${verdict.mapping ?? 'none'}`,
    `encryption=${verdict.encryption}`,
    `scope=${verdict.scope}`,
    ...(verdict.revocation === undefined
      ? []
      : [`revocation=${verdict.revocation.mode}-${verdict.revocation.status}`]),
    ...(flagged ? ['flagged=yes'] : []),
    ...(fromFront.length === 0 ? [] : [`fromFront=${fromFront.join(',')}`]),
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

/**
 * RFC 8601 section 2.2 with the method `smime` of RFC 7281 section 3. `others` are results of other
 * methods, each formatted already.
 */
export function formatAuthenticationResults(
  verdict: Verdict,
  authservId: string,
  others: readonly string[] = [],
): string {
  const result = smimeResult(verdict);
  const comment = verdict.signature === 'none' ? '' : ` reason=${quoted(verdict.reason)}`;
  const identifier =
    verdict.signer?.includes('@') === true
      ? ` body.smime-identifier=${quoted(verdict.signer)}`
      : '';
  return [authservId, `smime=${result}${comment}${identifier}`, ...others].join('; ');
}

function smimeResult(verdict: Verdict): string {
  const { signature, signatureType } = verdict;
  // The signature is genuine; the naming rule is what refuses it.
  if (signature === 'unverifiable' && verdict.fault === 'signer-mismatch') return 'policy';
  if (signature !== 'valid') return SMIME_RESULT[signature];
  // DS-V6: what does not authenticate the originator must not read as a pass.
  return signatureType === 'domain' || signatureType === 'originator' ? 'pass' : 'neutral';
}
