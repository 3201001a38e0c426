import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Source {
  /** `packages` or `services`. */
  readonly group: string;
  /** The folder's name: `cms`, `ingress`. */
  readonly owner: string;
  readonly path: string;
  readonly text: string;
  readonly isTest: boolean;
}

/** Every TypeScript file of packages and services. */
export function readSources(): readonly Source[] {
  return globSync('{packages,services}/*/src/**/*.ts', { cwd: ROOT }).map((path) => {
    const [group = '', owner = ''] = path.split('/');
    const text = readFileSync(join(ROOT, path), 'utf8');
    const isTest = /\.test\.ts$|\/test(ing|-)[^/]*\.ts$|\/test(ing|-support)\//.test(path);
    return { group, owner, path, text, isTest };
  });
}

/** The modules that a source imports, statically or not. */
export function importsOf(source: Source): readonly string[] {
  const found = source.text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)\s*import\s*'([^']+)'/g,
  );
  return [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

export interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export function readManifest(group: string, owner: string): Manifest {
  const text = readFileSync(join(ROOT, group, owner, 'package.json'), 'utf8');
  return JSON.parse(text) as Manifest;
}
