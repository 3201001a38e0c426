/** The parts of a JSON Schema that the pages show. */
export interface SchemaNode {
  readonly type?: unknown;
  readonly description?: string | undefined;
  readonly default?: unknown;
  readonly enum?: readonly unknown[] | undefined;
  readonly const?: unknown;
  readonly format?: string | undefined;
  readonly pattern?: string | undefined;
  readonly properties?: Readonly<Record<string, unknown>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly items?: unknown;
  readonly anyOf?: readonly unknown[] | undefined;
  readonly oneOf?: readonly unknown[] | undefined;
}

/** One field, with its path: `partners[].outbound.sign`. */
export interface FieldRow {
  readonly path: string;
  readonly node: SchemaNode;
  readonly isRequired: boolean;
}

/** A schema may also be `true` or `false`; those show nothing. */
export function nodeOf(value: unknown): SchemaNode {
  return typeof value === 'object' && value !== null ? value : {};
}

/** The alternatives of a node; itself if there are none. */
export function choicesOf(node: SchemaNode): readonly SchemaNode[] {
  const choices = [...(node.anyOf ?? []), ...(node.oneOf ?? [])].map(nodeOf);
  return choices.length === 0 ? [node] : choices;
}

/** Every field below a node, in the order of the schema, each path once. */
export function fieldRows(root: unknown, prefix = ''): readonly FieldRow[] {
  const rows = new Map<string, FieldRow>();
  collect(nodeOf(root), prefix, rows);
  return [...rows.values()];
}

function collect(node: SchemaNode, prefix: string, rows: Map<string, FieldRow>): void {
  for (const choice of choicesOf(node)) {
    if (choice.items !== undefined) collect(nodeOf(choice.items), `${prefix}[]`, rows);
    for (const [key, value] of Object.entries(choice.properties ?? {})) {
      const path = prefix === '' ? key : `${prefix}.${key}`;
      const inner = nodeOf(value);
      const isRequired = choice.required?.includes(key) === true;
      if (!rows.has(path)) rows.set(path, { path, node: inner, isRequired });
      collect(inner, path, rows);
    }
  }
}

/** What a field may hold, in one phrase. */
export function valuesOf(node: SchemaNode): string {
  const words = choicesOf(node).map(oneValue);
  return [...new Set(words)].filter((word) => word !== '').join(', or ');
}

function oneValue(node: SchemaNode): string {
  if (node.enum !== undefined) return node.enum.map(String).join(', ');
  if (node.const !== undefined) return String(node.const);
  if (node.type === 'array') return `list of ${valuesOf(nodeOf(node.items)) || 'values'}`;
  if (node.format !== undefined) return node.format;
  return typeof node.type === 'string' ? node.type : '';
}
