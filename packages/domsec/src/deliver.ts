import { bufferContent, type Content, concatContent } from '@sallyport/mail';
import { type Entity, formatField, type HeaderField } from '@sallyport/mime';
import type { OpenedMessage, SignedLayer } from './layers.ts';
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
  const entity = deliveredEntity(message, options.deliver);
  const header =
    entity === message.root
      ? message.root.header
      : mergedHeader(message.root.header, entity.header);
  const kept = header.filter((field) => !isForged(field, options.authservId));
  return concatContent([
    bufferContent(Buffer.concat([...added, ...kept.map((field) => field.raw), EMPTY_LINE])),
    entity.body,
  ]);
}

const EMPTY_LINE = Buffer.from('\r\n');

function deliveredEntity(message: OpenedMessage, deliver: DeliverForm): Entity {
  if (deliver === 'as-received') return message.root;
  if (deliver === 'signed') return insideLastEncryption(message);
  let entity = message.root;
  for (const layer of message.layers) {
    if (layer.kind === 'broken') break;
    if (layer.kind === 'signed' && !isOurs(layer)) break;
    if (layer.inside === null) break;
    entity = layer.inside;
  }
  return entity;
}

function insideLastEncryption(message: OpenedMessage): Entity {
  let entity = message.root;
  for (const layer of message.layers) {
    if (layer.kind === 'encrypted' && layer.inside !== null) entity = layer.inside;
  }
  return entity;
}

/** Layers that gateways add: the recipient's program could not make sense of them. */
function isOurs(layer: SignedLayer): boolean {
  if (layer.empty) return true;
  return layer.signers.every(
    (signer) => signer.types !== null && !signer.types.includes('originator'),
  );
}

function isStructural(name: string): boolean {
  return name.startsWith('content-') || name === 'mime-version';
}

// RFC 9788 section 2.2, and SM-12: where the inside has header fields, the outside ones prove
// nothing and must not be shown; trace fields are the exception, they are written on the way.
function mergedHeader(
  outer: readonly HeaderField[],
  inner: readonly HeaderField[],
): readonly HeaderField[] {
  const names = new Set(inner.map((field) => field.name.toLowerCase()));
  const isProtected = names.has('from');
  const keptOuter = outer.filter((field) => {
    const name = field.name.toLowerCase();
    if (isStructural(name)) return name === 'mime-version' && !names.has(name);
    if (names.has(name)) return name === 'received';
    return !isProtected || KEPT_OUTSIDE.has(name);
  });
  return [...keptOuter, ...inner];
}

function isForged(field: HeaderField, authservId: string): boolean {
  const name = field.name.toLowerCase();
  if (name.startsWith('x-sallyport-')) return true;
  if (name !== 'authentication-results') return false;
  const id = field.value.trim().toLowerCase();
  return id.startsWith(authservId.toLowerCase());
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

function quoted(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: controls and non-ASCII are what is removed
  return `"${text.replace(/[\u0000-\u001f\u007f-\uffff]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}

const SMIME_RESULT = {
  valid: 'pass',
  invalid: 'fail',
  none: 'none',
  unverifiable: 'permerror',
} as const;

/** RFC 8601 section 2.2 with the method `smime` of RFC 7281 section 3. */
export function formatAuthenticationResults(verdict: Verdict, authservId: string): string {
  const good = verdict.signature === 'valid' && verdict.mapping !== 'mismatch';
  const result =
    verdict.signature === 'valid' && !good ? 'policy' : SMIME_RESULT[verdict.signature];
  const comment = verdict.signature === 'none' ? '' : ` reason=${quoted(verdict.reason)}`;
  const identifier =
    verdict.signer?.includes('@') === true
      ? ` body.smime-identifier=${quoted(verdict.signer)}`
      : '';
  return `${authservId}; smime=${result}${comment}${identifier}`;
}
