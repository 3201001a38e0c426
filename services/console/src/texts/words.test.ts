import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Stands for a value of a template. */
const VALUE = '\u0001';
const READ_OUT = /\s(?:aria-label|title|alt|placeholder|label)="([^"]*)"/g;

/** The `html` templates of a source, those inside others as well, with a mark for each value. */
function templatesIn(source: string): string[] {
  const found: string[] = [];
  for (let at = source.indexOf('html`'); at !== -1; at = source.indexOf('html`', at + 5)) {
    found.push(templateAt(source, at + 5));
  }
  return found;
}

/** Reads up to the backtick that ends a template; what stands in `${}` is left out. */
function templateAt(source: string, from: number): string {
  let text = '';
  for (let at = from; at < source.length && source[at] !== '`'; at += 1) {
    if (source[at] === '\\') {
      at += 1;
      text += source[at] ?? '';
    } else if (source.startsWith('${', at)) {
      at = endOfValue(source, at + 2);
      text += VALUE;
    } else text += source[at] ?? '';
  }
  return text;
}

/** The place of the brace that ends a value; strings and templates in it are passed over. */
function endOfValue(source: string, from: number): number {
  let depth = 0;
  for (let at = from; at < source.length; at += 1) {
    const character = source[at] ?? '';
    if (character === '{') depth += 1;
    if (character === '}') {
      if (depth === 0) return at;
      depth -= 1;
    }
    if (character === "'" || character === '"') at = source.indexOf(character, at + 1);
    if (character === '`') at = endOfTemplate(source, at + 1);
  }
  return source.length;
}

function endOfTemplate(source: string, from: number): number {
  for (let at = from; at < source.length; at += 1) {
    if (source[at] === '\\') at += 1;
    else if (source[at] === '`') return at;
    else if (source.startsWith('${', at)) at = endOfValue(source, at + 2);
  }
  return source.length;
}

/** A template that is an attribute of the tag around it. */
const ATTRIBUTE =
  /^ (?:[a-z-]+="[^<>]*|selected|checked|required|open|hidden|disabled|multiple|download)$/;

/** Words that a reader would see or hear. */
function wordsIn(template: string): string[] {
  if (ATTRIBUTE.test(template))
    return [...template.matchAll(READ_OUT)].flatMap(([, text]) => text ?? []);
  const readOut = [...template.matchAll(READ_OUT)].map(([, text = '']) => text);
  const seen = template.replace(/<[^<>]*>/g, ' ').split(VALUE);
  return [...readOut, ...seen]
    .map((text) => text.replace(/&[a-z]+;/g, ' ').trim())
    .filter((text) => /\p{L}/u.test(text) && text !== 'UTC'); // the name of a time scale
}

test('the scan finds a word in text, in an attribute, and in a template inside another', () => {
  const wordsOf = (source: string): string[] =>
    templatesIn(source.replaceAll('@', `$${'{'}`)).flatMap(wordsIn);
  assert.deepEqual(wordsOf('html`<p>Hello @name}</p>`'), ['Hello']);
  assert.deepEqual(wordsOf('html`<a aria-label="Close @x}">×</a>`'), [`Close ${VALUE}`]);
  const nested = "html`@rows.map((row) => html`<li>@f('}', { a: 1 })} items</li>`)}`";
  assert.deepEqual(wordsOf(nested), ['items']);
  assert.deepEqual(wordsOf('html`<p class="card">@text.a} · @1}</p>`'), []);
});

test('every visible word comes from the catalogue', async () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const found: string[] = [];
  let scanned = 0;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const { name } = entry;
    const isSource = name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'html.ts';
    if (!entry.isFile() || !isSource) continue;
    const source = await readFile(join(entry.parentPath, name), 'utf8');
    const templates = templatesIn(source);
    scanned += templates.length;
    found.push(...templates.flatMap(wordsIn).map((words) => `${name}: ${words}`));
    const titles = source.match(/\b(title|label|submit|caption|empty|hint): '[^']+'/g) ?? [];
    if (entry.parentPath.endsWith('pages')) found.push(...titles.map((one) => `${name}: ${one}`));
  }
  assert.deepEqual(found, []);
  assert.ok(scanned > 50, `${scanned} templates`);
});
