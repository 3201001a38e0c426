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

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
