import { fieldRows, valuesOf } from './json-schema.ts';
import { formatHead, formatTable } from './table.ts';

/** The page of the partner policy, from its JSON Schema. */
export function formatPolicy(schema: unknown): string {
  const rows = fieldRows(schema).map(({ path, node, isRequired }) => [
    `\`${path}\``,
    node.description ?? '',
    valuesOf(node),
    node.default === undefined
      ? isRequired
        ? 'required'
        : ''
      : `\`${JSON.stringify(node.default)}\``,
  ]);
  return [
    ...formatHead('Partner policy reference', 'packages/policy'),
    'One YAML document holds the whole policy. `sallyport partner import` checks it, gives it the next',
    'version number and puts it in force. A version is never changed once written. An unknown key is',
    'an error.',
    '',
    '`partners[]` are those you agreed with. `default` is everyone else. A partner whose agreement has',
    'ended falls under no other rule: its mail is held.',
    '',
    ...formatTable(['field', 'meaning', 'values', 'default'], rows),
    '',
  ].join('\n');
}
