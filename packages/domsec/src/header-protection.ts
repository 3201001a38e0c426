import { bufferContent, type Content, concatContent } from '@sallyport/mail';
import { contentType, type Entity, fieldsNamed, type HeaderField } from '@sallyport/mime';
import {
  hpOuterField,
  isBlind,
  isHpOuter,
  isProtectable,
  isStructural,
  newField,
  withLineEnd,
} from './header-protection-fields.ts';
import { type HeaderConfidentiality, outerValue } from './header-protection-policy.ts';
import { withHp, withoutHp } from './header-protection-type.ts';

export type { HeaderConfidentiality } from './header-protection-policy.ts';

/** How the header fields of an outgoing message are treated. */
export interface HeaderTreatment {
  /** True if they go inside the signature or encryption, beside those that describe the body. */
  readonly protectHeaders: boolean;
  /** Set if the message will be encrypted: what then stays readable outside. */
  readonly headerConfidentiality?: HeaderConfidentiality | undefined;
}

/**
 * The bytes that get signed or encrypted: the message as submitted, without trace and Bcc fields.
 *
 * With `protectHeaders` it is a Cryptographic Payload of RFC 9788: all header fields, the parameter
 * `hp` and, if it will be encrypted, an HP-Outer field for each that stays outside. What came signed
 * or encrypted keeps its bytes: its fields go along without marks. The body is never touched.
 */
export function signedPayload(message: Entity, treatment: HeaderTreatment): Content {
  const fields = compose(message, treatment).inner.map((field) => withLineEnd(field).raw);
  return concatContent([bufferContent(Buffer.concat([...fields, EMPTY_LINE])), message.body]);
}

/**
 * The header fields outside of the protected message: all but Bcc and those of the body. For what
 * will be encrypted those that the policy hides are gone or altered, if the inside brings them back.
 */
export function outerHeader(
  message: Entity,
  treatment: HeaderTreatment = { protectHeaders: false },
): readonly HeaderField[] {
  return compose(message, treatment).outer;
}

const EMPTY_LINE = Buffer.from('\r\n');

interface Composed {
  readonly inner: readonly HeaderField[];
  readonly outer: readonly HeaderField[];
}

/** The function Compose of RFC 9788 section 5.2.1, as far as it concerns header fields. */
function compose(message: Entity, treatment: HeaderTreatment): Composed {
  const outside = message.header.filter(({ name }) => isOutside(name.toLowerCase()));
  const structural = message.header.filter(({ name }) => isStructural(name.toLowerCase()));
  if (!treatment.protectHeaders) {
    return { inner: structural.map(unmarked), outer: outside };
  }
  const inside = message.header.filter(({ name }) => isProtectable(name.toLowerCase()));
  const outer = outside.filter(({ name }) => name.toLowerCase() !== 'dkim-signature');
  if (isCryptographic(message)) return { inner: inside, outer };
  const policy = treatment.headerConfidentiality;
  const marked = withMark(inside, policy === undefined ? 'clear' : 'cipher');
  const visible = policy === undefined ? outer : hide(outer, policy);
  // Not weaker than the rule: gateways find the fields without marks too.
  if (marked === null) return { inner: inside.map(unmarked), outer: visible };
  if (policy === undefined) return { inner: marked, outer };
  const listed = visible.filter(({ name }) => isProtectable(name.toLowerCase()));
  return { inner: [...marked, ...listed.map(asHpOuter)], outer: visible };
}

// What a submitter wrote about header protection says nothing about ours.
function isOutside(name: string): boolean {
  return !isStructural(name) && !isBlind(name) && !isHpOuter(name);
}

function unmarked(field: HeaderField): HeaderField {
  return field.name.toLowerCase() === 'content-type' ? withoutHp(field) : field;
}

/** True if the message is a layer already, which must stay as it is (RFC 3183 section 3, method 2). */
export function isCryptographic(message: Entity): boolean {
  const { type, subtype } = contentType(message);
  if (type === 'multipart') return subtype === 'signed' || subtype === 'encrypted';
  return type === 'application' && /^(x-)?pkcs7-mime$/.test(subtype);
}

/** The fields with hp on their Content-Type; null if it cannot be put where every reader finds it. */
function withMark(fields: readonly HeaderField[], hp: 'clear' | 'cipher'): HeaderField[] | null {
  const [type, ...others] = fieldsNamed(fields, 'content-type');
  if (others.length > 0) return null;
  if (type === undefined) {
    // RFC 2045 section 5.2: what an entity without the field is.
    return [...fields, newField('Content-Type', `text/plain; charset=us-ascii; hp="${hp}"`)];
  }
  const marked = withHp(type, hp);
  return marked === null ? null : fields.map((field) => (field === type ? marked : field));
}

/** What stays of the fields outside of an encrypted message. */
function hide(fields: readonly HeaderField[], policy: HeaderConfidentiality): HeaderField[] {
  return fields.flatMap((field) => {
    const name = field.name.toLowerCase();
    // Some clients repeat Subject in it, without Re: it would give away what the policy hides.
    if (name === 'thread-topic' && policy !== 'none') return [];
    const value = isProtectable(name) ? outerValue(policy, name, field.value) : field.value;
    if (value === null) return [];
    return [value === field.value ? field : newField(field.name, value)];
  });
}

function asHpOuter(field: HeaderField): HeaderField {
  const raw = hpOuterField(field);
  return { name: 'HP-Outer', raw, value: `${field.name}: ${field.value}` };
}
