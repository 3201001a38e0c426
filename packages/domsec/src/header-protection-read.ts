import type { Mailbox } from '@sallyport/mail';
import {
  authors,
  canonicalise,
  contentType,
  decodeBody,
  type Entity,
  fieldsNamed,
  type HeaderField,
  type MimeLimits,
  readEntity,
} from '@sallyport/mime';
import { isCryptographic } from './header-protection.ts';
import {
  changedFields,
  fieldsOf,
  outerClaims,
  type ProtectedField,
} from './header-protection-claims.ts';
import { withoutLegacyDisplay } from './header-protection-legacy.ts';
import type { Layer, OpenedMessage } from './layers.ts';
import { mailboxKey } from './originators.ts';

export type { ProtectedField } from './header-protection-claims.ts';

/** RFC 9788 section 4.4: the From of the inside beside the one that everybody on the way could write. */
export interface ProtectedFrom {
  readonly mailboxes: readonly Mailbox[];
  /** There twice, or not to be understood. */
  readonly malformed: boolean;
  /** True if the outer From names the same mailboxes. */
  readonly matchesOuter: boolean;
}

/** The header fields inside of a message's protection, and what is known of them. */
export interface ProtectedHeader {
  /**
   * How they are marked. `hp-clear`, `hp-cipher`: RFC 9788. `rfc822`: a message/rfc822 wrapping (RFC
   * 8551 section 3.1). `v1`: the older parameter protected-headers. `unmarked`: they just stand
   * there, as gateways wrote them before RFC 9788. `none`: there are none.
   */
  readonly form: 'hp-clear' | 'hp-cipher' | 'rfc822' | 'v1' | 'unmarked' | 'none';
  /** What stands around them; whether a signature is valid and whose it is, the verdict says. */
  readonly coverage: 'signature' | 'encryption' | 'nothing';
  readonly fields: readonly ProtectedField[];
  /** Null if no From is inside. */
  readonly from: ProtectedFrom | null;
  /** Names of fields that stand outside with other values than their author put there. */
  readonly changedOutside: readonly string[];
  /** What is wrong with the marks, as sentences; wrong marks are taken as absent. */
  readonly faults: readonly string[];
  /** Whose header it is: for `rfc822` the wrapped message. Null without protected fields. */
  readonly carrier: Entity | null;
  /** The content without its legacy display elements (RFC 9788 section 4.5.3); null if it has none. */
  readonly withoutLegacyDisplay: Entity | null;
}

type Taken = Pick<OpenedMessage, 'root' | 'layers' | 'content'>;

/**
 * Finds the protected header of a message that was taken apart (RFC 9788 section 4). The marks count
 * on the Cryptographic Payload alone; a message whose layers do not all open has none that is known.
 *
 * @throws what the content's own read throws.
 */
export async function readProtectedHeader(
  message: Taken,
  limits: MimeLimits,
): Promise<ProtectedHeader> {
  if (!isReached(message)) return { ...NONE, faults: [] };
  const marks = await readMarks(message.content, limits);
  const found = marks.form === 'none' ? carrierBetween(message) : marks;
  const { form, carrier } = found;
  if (carrier === null) return { ...NONE, faults: marks.faults };
  const coverage = coverageOf(message.layers, found.depth ?? message.layers.length);
  const encrypted = message.layers.some((layer) => layer.kind === 'encrypted');
  const claims = outerClaims(message.root, { form, carrier, encrypted });
  const hasElements = form === 'hp-cipher' && encrypted && coverage !== 'nothing';
  return {
    form,
    coverage,
    fields: fieldsOf(message.root, carrier, claims),
    from: fromOf(message.root.header, carrier.header),
    changedOutside: changedFields(message.root.header, claims.expected),
    faults: [...marks.faults, ...claims.faults],
    carrier,
    withoutLegacyDisplay: hasElements ? await withoutLegacyDisplay(message.content, limits) : null,
  };
}

const NONE: ProtectedHeader = {
  form: 'none',
  coverage: 'nothing',
  fields: [],
  from: null,
  changedOutside: [],
  faults: [],
  carrier: null,
  withoutLegacyDisplay: null,
};

/** True if the innermost entity is what the last layer holds. */
function isReached({ layers, content }: Taken): boolean {
  const last = layers.at(-1);
  return last !== undefined && last.kind !== 'broken' && last.inside === content;
}

interface Marks {
  readonly form: ProtectedHeader['form'];
  readonly carrier: Entity | null;
  readonly faults: readonly string[];
  /** How many layers stand around the carrier; all of them if it is not said. */
  readonly depth?: number;
}

async function readMarks(payload: Entity, limits: MimeLimits): Promise<Marks> {
  const type = contentType(payload);
  const hp = type.parameters.get('hp')?.toLowerCase();
  if (type.malformed) {
    // Two readers may disagree about what such a field says: it marks nothing.
    const text = fieldsNamed(payload, 'content-type')
      .map((field) => field.value)
      .join(';');
    const faults = /\bhp\b/i.test(text) ? ['the parameter hp is there twice or unclear'] : [];
    return { form: 'none', carrier: null, faults };
  }
  if (hp === 'clear' || hp === 'cipher') return { form: `hp-${hp}`, carrier: payload, faults: [] };
  const faults = hp === undefined ? [] : ['the parameter hp has a value that is not known'];
  if (type.type === 'message' && type.subtype === 'rfc822' && hp === undefined) {
    if (type.parameters.get('forwarded')?.toLowerCase() === 'yes') return { ...UNMARKED, faults };
    return await readWrapped(payload, limits);
  }
  const v1 = type.parameters.get('protected-headers')?.toLowerCase() === 'v1';
  return v1 ? { form: 'v1', carrier: payload, faults } : { ...UNMARKED, faults };
}

const UNMARKED = { form: 'none', carrier: null } as const;

// RFC 9788 section 4.10.1: a wrapped message that begins with a layer of its own, or has marks of its
// own, is a forwarded one.
async function readWrapped(payload: Entity, limits: MimeLimits): Promise<Marks> {
  const body = await decodeBody(payload);
  let read = await readEntity(body, limits);
  // What is wrapped often keeps the line ends of the store it came from.
  if (read.kind === 'malformed') read = await readEntity(await canonicalise(body), limits);
  if (read.kind === 'malformed') {
    return { ...UNMARKED, faults: ['the wrapped message cannot be read'] };
  }
  const wrapped = read.value;
  const isMessage = fieldsNamed(wrapped, 'from').length > 0;
  const isForward =
    !isMessage || isCryptographic(wrapped) || contentType(wrapped).parameters.has('hp');
  return isForward ? { ...UNMARKED, faults: [] } : { form: 'rfc822', carrier: wrapped, faults: [] };
}

/** Fields that stand unmarked: at the innermost entity within a layer that has a From. */
function carrierBetween({ layers }: Taken): Marks {
  const depth = layers.findLastIndex(
    (layer) =>
      layer.kind !== 'broken' &&
      layer.inside !== null &&
      fieldsNamed(layer.inside, 'from').length > 0,
  );
  const layer = layers[depth];
  const carrier = layer === undefined || layer.kind === 'broken' ? null : layer.inside;
  return { form: 'unmarked', carrier, faults: [], depth: depth + 1 };
}

// RFC 3183 section 3: the empty layer covers nothing, and CBC alone does not prove what it decrypts to.
function coverageOf(layers: readonly Layer[], depth: number): ProtectedHeader['coverage'] {
  let coverage: ProtectedHeader['coverage'] = 'nothing';
  for (const layer of layers.slice(0, depth)) coverage = coverageWithin(layer, coverage);
  return coverage;
}

/** What covers the inside of a layer whose outside is covered by `outside`. */
export function coverageWithin(
  layer: Layer,
  outside: ProtectedHeader['coverage'],
): ProtectedHeader['coverage'] {
  switch (layer.kind) {
    case 'signed':
      return layer.empty ? outside : 'signature';
    case 'encrypted':
      if (outside === 'signature' && layer.authenticated) return outside;
      return layer.authenticated ? 'encryption' : 'nothing';
    case 'compressed':
      return outside;
    default:
      return 'nothing';
  }
}

function fromOf(
  outer: readonly HeaderField[],
  inner: readonly HeaderField[],
): ProtectedFrom | null {
  if (fieldsNamed(inner, 'from').length === 0) return null;
  const { from, malformed } = authors(inner);
  return { mailboxes: from, malformed, matchesOuter: sameAuthors(outer, inner) };
}

/** RFC 9788 section 4.4.5: whether both name the same mailboxes in From. */
export function sameAuthors(outer: readonly HeaderField[], inner: readonly HeaderField[]): boolean {
  const outside = new Set(authors(outer).from.map(mailboxKey));
  const inside = new Set(authors(inner).from.map(mailboxKey));
  return (
    inside.size > 0 && inside.size === outside.size && [...inside].every((key) => outside.has(key))
  );
}
