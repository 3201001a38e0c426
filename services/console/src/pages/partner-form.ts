import { isRecordField, type RecordField } from '../desk/partner-record.ts';
import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { field, select, textArea } from './parts.ts';

export interface FieldFault {
  readonly path: string;
  readonly reason: string;
}

/** Groups of the form in their order. */
const GROUPS: readonly (readonly [
  keyof Catalogue['partners']['edit']['groups'],
  readonly RecordField[],
])[] = [
  ['who', ['name', 'domains']],
  ['agreement', ['agreement.id', 'agreement.validUntil', 'agreement.contact', 'agreement.asserts']],
  [
    'outbound',
    [
      'outbound.encrypt',
      'outbound.sign',
      'outbound.signNoneReason',
      'outbound.profile',
      'outbound.to',
      'outbound.otherwise',
    ],
  ],
  [
    'inbound',
    [
      'inbound.signature',
      'inbound.encryption',
      'inbound.tls.level',
      'inbound.deliver',
      'inbound.otherwise',
    ],
  ],
  ['tls', ['tls.level', 'tls.match', 'tls.minVersion', 'tls.requireTls']],
  ['trust', ['trust.pinned', 'trust.anchors', 'trust.revocation', 'trust.keyChange']],
];

const AREAS: ReadonlySet<RecordField> = new Set([
  'domains',
  'tls.match',
  'trust.pinned',
  'trust.anchors',
  'agreement.asserts',
]);

const CERTIFICATES: ReadonlySet<RecordField> = new Set(['trust.pinned', 'trust.anchors']);

/** How the schema says that a field is not there. */
const MISSING = /received undefined$/;

export interface FormParts {
  readonly values: ReadonlyMap<RecordField, string>;
  readonly faults: readonly FieldFault[];
  /** What holds for a field that the record says nothing of. */
  readonly inherited?: ReadonlyMap<string, string>;
  readonly text: Catalogue;
}

/** The field that a fault belongs to: `domains.0` is in `domains`. Null: it has no place in the form. */
function fieldOf(path: string): RecordField | null {
  const parts = path.split('.');
  for (let length = parts.length; length > 0; length -= 1) {
    const name = parts.slice(0, length).join('.');
    if (isRecordField(name)) return name;
  }
  return null;
}

/** Faults that no field of the form can show. */
export function otherFaults(faults: readonly FieldFault[]): readonly FieldFault[] {
  return faults.filter(({ path }) => fieldOf(path) === null);
}

/** The fields of a partner's record. An empty choice leaves the field to what is inherited. */
export function recordFields(parts: FormParts): Html {
  const { groups } = parts.text.partners.edit;
  return html`${GROUPS.map(
    ([group, names]) =>
      html`<fieldset><legend>${groups[group]}</legend><div class="fields">${names.map((name) => input(name, parts))}</div></fieldset>`,
  )}`;
}

function input(name: RecordField, { values, faults, inherited, text }: FormParts): Html {
  const { edit } = text.partners;
  const { labels, words, inherit } = edit;
  const fault = faults
    .filter(({ path }) => fieldOf(path) === name)
    .map(({ reason }) => (MISSING.test(reason) ? edit.missing : reason))
    .join('; ');
  const of = {
    name,
    label: labels[name],
    value: values.get(name) ?? '',
    required: name === 'name' || name === 'domains',
    ...(fault === '' ? {} : { fault }),
  };
  const choices = Object.entries(words).find(([key]) => key === name)?.[1];
  if (choices !== undefined) {
    const options: readonly (readonly [string, string])[] = Object.entries(choices);
    const held = inherited?.get(name);
    const words_ = held === undefined ? inherit : edit.inheritOf(held);
    return select({ ...of, options: [['', words_], ...options] });
  }
  // A field of one line loses the ends of lines: what is a list stands with commas there.
  if (!AREAS.has(name)) return field({ ...of, value: of.value.replaceAll('\n', ', ') });
  const area = textArea({ ...of, rows: 3 });
  return CERTIFICATES.has(name) ? html`<div>${area}${fileInto(name, edit.file)}</div>` : area;
}

/** Where scripts run, a file is read into the field above it. */
function fileInto(name: RecordField, words: string): Html {
  return html`<div class="file-into" hidden><label for="${name}-file">${words}</label> <input type="file" id="${name}-file" data-into="${name}" accept=".pem,.crt,.cer,.txt"></div>`;
}

/** What was sent, to show it again beside the faults. */
export function valuesOf(form: URLSearchParams): ReadonlyMap<RecordField, string> {
  const values = new Map<RecordField, string>();
  for (const name of form.keys()) {
    if (isRecordField(name)) values.set(name, form.getAll(name).join('\n'));
  }
  return values;
}
