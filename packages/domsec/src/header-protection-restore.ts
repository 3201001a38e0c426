import type { Content } from '@sallyport/mail';
import { type Entity, fieldsNamed, type HeaderField } from '@sallyport/mime';
import { isHpOuter, isProtectable, isStructural } from './header-protection-fields.ts';
import { coverageWithin, type ProtectedHeader, sameAuthors } from './header-protection-read.ts';
import { withoutHp } from './header-protection-type.ts';
import type { Layer, OpenedMessage } from './layers.ts';

/** Written on the way, so that no author can have protected them (RFC 9788 section 7). */
const KEPT_OUTSIDE: ReadonlySet<string> = new Set([
  'received',
  'return-path',
  'delivered-to',
  'auto-submitted',
  'date',
  'message-id',
  'list-id',
  'list-help',
  'list-subscribe',
  'list-unsubscribe',
  'list-unsubscribe-post',
  'list-post',
  'list-owner',
  'list-archive',
  'archived-at',
  'precedence',
]);

/** A header section and the body that goes with it. */
export interface RestoredMessage {
  readonly header: readonly HeaderField[];
  readonly body: Content;
}

/**
 * The message without the given layers, its protected header fields in place of the outer ones (RFC
 * 9788 section 4.5). What stands inside but is covered by nothing restores no field; a From that no
 * signature is bound to does not replace another one (section 4.4).
 */
export function restoredMessage(
  message: OpenedMessage,
  removed: readonly Layer[],
  isFromBound: boolean,
): RestoredMessage {
  let entity = message.root;
  let { header } = entity;
  let coverage: ProtectedHeader['coverage'] = 'nothing';
  for (const layer of removed) {
    if (layer.kind === 'broken' || layer.inside === null) break;
    entity = layer.inside;
    coverage = coverageWithin(layer, coverage);
    // Step by step: a layer between may be the one that carries the protected fields.
    const fields = coverage === 'nothing' ? entity.header.filter(isOfBody) : entity.header;
    const isMarked = entity === message.content && isMarkedForm(message.protectedHeader);
    header = mergedHeader(header, fields, isMarked && coverage !== 'nothing');
  }
  if (entity === message.root) return { header, body: entity.body };
  const whole = withCarrier(message, { entity, header }, isFromBound);
  return { ...whole, header: withShownFrom(whole.header, message.root.header, isFromBound) };
}

interface Step {
  readonly entity: Entity;
  readonly header: readonly HeaderField[];
}

/** Takes in what the protected header holds beyond the layers that were taken off. */
function withCarrier(message: OpenedMessage, step: Step, isFromBound: boolean): RestoredMessage {
  const { protectedHeader } = message;
  const { carrier, coverage, form, from } = protectedHeader;
  const { entity, header } = step;
  const isWhole = entity === message.content;
  const body = (isWhole ? protectedHeader.withoutLegacyDisplay?.body : undefined) ?? entity.body;
  const plain = { header, body };
  if (carrier === null || coverage === 'nothing' || !isMarkedForm(protectedHeader)) return plain;
  if (form === 'rfc822') {
    // Under another author's name somebody else's words: then it is handed on as an attachment.
    if (from?.matchesOuter !== true && !isFromBound) return plain;
    if (isWhole) return { header: mergedHeader(header, carrier.header, true), body: carrier.body };
  }
  if (isWhole) return { header: withBodyOf(header, protectedHeader), body };
  // A signature stays around the payload: its fields show outside, its bytes stay.
  const shown = carrier.header.filter((field) => !isOfBody(field));
  return { header: mergedHeader(header, [...shown, ...header.filter(isOfBody)], true), body };
}

function isMarkedForm({ form }: ProtectedHeader): boolean {
  return form !== 'none' && form !== 'unmarked';
}

/** Without the marks, and with the fields that go with the body once its legacy display is gone. */
function withBodyOf(
  header: readonly HeaderField[],
  { withoutLegacyDisplay }: ProtectedHeader,
): readonly HeaderField[] {
  const own = withoutLegacyDisplay?.header.filter(isOfBody) ?? null;
  const fields = own === null ? header : [...header.filter((field) => !isOfBody(field)), ...own];
  return fields.map((field) =>
    field.name.toLowerCase() === 'content-type' ? withoutHp(field) : field,
  );
}

function isOfBody(field: HeaderField): boolean {
  return isStructural(field.name.toLowerCase());
}

// SM-12: where the inside has header fields, the outside ones prove nothing and must not be shown;
// those written on the way are the exception.
function mergedHeader(
  outer: readonly HeaderField[],
  inner: readonly HeaderField[],
  isMarked: boolean,
): readonly HeaderField[] {
  const inside = inner.filter(
    (field) => isOfBody(field) || isProtectable(field.name.toLowerCase()),
  );
  const names = new Set(inside.map((field) => field.name.toLowerCase()));
  const isProtected = isMarked || names.has('from');
  const keptOuter = outer.filter((field) => {
    const name = field.name.toLowerCase();
    if (isOfBody(field)) return name === 'mime-version' && !names.has(name);
    if (names.has(name) || isHpOuter(name)) return false;
    return !isProtected || name === 'from' || KEPT_OUTSIDE.has(name);
  });
  return [...keptOuter, ...inside];
}

/** RFC 9788 section 4.4.3: the outer From is the one that others on the way have looked at. */
function withShownFrom(
  header: readonly HeaderField[],
  outer: readonly HeaderField[],
  isFromBound: boolean,
): readonly HeaderField[] {
  const shown = fieldsNamed(outer, 'from');
  if (isFromBound || shown.length === 0 || sameAuthors(outer, header)) return header;
  const others = header.filter((field) => field.name.toLowerCase() !== 'from');
  return [...shown, ...others];
}
