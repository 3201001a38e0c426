import { z } from 'zod';
import { gatewayConfigSchema } from './schema.ts';

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

/** The reference page of the config file, made from the schema. */
export function formatReference(): string {
  const schema: Node = z.toJSONSchema(gatewayConfigSchema, {
    io: 'input',
    unrepresentable: 'any',
  }) as Node;
  const rows: string[] = [];
  walk(schema, '', rows);
  return [
    '# Configuration reference',
    '',
    'Generated from the schema by `npm run docs`. One YAML file a gateway; an unknown key is an error.',
    'A relative path is relative to the folder of the file. Secrets are files, mode 600.',
    '',
    '| field | meaning | values | default |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function walk(node: Node, path: string, rows: string[]): void {
  for (const [key, inner] of Object.entries(node.properties ?? {})) {
    const here = path === '' ? key : `${path}.${key}`;
    const must = node.required?.includes(key) === true ? 'required' : '';
    const standard = inner.default === undefined ? must : `\`${JSON.stringify(inner.default)}\``;
    rows.push(
      `| \`${here}\` | ${cell(inner.description ?? '')} | ${cell(values(inner))} | ${cell(standard)} |`,
    );
    descend(inner, here, rows);
  }
}

function descend(node: Node, path: string, rows: string[]): void {
  if (node.items !== undefined) descend(node.items, `${path}[]`, rows);
  for (const choice of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) descend(choice, path, rows);
  walk(node, path, rows);
}

function values(node: Node): string {
  if (node.enum !== undefined) return node.enum.map(String).join(', ');
  if (node.const !== undefined) return String(node.const);
  return node.type ?? '';
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
