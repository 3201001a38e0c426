import { parsePolicyDocument } from '@sallyport/policy';
import { parseDocument, stringify } from 'yaml';
import type { PolicyVersion } from './version.ts';

const MAX_YAML_CHARS = 32 * 1024 * 1024;
const MAX_ALIASES = 100;

export interface Invalid {
  readonly kind: 'invalid';
  readonly faults: readonly { path: string; reason: string }[];
}

/** Parses policy YAML and checks it; nothing is written. */
export function parsePolicyYaml(
  text: string,
): { readonly kind: 'ok'; readonly document: unknown } | Invalid {
  if (text.length > MAX_YAML_CHARS) {
    return { kind: 'invalid', faults: [{ path: '', reason: 'file is too long' }] };
  }
  const yaml = parseDocument(text, { uniqueKeys: true });
  const broken = yaml.errors[0];
  if (broken !== undefined) {
    return { kind: 'invalid', faults: [{ path: '', reason: broken.message }] };
  }
  let document: unknown;
  try {
    document = yaml.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  } catch {
    return { kind: 'invalid', faults: [{ path: '', reason: 'too many YAML aliases' }] };
  }
  const parsed = parsePolicyDocument(document);
  return parsed.kind === 'ok' ? { kind: 'ok', document } : parsed;
}

/** One version as the YAML that `importPolicy` takes. */
export function exportPolicy(version: PolicyVersion): string {
  const head = `# policy version ${version.version}, ${version.time}, by ${oneLine(version.author)}: ${oneLine(version.reason)}\n`;
  return `${head}${stringify(JSON.parse(version.document), { lineWidth: 100 })}`;
}

const MAX_PARTNER_CHARS = 512 * 1024;

/** One partner's record as YAML, as it stands in a document. */
export function formatPartner(record: unknown): string {
  return stringify(record, { lineWidth: 100 });
}

/** The text of one record; whether it is right shows in the document that it becomes part of. */
export function parsePartner(
  text: string,
): { readonly kind: 'ok'; readonly record: Readonly<Record<string, unknown>> } | Invalid {
  const invalid = (reason: string): Invalid => ({
    kind: 'invalid',
    faults: [{ path: '', reason }],
  });
  if (text.length > MAX_PARTNER_CHARS) return invalid('text is too long');
  const yaml = parseDocument(text, { uniqueKeys: true });
  const broken = yaml.errors[0];
  if (broken !== undefined) return invalid(broken.message);
  let record: unknown;
  try {
    record = yaml.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    return invalid('too many YAML aliases');
  }
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    return invalid('not one record with fields');
  }
  return { kind: 'ok', record: { ...record } };
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
