import { type Entity, fieldsNamed, type HeaderField } from '@sallyport/mime';
import {
  isHpOuter,
  isProtectable,
  isStructural,
  parseHpOuter,
} from './header-protection-fields.ts';
import type { ProtectedHeader } from './header-protection-read.ts';

/** One header field from the inside of a message. */
export interface ProtectedField {
  readonly name: string;
  /** Unfolded; one character per octet. */
  readonly value: string;
  /**
   * `confidential`: nobody on the way could read it. `visible`: it stood outside too, or nothing
   * encrypted it. `exposed`: its author says it was hidden, yet it stands outside.
   */
  readonly secrecy: 'confidential' | 'visible' | 'exposed';
}

export interface Claims {
  /** Pairs that stand outside by the word of the author; null if nothing is confidential. */
  readonly visible: ReadonlySet<string> | null;
  /** What the author put outside; null where that is not known. */
  readonly expected: readonly Pair[] | null;
  readonly faults: readonly string[];
}

interface Pair {
  readonly name: string;
  readonly value: string;
}

/** RFC 9788 sections 4.2.1, 4.3.1 and 4.10.2: what its author put outside. */
export function outerClaims(
  root: Entity,
  found: {
    readonly form: ProtectedHeader['form'];
    readonly carrier: Entity;
    readonly encrypted: boolean;
  },
): Claims {
  const { form, carrier, encrypted } = found;
  const inside = pairsOf(carrier);
  if (!encrypted) {
    // RFC 9788 section 2.1.1: the word is an intent; only a layer that encrypts makes secret.
    const faults = form === 'hp-cipher' ? ['hp says cipher, but nothing is encrypted'] : [];
    return { visible: null, expected: inside, faults };
  }
  if (form === 'hp-cipher') {
    const listed = fieldsNamed(carrier, 'hp-outer').map((field) => parseHpOuter(field.value));
    const pairs = listed.filter((pair) => pair !== null);
    const faults = pairs.length < listed.length ? ['an HP-Outer field cannot be read'] : [];
    return { visible: new Set(pairs.map(keyOf)), expected: pairs, faults };
  }
  if (form === 'rfc822' || form === 'v1') {
    return { visible: new Set(pairsOf(root).map(keyOf)), expected: null, faults: [] };
  }
  // RFC 9788 section 10.2: somebody on the way may have added the encryption.
  return { visible: null, expected: form === 'hp-clear' ? inside : null, faults: [] };
}

/** The fields that a policy could be about, names in lower case. */
function pairsOf({ header }: Entity): Pair[] {
  return header
    .map(({ name, value }) => ({ name: name.toLowerCase(), value }))
    .filter(({ name }) => !isStructural(name) && !isHpOuter(name));
}

/** Compared as they are, after unfolding: anything looser would claim too much or too little. */
function keyOf({ name, value }: Pair): string {
  return `${name}:${value}`;
}

/** The protected fields, each with what became of it outside. */
export function fieldsOf(root: Entity, carrier: Entity, { visible }: Claims): ProtectedField[] {
  const outside = new Set(pairsOf(root).map(keyOf));
  return carrier.header
    .filter(({ name }) => !isStructural(name.toLowerCase()) && !isHpOuter(name.toLowerCase()))
    .map(({ name, value }) => {
      const key = keyOf({ name: name.toLowerCase(), value });
      const hidden = visible !== null && !visible.has(key);
      const secrecy = !hidden ? 'visible' : outside.has(key) ? 'exposed' : 'confidential';
      return { name, value, secrecy };
    });
}

/** Names of fields whose outer values are not those that their author put there. */
export function changedFields(
  outer: readonly HeaderField[],
  expected: readonly Pair[] | null,
): readonly string[] {
  if (expected === null) return [];
  const wanted = valuesByName(expected);
  const found = valuesByName(outer.map(({ name, value }) => ({ name: name.toLowerCase(), value })));
  return [...wanted]
    .filter(([name, values]) => isProtectable(name) && found.get(name) !== values)
    .map(([name]) => name);
}

/** For each name its values as one text, in the order in which they stand. */
function valuesByName(pairs: readonly Pair[]): Map<string, string> {
  const lists = new Map<string, string[]>();
  for (const { name, value } of pairs) {
    const list = lists.get(name) ?? [];
    list.push(value);
    lists.set(name, list);
  }
  return new Map([...lists].map(([name, values]) => [name, values.join('\n')]));
}
