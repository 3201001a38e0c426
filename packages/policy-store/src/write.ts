/** Writing policy versions, for console and cli only. A version is never changed once written. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePolicyDocument } from '@sallyport/policy';
import { parseDocument, stringify } from 'yaml';
import { PolicyUnavailable, readVersion } from './read.ts';
import {
  ACTIVE_FILE,
  hashVersion,
  type PolicyVersion,
  versionFile,
  versionSchema,
} from './version.ts';

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
  let document: unknown;
  try {
    document = yaml.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  } catch {
    return { kind: 'invalid', faults: [{ path: '', reason: 'too many YAML aliases' }] };
  }
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
  const facts = {
    version: (last?.version ?? 0) + 1,
    author: by.author,
    reason: by.reason,
    time: by.now.toISOString(),
    previous: last?.sha256 ?? null,
    document,
  };
  const checked = versionSchema.safeParse({ ...facts, sha256: hashVersion(facts) });
  // A version that no reader takes would stop all mail, and every later import with it.
  if (!checked.success) {
    const faults = checked.error.issues.map((issue) => ({
      path: issue.path.join('.'),
      reason: issue.message,
    }));
    return { kind: 'invalid', faults };
  }
  const version = checked.data;
  const line = `${JSON.stringify(version)}\n`;
  if (!(await writeDurably(folder, versionFile(version.version), line, 'new'))) {
    const reason = `version ${version.version} was made by somebody else just now; import again`;
    return { kind: 'invalid', faults: [{ path: '', reason }] };
  }
  await writeDurably(folder, ACTIVE_FILE, `${version.version}\n`, 'replace');
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
  if (numbers.length === 0) return null;
  const last = await readVersion(folder, Math.max(...numbers));
  const before = numbers.includes(last.version - 1)
    ? await readVersion(folder, last.version - 1)
    : null;
  if (before !== null && before.sha256 !== last.previous) {
    throw new PolicyUnavailable(`policy version ${last.version} does not follow the one before it`);
  }
  return last;
}

/** @returns false if the name is taken and `how` is `new`: a version is never written twice. */
async function writeDurably(
  folder: string,
  name: string,
  text: string,
  how: 'new' | 'replace',
): Promise<boolean> {
  const temporary = join(folder, `.${name}.${randomBytes(6).toString('hex')}.new`);
  const file = await open(temporary, 'w', 0o640);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  if (how === 'replace') await rename(temporary, join(folder, name));
  else if (!(await linkNew(temporary, join(folder, name)))) return false;
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return true;
}

/** link(2) never replaces. */
async function linkNew(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
}
