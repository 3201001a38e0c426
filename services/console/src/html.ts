const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Set by the class below: nobody else can make an `Html`. */
let make: (markup: string) => Html;

/** Markup that is safe to send. Only `html` makes it, so nothing in it came from a stranger as markup. */
export class Html {
  readonly #markup: string;

  private constructor(markup: string) {
    this.#markup = markup;
  }

  static {
    make = (markup) => new Html(markup);
  }

  toString(): string {
    return this.#markup;
  }
}
/** What may stand in a template; a list is joined, null and undefined are nothing. */
export type HtmlValue = Html | string | number | null | undefined | readonly HtmlValue[];

/** Markup with every value escaped, for text and for attributes in double quotes alike. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let markup = strings[0] ?? '';
  values.forEach((value, at) => {
    markup += render(value) + (strings[at + 1] ?? '');
  });
  return make(markup);
}

function render(value: HtmlValue): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Html) return value.toString();
  if (typeof value === 'string' || typeof value === 'number') return escaped(String(value));
  return value.map(render).join('');
}

// Control characters other than tab and line end are shown as what they are: HTML knows none of them,
// and those that turn the direction of text would let a name look like another.
function escaped(text: string): string {
  return text
    .replace(/[[\p{Cc}\p{Bidi_Control}]--[\t\n\r]]/gv, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
