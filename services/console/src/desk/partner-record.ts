import type { PolicyDocument } from '@sallyport/policy';

type Partner = PolicyDocument['partners'][number];
type Raw = Readonly<Record<string, unknown>>;

/** How a field of a partner's record is written in a form. */
type Kind = 'text' | 'lines' | 'pems' | 'flag';

/**
 * The fields of a record that have a place in the form, by their path. All others are kept as they
 * are, and changed in the text of the whole record.
 */
const RECORD_FIELDS = {
  name: 'text',
  domains: 'lines',
  'agreement.id': 'text',
  'agreement.asserts': 'text',
  'agreement.validUntil': 'text',
  'agreement.contact': 'text',
  'outbound.sign': 'text',
  'outbound.signNoneReason': 'text',
  'outbound.profile': 'text',
  'outbound.encrypt': 'text',
  'outbound.to': 'lines',
  'outbound.otherwise': 'text',
  'inbound.signature': 'text',
  'inbound.encryption': 'text',
  'inbound.deliver': 'text',
  'inbound.otherwise': 'text',
  'inbound.tls.level': 'text',
  'tls.level': 'text',
  'tls.match': 'lines',
  'tls.minVersion': 'text',
  'tls.requireTls': 'flag',
  'trust.anchors': 'pems',
  'trust.pinned': 'pems',
  'trust.revocation': 'text',
  'trust.keyChange': 'text',
} as const satisfies Readonly<Record<string, Kind>>;
export type RecordField = keyof typeof RECORD_FIELDS;

export function isRecordField(path: string): path is RecordField {
  return Object.hasOwn(RECORD_FIELDS, path);
}

const BEGINS = /-----BEGIN CERTIFICATE-----/g;
const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Certificates out of a text that may hold anything around them. */
export function splitPems(text: string): string[] {
  return (text.match(PEM) ?? []).map((one) => `${one.replaceAll('\r\n', '\n')}\n`);
}

/**
 * A record with what a form says of it. An empty field says nothing, so what is inherited holds. A
 * name that stands several times, as boxes to tick do, is joined. Whether it is right shows later.
 */
export function withForm(record: Raw, form: URLSearchParams): Raw {
  let result: Raw = record;
  for (const [path, kind] of Object.entries(RECORD_FIELDS)) {
    if (!form.has(path)) continue;
    const text = form.getAll(path).join('\n');
    result = setAt(result, path.split('.'), parsed(kind, text));
  }
  return withoutEmpty(result);
}

function parsed(kind: Kind, text: string): unknown {
  switch (kind) {
    case 'text':
      return text.trim() === '' ? undefined : text.trim();
    case 'flag':
      return FLAGS.get(text);
    case 'lines': {
      const lines = text.split(/[\s,]+/).filter((line) => line !== '');
      return lines.length === 0 ? undefined : lines;
    }
    case 'pems':
      return text.trim() === '' ? undefined : parsedPems(text);
  }
}

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ['yes', true],
  ['no', false],
]);

/** What is no certificate, or one that lost its end, is left to the schema to refuse. */
function parsedPems(text: string): string[] {
  const pems = splitPems(text);
  const isWhole = pems.length > 0 && pems.length === text.match(BEGINS)?.length;
  return isWhole ? [...new Set(pems)] : [text.trim()];
}

function rawOf(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function setAt(record: Raw, [first = '', ...rest]: readonly string[], value: unknown): Raw {
  const inner = rest.length === 0 ? value : setAt(rawOf(record[first]), rest, value);
  const { [first]: _, ...others } = record;
  return inner === undefined ? others : { ...record, [first]: inner };
}

/** Sections that say nothing any more. */
function withoutEmpty(record: Raw): Raw {
  const entries = Object.entries(record).flatMap(([name, value]): [string, unknown][] => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[name, value]];
    const inner = withoutEmpty(rawOf(value));
    return Object.keys(inner).length === 0 ? [] : [[name, inner]];
  });
  return Object.fromEntries(entries);
}

/** What a form shows of a record: what the record itself says, nothing where it inherits. */
export function formOf(record: Raw): ReadonlyMap<RecordField, string> {
  const values = new Map<RecordField, string>();
  for (const path of Object.keys(RECORD_FIELDS)) {
    if (!isRecordField(path)) continue;
    let value: unknown = record;
    for (const part of path.split('.')) value = rawOf(value)[part];
    if (value !== undefined && value !== null) values.set(path, shownAs(value));
  }
  return values;
}

function shownAs(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join('\n');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(value);
}

/** What a partner says in its certificates' place, PEM. */
export function pemsOf({ trust }: Pick<Partner, 'trust'>): readonly string[] {
  return [
    ...trust.pinned,
    ...trust.anchors,
    ...(trust.encryptAnchors ?? []),
    ...(trust.signAnchors ?? []),
  ];
}
