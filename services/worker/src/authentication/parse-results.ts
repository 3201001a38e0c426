/** One statement of an Authentication-Results field. Words are in lower case, values as written. */
export interface ResultStatement {
  readonly method: string;
  readonly result: string;
  /** By `ptype.property`; a property that is there twice says nothing. */
  readonly properties: ReadonlyMap<string, string | null>;
}

export interface ResultsField {
  readonly authservId: string;
  /** Empty: the field says that nothing was tried. */
  readonly statements: readonly ResultStatement[];
}

const MAX_CHARS = 8 * 1024;
const MAX_STATEMENTS = 32;
const MAX_PROPERTIES = 32;
const MAX_COMMENT_DEPTH = 20;

const TOKEN = /[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+/y;
const KEYWORD = /[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?/y;
const PROPERTY = /[A-Za-z0-9-]+\.[A-Za-z0-9_-]+/y;
/** More than RFC 8601 lets stand unquoted: Base64 and what local-parts bring. It ends all the same. */
const BARE = /[^\s;()"\\]+/y;
const DIGITS = /\d+/y;
const PLAIN = /^[\t\x20-\x7e]*$/;

/**
 * Parses the value of an Authentication-Results field (RFC 8601 section 2.2), version 1 of it.
 *
 * @returns null if anything of it is malformed, of another version, above ASCII, or too much.
 */
export function parseResults(value: string): ResultsField | null {
  if (value.length > MAX_CHARS || !PLAIN.test(value)) return null;
  try {
    return new Reader(value).field();
  } catch (cause) {
    if (cause instanceof Unreadable) return null;
    throw cause;
  }
}

class Unreadable extends Error {}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  field(): ResultsField {
    this.#skip();
    const authservId = this.#quoted() ?? this.#must(TOKEN);
    this.#skip();
    this.#version();
    const statements: ResultStatement[] = [];
    this.#expect(';');
    this.#skip();
    // RFC 8601 section 2.2: no-result stands alone.
    const from = this.#at;
    const isNone = this.#word(KEYWORD)?.toLowerCase() === 'none';
    this.#skip();
    if (isNone && this.#isEnd()) return { authservId, statements };
    this.#at = from;
    for (;;) {
      if (statements.length === MAX_STATEMENTS) throw new Unreadable();
      statements.push(this.#statement());
      if (this.#isEnd()) return { authservId, statements };
      this.#expect(';');
      this.#skip();
    }
  }

  #statement(): ResultStatement {
    const method = this.#must(KEYWORD).toLowerCase();
    this.#skip();
    if (this.#take('/')) {
      this.#skip();
      this.#version();
    }
    this.#equals();
    const result = this.#must(KEYWORD).toLowerCase();
    return { method, result, properties: this.#properties() };
  }

  /** `reason`, which may stand first, is read and left. */
  #properties(): ReadonlyMap<string, string | null> {
    const properties = new Map<string, string | null>();
    let read = 0;
    for (; this.#skip() && !this.#isEnd() && this.#text[this.#at] !== ';'; read += 1) {
      if (read === MAX_PROPERTIES) throw new Unreadable();
      const name = this.#word(PROPERTY)?.toLowerCase();
      if (name === undefined && read === 0) this.#reason();
      else if (name === undefined) throw new Unreadable();
      else {
        this.#equals();
        const text = this.#propertyValue();
        properties.set(name, properties.has(name) ? null : text);
      }
    }
    return properties;
  }

  #reason(): void {
    if (this.#must(KEYWORD).toLowerCase() !== 'reason') throw new Unreadable();
    this.#equals();
    if (this.#quoted() === null) this.#must(TOKEN);
  }

  #propertyValue(): string {
    const quoted = this.#quoted();
    if (quoted === null) return this.#must(BARE);
    // A quoted local-part; its domain stands at once behind it.
    return this.#text[this.#at] === '@' ? `${quoted}${this.#must(BARE)}` : quoted;
  }

  #version(): void {
    const version = this.#word(DIGITS);
    if (version !== null && version !== '1') throw new Unreadable();
    this.#skip();
  }

  #equals(): void {
    this.#skip();
    this.#expect('=');
    this.#skip();
  }

  /** Past CFWS; true if there was any. */
  #skip(): boolean {
    const from = this.#at;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === '(') this.#comment();
      else if (char === ' ' || char === '\t') this.#at += 1;
      else return this.#at > from;
    }
  }

  #comment(): void {
    let depth = 0;
    do {
      const char = this.#text[this.#at];
      if (char === undefined) throw new Unreadable();
      if (char === '(') depth += 1;
      if (char === ')') depth -= 1;
      if (depth > MAX_COMMENT_DEPTH) throw new Unreadable();
      this.#at += char === '\\' ? 2 : 1;
    } while (depth > 0);
  }

  #quoted(): string | null {
    if (!this.#take('"')) return null;
    let text = '';
    for (; this.#at < this.#text.length; this.#at += 1) {
      const char = this.#text[this.#at] ?? '';
      if (char === '"') {
        this.#at += 1;
        return text;
      }
      if (char === '\\') this.#at += 1;
      text += this.#text[this.#at] ?? '';
    }
    throw new Unreadable();
  }

  #must(pattern: RegExp): string {
    const word = this.#word(pattern);
    if (word === null) throw new Unreadable();
    return word;
  }

  #word(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const word = pattern.exec(this.#text)?.[0] ?? null;
    this.#at += word?.length ?? 0;
    return word;
  }

  #expect(char: string): void {
    if (!this.#take(char)) throw new Unreadable();
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #isEnd(): boolean {
    return this.#at >= this.#text.length;
  }
}
