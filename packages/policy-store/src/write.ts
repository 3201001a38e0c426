/** Writing policy versions, for console and cli only. A version is never changed once written. */
import { mkdir, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePolicyDocument } from '@sallyport/policy';
import { parseDocument, stringify } from 'yaml';
import { readVersion } from './read.ts';
import { ACTIVE_FILE, hashDocument, type PolicyVersion, versionFile } from './version.ts';

const MAX_YAML_CHARS = 32 * 1024 * 1024;
const MAX_ALIASES = 100;

export type ImportResult =
  | { readonly kind: 'imported'; readonly version: PolicyVersion }
  | { readonly kind: 'invalid'; readonly faults: readonly { path: string; reason: string }[] };

/** Parses policy YAML and checks it; nothing is written. */
export function parsePolicyYaml(
  text: string,
):
  | { readonly kind: 'ok'; readonly document: unknown }
  | { readonly kind: 'invalid'; readonly faults: readonly { path: string; reason: string }[] } {
  if (text.length > MAX_YAML_CHARS) {
    return { kind: 'invalid', faults: [{ path: '', reason: 'file is too long' }] };
  }
  const yaml = parseDocument(text, { uniqueKeys: true });
  const broken = yaml.errors[0];
  if (broken !== undefined) {
    return { kind: 'invalid', faults: [{ path: '', reason: broken.message }] };
  }
  const document: unknown = yaml.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  const parsed = parsePolicyDocument(document);
  return parsed.kind === 'ok' ? { kind: 'ok', document } : parsed;
}

/** Writes the next version and puts it in force. */
export async function importPolicy(
  folder: string,
  text: string,
  by: { readonly author: string; readonly reason: string; readonly now: Date },
): Promise<ImportResult> {
  const parsed = parsePolicyYaml(text);
  if (parsed.kind === 'invalid') return parsed;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const last = await lastVersion(folder);
  const document = JSON.stringify(parsed.document);
  const version: PolicyVersion = {
    version: (last?.version ?? 0) + 1,
    author: by.author,
    reason: by.reason,
    time: by.now.toISOString(),
    previous: last?.sha256 ?? null,
    sha256: hashDocument(document),
    document,
  };
  await writeDurably(folder, versionFile(version.version), `${JSON.stringify(version)}\n`);
  await writeDurably(folder, ACTIVE_FILE, `${version.version}\n`);
  return { kind: 'imported', version };
}

/** One version as the YAML that `importPolicy` takes. */
export function exportPolicy(version: PolicyVersion): string {
  const head = `# policy version ${version.version}, ${version.time}, by ${oneLine(version.author)}: ${oneLine(version.reason)}\n`;
  return `${head}${stringify(JSON.parse(version.document), { lineWidth: 100 })}`;
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}

async function lastVersion(folder: string): Promise<PolicyVersion | null> {
  const numbers = (await readdir(folder))
    .filter((name) => /^\d{6}\.json$/.test(name))
    .map((name) => Number.parseInt(name, 10));
  return numbers.length === 0 ? null : await readVersion(folder, Math.max(...numbers));
}

async function writeDurably(folder: string, name: string, text: string): Promise<void> {
  const temporary = join(folder, `.${name}.new`);
  const file = await open(temporary, 'w', 0o640);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, name));
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
