import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder `deploy`. */
export const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));

/** A unit file: every value of every setting, by name. */
export interface Unit {
  readonly name: string;
  readonly settings: ReadonlyMap<string, readonly string[]>;
  /** The words of all values of a setting. */
  words(setting: string): readonly string[];
}

/** Reads one unit or drop-in as systemd.syntax(7) has it, without continued lines: we use none. */
export function parseUnit(name: string, text: string): Unit {
  const settings = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, setting = '', value = ''] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (setting !== '') settings.set(setting, [...(settings.get(setting) ?? []), value]);
  }
  const words = (setting: string): string[] =>
    (settings.get(setting) ?? []).flatMap((value) => value.split(/\s+/).filter((w) => w !== ''));
  return { name, settings, words };
}

/** The services of deploy/systemd by role. */
export function readUnits(): ReadonlyMap<string, Unit> {
  const files = globSync('systemd/sallyport-*.service', { cwd: DEPLOY }).sort();
  return new Map(
    files.map((file) => {
      const role = basename(file).replace(/^sallyport-|\.service$/g, '');
      return [role, parseUnit(role, readFileSync(join(DEPLOY, file), 'utf8'))];
    }),
  );
}

/** Rows of a sysusers.d or tmpfiles.d file: the words of each line that says something. */
export function readRows(file: string): readonly (readonly string[])[] {
  return readFileSync(join(DEPLOY, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.match(/"[^"]*"|\S+/g) ?? []);
}
