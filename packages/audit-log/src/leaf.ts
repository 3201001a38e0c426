import { hash } from 'node:crypto';
import { z } from 'zod';
import type { AuditEvent } from './event.ts';
import { hidePersonal, mayRepeat } from './personal-text.ts';

/** Half a surrogate pair hashes as the replacement character does: where it may stand, two texts are one. */
export const hashedText = z.string().refine((text) => text.isWellFormed(), 'half a surrogate pair');

/** A personal value beside its leaf; it may be withheld or erased, and the proofs still hold. */
export const personalValueSchema = z.strictObject({
  /** 16 random bytes in hex: were it of any length, its end could pass for the beginning of the value. */
  salt: z.string().regex(/^[0-9a-f]{32}$/),
  value: hashedText,
});
type PersonalValue = Readonly<z.infer<typeof personalValueSchema>>;
export type PersonalValues = Readonly<Record<string, PersonalValue>>;

/** One event as it is written: the text that is hashed, and the personal values beside it. */
export interface Leaf {
  readonly leaf: string;
  readonly personal: PersonalValues;
}

/** What the recorder gives a leaf. */
export interface LeafFacts {
  readonly index: number;
  readonly time: Date;
  /** A fresh salt in hex for each personal field. */
  readonly salt: () => string;
}

/** The leaf of an event. Personal fields enter it as SHA-256(salt || value), and other texts name them by a mark. */
export function leafOf(event: AuditEvent, facts: LeafFacts): Leaf {
  const { personal: fields, ...plain } = event;
  const personal: Record<string, PersonalValue> = {};
  const hashes: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields ?? {})) {
    const salted = { salt: facts.salt(), value: value.toWellFormed() };
    personal[name] = salted;
    hashes[name] = personalHash(salted);
  }
  const text = (said: object): string =>
    JSON.stringify({
      index: facts.index,
      time: facts.time.toISOString(),
      ...said,
      ...(fields === undefined ? {} : { personal: hashes }),
    });
  const leaf = text(plain);
  if (fields === undefined || !mayRepeat(leaf, fields)) return { leaf, personal };
  return { leaf: text(hidePersonal(plain, fields)), personal };
}

/** SHA-256(salt || value) in hex. */
export function personalHash(personal: PersonalValue): string {
  const salt = Buffer.from(personal.salt, 'hex');
  return hash('sha256', Buffer.concat([salt, Buffer.from(personal.value, 'utf8')]));
}

/** The name of a personal value that is not what the leaf has the hash of; null if all are. */
export function wrongPersonal(
  values: PersonalValues,
  hashes: Readonly<Record<string, string>>,
): string | null {
  for (const [name, value] of Object.entries(values)) {
    if (!Object.hasOwn(hashes, name) || hashes[name] !== personalHash(value)) return name;
  }
  return null;
}

const leafSchema = z.looseObject({
  index: z.int().nonnegative(),
  time: z.string(),
  kind: z.string(),
  queueId: z.string().optional(),
  personal: z.record(z.string(), z.string()).optional(),
});

/** What every leaf says, whatever its kind; personal fields are hashes. */
export type LeafContent = z.infer<typeof leafSchema>;

/** @returns null if the text is no leaf. */
export function parseLeaf(leaf: string): LeafContent | null {
  try {
    return leafSchema.safeParse(JSON.parse(leaf)).data ?? null;
  } catch {
    return null;
  }
}
