import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One section of an RFC, and the files that name it. */
export interface RfcMark {
  readonly rfc: number;
  readonly section: string;
  readonly files: readonly string[];
  readonly tests: readonly string[];
}

/** `RFC n section s`, and lists: `RFC n sections s, t and u`. A line break may stand between. */
const MARK =
  /RFC (\d{3,5})(?:,?\s+(?:\*\s+|\/\/\s+)?)sections?\s+(?:\*\s+|\/\/\s+)?((?:[0-9A-Z](?:[0-9.]*[0-9A-Z])?(?: \([a-z]\))?(?:, | and | to |, and )?)+)/g;
/** In the name of a test: `'RFC 5321 4.5.5: …'`. */
const TEST_NAME = /RFC (\d{3,5}) (?:section )?([0-9]+(?:\.[0-9A-Z]+)*)\b/g;
/** An RFC named without a section. */
const BARE = /RFC (\d{3,5})(?!\d)(?!,?\s+(?:\*\s+|\/\/\s+)?sections?\b)(?! [0-9])/g;
/** What stands for the section where none is named. */
const WHOLE = 'whole';
const SECTION = /[0-9]+(?:\.[0-9A-Z]+)*|[A-Z](?:\.[0-9]+)*/g;

/** All marks of packages and services, sorted by RFC and section. */
export function findMarks(root: string): readonly RfcMark[] {
  const marks = new Map<string, { files: Set<string>; tests: Set<string> }>();
  for (const path of globSync('{packages,services}/*/src/**/*.ts', { cwd: root }).sort()) {
    const text = readFileSync(join(root, path), 'utf8');
    const isTest = /\.test\.ts$/.test(path);
    for (const [rfc, section] of isTest ? testMarks(text) : codeMarks(text)) {
      const key = `${rfc} ${section}`;
      const mark = marks.get(key) ?? { files: new Set<string>(), tests: new Set<string>() };
      (isTest ? mark.tests : mark.files).add(path);
      marks.set(key, mark);
    }
  }
  return [...marks]
    .map(([key, { files, tests }]) => {
      const [rfc = '', section = ''] = key.split(' ');
      return { rfc: Number(rfc), section, files: [...files], tests: [...tests] };
    })
    .sort((a, b) => a.rfc - b.rfc || compareSections(a.section, b.section));
}

function codeMarks(text: string): readonly (readonly [string, string])[] {
  const sections = [...text.matchAll(MARK)].flatMap((match) =>
    [...(match[2] ?? '').matchAll(SECTION)].map((found) => [match[1] ?? '', found[0]] as const),
  );
  const bare = [...text.matchAll(BARE)].map((match) => [match[1] ?? '', WHOLE] as const);
  return [...sections, ...bare];
}

function testMarks(text: string): readonly (readonly [string, string])[] {
  const named = [...text.matchAll(TEST_NAME)].map((m) => [m[1] ?? '', m[2] ?? ''] as const);
  return [...codeMarks(text), ...named];
}

function compareSections(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
