import { EVENT_NOTES } from './event-notes.ts';
import { choicesOf, fieldRows, nodeOf, valuesOf } from './json-schema.ts';
import { formatHead, formatTable } from './table.ts';

/** Fields that every event may have; told once. */
const COMMON = ['sentence', 'rule', 'policyVersion', 'details', 'personal'];

/** The page of audit events. @throws Error for an event without a note, and the other way round. */
export function formatEvents(schema: unknown): string {
  const events = choicesOf(nodeOf(schema));
  const kinds = events.map((event) => String(nodeOf(event.properties?.['kind']).const));
  const orphan = Object.keys(EVENT_NOTES).find((kind) => !kinds.includes(kind));
  if (orphan !== undefined) throw new Error(`event-notes.ts tells of ${orphan}, which is no event`);
  const sections = events.flatMap((event, index) => {
    const kind = kinds[index] ?? '';
    const note = EVENT_NOTES[kind];
    if (note === undefined) throw new Error(`event-notes.ts says nothing of ${kind}`);
    const rows = fieldRows(event)
      .filter(({ path }) => path !== 'kind' && !COMMON.includes(path.split(/[.[]/)[0] ?? ''))
      .map(({ path, node, isRequired }) => [
        `\`${path}\``,
        valuesOf(node),
        isRequired ? 'always' : '',
      ]);
    return [`## ${kind}`, '', note, '', ...formatTable(['field', 'values', 'there'], rows), ''];
  });
  return [
    ...formatHead('Audit events', 'packages/audit-log'),
    'Every fact that the audit log can hold. The list is closed: the recorder refuses anything else.',
    '',
    'Every leaf also has `index` and `time` (RFC 3339, UTC). Every event may have these fields:',
    '',
    '- `sentence`: what was found, what it means, what to do.',
    '- `rule`: the rule of the policy that decided.',
    '- `policyVersion`: the version of the policy that was in force.',
    '- `details`: further plain facts.',
    '- `personal`: addresses, subjects, logins, client addresses. They are in the leaf as SHA-256 of',
    '  salt and value only. Salt and value lie beside the leaf and can be taken away; proofs still hold.',
    '',
    ...sections,
  ].join('\n');
}
