/**
 * Inheritance: gateway, domain, partner, user. A field is taken whole from the most particular
 * layer that says it; what none says is built in. Nothing is mixed inside a field.
 */

/** Sections of a record that a layer may speak of. */
export const SECTIONS = ['outbound', 'inbound', 'tls', 'trust'] as const;
export type Section = (typeof SECTIONS)[number];

type Raw = Readonly<Record<string, unknown>>;

/** What everybody without a record gets where nothing at all is said of a section. */
export const DEFAULT_SECTIONS = {
  outbound: { profile: 'compat', encrypt: 'none' },
  inbound: {
    signature: 'when-present',
    encryption: 'when-present',
    otherwise: 'flag',
    dmarc: 'flag',
  },
  tls: { level: 'may' },
  trust: {},
} as const satisfies Record<Section, Raw>;

/** A layer's own words, from the least particular to the most. */
export interface Layer {
  /** Where it stands in the document: `base`, `domains.0`, `partners.3`, `partners.3.users.1`. */
  readonly path: string;
  readonly said: Raw;
}

function isRaw(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function rawOf(value: unknown): Raw {
  return isRaw(value) ? value : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The layers that make a record, before anything is checked. */
export function layersOf(
  document: unknown,
  of: {
    /** Index in `domains`; null for mail of a domain without an entry. */
    readonly domain: number | null;
    /** Index in `partners`; null for everybody else. */
    readonly partner: number | null;
    /** Index in `users` of that partner. */
    readonly user?: number | null;
  },
): readonly Layer[] {
  const root = rawOf(document);
  const layers: Layer[] = [{ path: 'base', said: rawOf(root['base']) }];
  if (of.domain !== null) {
    const said = rawOf(listOf(root['domains'])[of.domain]);
    layers.push({ path: `domains.${of.domain}`, said });
  }
  if (of.partner === null) return [...layers, { path: 'default', said: rawOf(root['default']) }];
  const partner = rawOf(listOf(root['partners'])[of.partner]);
  layers.push({ path: `partners.${of.partner}`, said: partner });
  if (of.user === undefined || of.user === null) return layers;
  const said = rawOf(listOf(partner['users'])[of.user]);
  return [...layers, { path: `partners.${of.partner}.users.${of.user}`, said }];
}

/** One section with everything that the layers say of it; undefined if none says anything. */
function mergeSection(layers: readonly Layer[], section: Section): unknown {
  let merged: Raw | undefined;
  for (const { said } of layers) {
    const words = said[section];
    if (words === undefined) continue;
    // No section at all: the schema says what is wrong with it.
    if (!isRaw(words)) return words;
    merged = { ...merged, ...words };
  }
  return merged;
}

function mergeSections(record: Raw, layers: readonly Layer[], sections: readonly Section[]): Raw {
  const merged: Record<string, unknown> = { ...record };
  for (const section of sections) {
    const value = mergeSection(layers, section);
    if (value !== undefined) merged[section] = value;
  }
  return merged;
}

/**
 * The document as it holds for mail of one domain of ours: every record with all that it inherits.
 * Pure and total; whatever is no document comes out as it went in, for the schema to refuse.
 */
export function withInheritance(document: unknown, domain: number | null): unknown {
  if (!isRaw(document)) return document;
  const hasLayers = document['base'] !== undefined || domain !== null;
  const { partners } = document;
  const records = Array.isArray(partners)
    ? partners.map((one: unknown, partner) =>
        isRaw(one) ? inherit(document, { domain, partner }, one) : one,
      )
    : partners;
  const said = document['default'];
  if (!hasLayers || (said !== undefined && !isRaw(said))) {
    return records === undefined ? document : { ...document, partners: records };
  }
  return {
    ...document,
    ...(records === undefined ? {} : { partners: records }),
    default: mergeSections(rawOf(said), defaultLayers(document, domain), SECTIONS),
  };
}

/** Those of everybody else: what is built in for them holds where they say nothing of a section. */
export function defaultLayers(document: unknown, domain: number | null): readonly Layer[] {
  const layers = layersOf(document, { domain, partner: null });
  const own = layers.at(-1)?.said ?? {};
  const built = SECTIONS.flatMap((section) =>
    own[section] === undefined ? [[section, DEFAULT_SECTIONS[section]] as const] : [],
  );
  return [{ path: 'built-in', said: Object.fromEntries(built) }, ...layers];
}

function inherit(document: Raw, of: { domain: number | null; partner: number }, one: Raw): Raw {
  const users = one['users'];
  const record = mergeSections(one, layersOf(document, of), SECTIONS);
  if (!Array.isArray(users)) return record;
  return {
    ...record,
    users: users.map((each: unknown, user) =>
      isRaw(each) ? mergeSections(each, layersOf(document, { ...of, user }), ['outbound']) : each,
    ),
  };
}

/** The most particular layer that says a field; null if it is built in. */
export function sourceOf(layers: readonly Layer[], section: Section, field: string): Layer | null {
  return layers.findLast(({ said }) => Object.hasOwn(rawOf(said[section]), field)) ?? null;
}

const WRITTEN = /^(?:default|partners\.(\d+)(?:\.users\.(\d+))?)\.((\w+)(?:\.(\w+))?.*)$/;

/** Where a fault of a merged record was written: `partners.0.outbound.floor` may stand in `base`. */
export function writtenAt(document: unknown, domain: number | null, path: string): string {
  const [, partner, user, rest, section, field] = WRITTEN.exec(path) ?? [];
  const named = SECTIONS.find((one) => one === section);
  if (named === undefined) return path;
  const numberOf = (text: string | undefined) => (text === undefined ? null : Number(text));
  const of = { domain, partner: numberOf(partner), user: numberOf(user) };
  const layers = layersOf(document, of);
  const source =
    field === undefined
      ? layers.findLast(({ said }) => said[named] !== undefined)
      : sourceOf(layers, named, field);
  return source === undefined || source === null ? path : `${source.path}.${rest}`;
}
