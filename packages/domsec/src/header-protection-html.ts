/** The class of a legacy display element in HTML (RFC 9788 section 5.2.3). */
const CLASS = 'header-protection-legacy-display';

/** Elements whose content is text to the parser, whatever looks like a tag in it. */
const TEXT_ELEMENTS: ReadonlySet<string> = new Set([
  'iframe',
  'noembed',
  'noframes',
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
]);

interface Tag {
  /** Lower case. */
  readonly name: string;
  readonly closing: boolean;
  readonly classes: readonly string[];
  readonly start: number;
  readonly end: number;
}

/**
 * HTML without its legacy display elements, whole (RFC 9788 section 4.5.3.3); all else stays
 * character for character. Linear in the length of the text.
 *
 * @returns null if there is none, or one that does not end.
 */
export function withoutDisplayElements(html: string): string | null {
  const kept: string[] = [];
  let from = 0;
  let depth = 0;
  for (const tag of tagsOf(html)) {
    if (tag.name !== 'div') continue;
    if (depth === 0) {
      if (tag.closing || !tag.classes.includes(CLASS)) continue;
      kept.push(html.slice(from, tag.start));
      depth = 1;
    } else {
      depth += tag.closing ? -1 : 1;
      from = tag.end;
    }
  }
  if (depth !== 0 || kept.length === 0) return null;
  return joined([...kept, html.slice(from)]);
}

/** What stood before and after must not become one tag by standing together. */
function joined(pieces: readonly string[]): string {
  const text: string[] = [];
  // Its own last character, never that of the text so far: to ask a string that grows is quadratic.
  let end = '';
  for (const piece of pieces) {
    const gap = end === '' || end === '>' ? '' : ' ';
    text.push(gap, piece);
    end = piece.at(-1) ?? (gap === '' ? end : gap);
  }
  return text.join('');
}

/** The tags, as a browser's tokenizer cuts them: not in comments, nor in elements of mere text. */
function* tagsOf(html: string): Generator<Tag> {
  const lower = html.toLowerCase();
  for (let at = html.indexOf('<'); at !== -1; ) {
    const tag = readTag(lower, at);
    // A tag that does not end swallows the rest.
    if (tag === 'unended') return;
    if (tag !== null) yield tag;
    let next = tag === null ? pastMarkup(lower, at) : tag.end;
    if (tag !== null && !tag.closing && TEXT_ELEMENTS.has(tag.name)) {
      next = lower.indexOf(`</${tag.name}`, tag.end);
      if (next === -1) return;
    }
    at = html.indexOf('<', next);
  }
}

/** Past a comment or declaration that begins at `at`; past the character alone if it is text. */
function pastMarkup(lower: string, at: number): number {
  if (lower.startsWith('<!--', at)) {
    // `<!-->` and `<!--->` are whole comments to a browser.
    const end = lower.indexOf('-->', at + 2);
    return end === -1 ? lower.length : end + 3;
  }
  if (!/[!?/]/.test(lower[at + 1] ?? '')) return at + 1;
  const end = lower.indexOf('>', at);
  return end === -1 ? lower.length : end + 1;
}

const NAME = /<(\/?)([a-z][^\t\n\f\r />]*)/y;
const ATTRIBUTE = /[\t\n\f\r /]*([^\t\n\f\r />][^\t\n\f\r />=]*)/y;
const VALUE = /[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|([^\t\n\f\r >"'][^\t\n\f\r >]*))/y;
const OPEN_QUOTE = /[\t\n\f\r ]*=[\t\n\f\r ]*["']/y;
const END = /[\t\n\f\r /]*>/y;

/** @returns null if no tag begins at `start`. */
function readTag(lower: string, start: number): Tag | 'unended' | null {
  const named = matchAt(NAME, lower, start);
  const name = named?.[2];
  if (named === null || name === undefined) return null;
  const closing = named[1] === '/';
  let at = start + named[0].length;
  let classes: string | null = null;
  for (;;) {
    const end = matchAt(END, lower, at);
    if (end !== null) {
      const list = (classes ?? '').split(/[\t\n\f\r ]+/);
      return { name, closing, classes: list, start, end: at + end[0].length };
    }
    const attribute = readAttribute(lower, at);
    if (attribute === null) return 'unended';
    at = attribute.end;
    // Of an attribute that is there twice the first counts.
    if (attribute.name === 'class') classes ??= attribute.value;
  }
}

interface Attribute {
  readonly name: string;
  readonly value: string;
  readonly end: number;
}

/** @returns null if the text ends within it. */
function readAttribute(lower: string, start: number): Attribute | null {
  const named = matchAt(ATTRIBUTE, lower, start);
  if (named === null) return null;
  const after = start + named[0].length;
  const name = named[1] ?? '';
  const valued = matchAt(VALUE, lower, after);
  if (valued !== null) {
    const value = valued[1] ?? valued[2] ?? valued[3] ?? '';
    return { name, value, end: after + valued[0].length };
  }
  return matchAt(OPEN_QUOTE, lower, after) === null ? { name, value: '', end: after } : null;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
