import { type HeaderField, parseContentType } from '@sallyport/mime';
import { trimSpace } from './header-protection-fields.ts';
import { bareCharacters } from './header-protection-scan.ts';

export type HpValue = 'clear' | 'cipher';

const HP_PARAMETER = /^hp(-legacy-display)?(\*\d{0,3}\*?)?[ \t]*=/i;
const MAX_COLUMNS = 78;

/**
 * A Content-Type field with the parameter hp at its end (RFC 9788 section 2.1.1) and without any
 * that the submitter wrote. All other octets stay, and `withoutHp` gives them back.
 *
 * @returns null if the field cannot be read, or would not be read with hp in it.
 */
export function withHp(field: HeaderField, hp: HpValue): HeaderField | null {
  const plain = withoutHp(field);
  const text = plain.raw.toString('latin1').replace(/\r\n$/, '');
  const added = parameterAfter(text, `hp="${hp}"`);
  const made = fieldOf(field.name, `${text}${added}\r\n`);
  const read = parseContentType(made.value);
  if (read === null || read.malformed || read.parameters.get('hp') !== hp) return null;
  return made;
}

function parameterAfter(text: string, parameter: string): string {
  // A tab after a semicolon that was there before: so the field can be given back as it was.
  if (/;[ \t]*$/.test(text)) return `\t${parameter}`;
  const column = text.length - (text.lastIndexOf('\n') + 1);
  return `;${column + parameter.length + 2 > MAX_COLUMNS ? '\r\n ' : ' '}${parameter}`;
}

const OWN_PARAMETER = /\thp="(?:clear|cipher)"$/;

/** The field without the parameters hp and hp-legacy-display; all other octets stay. */
export function withoutHp(field: HeaderField): HeaderField {
  if (!/hp/i.test(field.value)) return field;
  const text = field.raw.toString('latin1');
  const colon = text.indexOf(':');
  const end = text.endsWith('\r\n') ? '\r\n' : '';
  const value = text.slice(colon + 1, text.length - end.length);
  const [type = '', ...parameters] = splitParameters(value);
  const kept: string[] = [];
  for (const [index, parameter] of parameters.entries()) {
    if (!HP_PARAMETER.test(plainText(parameter))) kept.push(parameter);
    else if (index === parameters.length - 1 && OWN_PARAMETER.test(parameter)) {
      kept.push(parameter.replace(OWN_PARAMETER, ''));
    }
  }
  if (kept.length === parameters.length && kept.at(-1) === parameters.at(-1)) return field;
  return fieldOf(field.name, `${text.slice(0, colon + 1)}${[type, ...kept].join(';')}${end}`);
}

function fieldOf(name: string, text: string): HeaderField {
  const value = text.slice(text.indexOf(':') + 1).replaceAll('\r\n', '');
  return { name, raw: Buffer.from(text, 'latin1'), value: trimSpace(value) };
}

/** Cuts at semicolons outside of quoted strings and comments (RFC 2045 section 5.1). */
function splitParameters(value: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  for (const { at, char } of bareCharacters(value)) {
    if (char !== ';') continue;
    pieces.push(value.slice(start, at));
    start = at + 1;
  }
  return [...pieces, value.slice(start)];
}

/** Without comments, folding and white space at its start. */
function plainText(parameter: string): string {
  let text = '';
  for (const { char } of bareCharacters(parameter)) text += char;
  return text.replaceAll('\r\n', '').replace(/^[ \t]+/, '');
}
