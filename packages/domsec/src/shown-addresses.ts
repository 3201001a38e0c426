import { type Mailbox, parseMailbox } from '@sallyport/mail';
import { fieldValues } from '@sallyport/mime';
import type { OpenedMessage } from './layers.ts';

const MAX_FIELD_CHARS = 16 * 1024;
const MAX_SHOWN = 50;
// Both sides are bounded, so a long run of letters costs no more than its length.
const ADDRESS = /[^\s<>()[\]",:;@\\]{1,64}@[\p{L}\p{N}.-]{1,255}/gu;
// RFC 2047 section 2
const ENCODED_WORD = /=\?([^?\s]{1,40})\?([bq])\?([^?\s]{0,2000})\?=/gi;

/**
 * Addresses that a reader sees in From and Sender of any layer: in display names and comments as
 * well as where they count (RFC 5322 section 3.4). Programs show the display name alone, so
 * `"ceo@acme.example" <eve@evil.example>` must not pass for the first because the second signed it.
 *
 * @returns null if there is more than is looked through: what stands at the end is shown too.
 */
export function shownAddresses(message: OpenedMessage): readonly Mailbox[] | null {
  const headers = [
    message.root.header,
    ...message.layers.flatMap((layer) =>
      layer.kind !== 'broken' && layer.inside !== null ? [layer.inside.header] : [],
    ),
    ...(message.protectedHeader.carrier === null ? [] : [message.protectedHeader.carrier.header]),
  ];
  const found = new Map<string, Mailbox>();
  for (const header of headers) {
    const values = [...fieldValues(header, 'from'), ...fieldValues(header, 'sender')];
    if (values.some((value) => value.length > MAX_FIELD_CHARS)) return null;
    for (const address of values.flatMap(addressesIn)) {
      const mailbox = parseMailbox(address);
      if (mailbox !== null) found.set(address.toLowerCase(), mailbox);
      if (found.size > MAX_SHOWN) return null;
    }
  }
  return [...found.values()];
}

function addressesIn(value: string): readonly string[] {
  const read = decodeWords(unicode(value)).normalize('NFKC');
  return [...read.matchAll(ADDRESS)]
    .map(([address]) => address.replace(/[.-]+$/, ''))
    .filter((address) => address.includes('.', address.indexOf('@')));
}

/** Field values are octets; RFC 6532 section 3.2 makes them UTF-8. */
function unicode(octets: string): string {
  return new TextDecoder().decode(Buffer.from(octets, 'latin1'));
}

/** Encoded words beside each other are one text (RFC 2047 section 6.2). */
function decodeWords(value: string): string {
  const joined = value.replace(/(\?=)\s+(?==\?)/g, '$1');
  return joined.replace(ENCODED_WORD, (word, charset: string, form: string, text: string) => {
    const bytes =
      form.toLowerCase() === 'b'
        ? Buffer.from(text, 'base64')
        : Buffer.from(unquoted(text), 'latin1');
    try {
      return new TextDecoder(charset.replace(/\*.*$/, '')).decode(bytes);
    } catch {
      return word; // a charset that nobody knows is shown as it stands
    }
  });
}

function unquoted(text: string): string {
  return text
    .replace(/_/g, ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
