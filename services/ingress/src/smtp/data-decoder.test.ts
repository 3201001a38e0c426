import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { DataDecoder } from './data-decoder.ts';

interface Decoded {
  data: string;
  rest: string | null;
  fault: string | null;
}

function decode(
  chunks: readonly Buffer[],
  options: { lineEnds?: 'refuse' | 'normalise'; maxLineOctets?: number } = {},
): Decoded {
  const decoder = new DataDecoder({ lineEnds: 'refuse', maxLineOctets: 998, ...options });
  let data = '';
  for (const [index, chunk] of chunks.entries()) {
    const { pieces, endsAt } = decoder.push(chunk);
    data += Buffer.concat([...pieces]).toString('latin1');
    if (endsAt !== null) {
      const rest = Buffer.concat([chunk.subarray(endsAt), ...chunks.slice(index + 1)]);
      return { data, rest: rest.toString('latin1'), fault: decoder.fault };
    }
  }
  return { data, rest: null, fault: decoder.fault };
}

const whole = (text: string) => [Buffer.from(text, 'latin1')];
const bytewise = (text: string) =>
  Array.from(Buffer.from(text, 'latin1'), (byte) => Buffer.from([byte]));

/** RFC 5321 section 4.5.2 said the slow way. */
function reference(text: string): Decoded {
  const lines = text.split('\r\n');
  const end = lines.indexOf('.');
  if (end < 0 || end === lines.length - 1) throw new Error('no end');
  const data = lines
    .slice(0, end)
    .map((line) => `${line.startsWith('.') ? line.slice(1) : line}\r\n`)
    .join('');
  return { data, rest: lines.slice(end + 1).join('\r\n'), fault: null };
}

test('RFC 5321 4.5.2: a dot that begins a line is dropped if anything follows it', () => {
  for (const feed of [whole, bytewise]) {
    assert.deepEqual(decode(feed('.a\r\n..\r\n...\r\na.\r\n.\r\nQUIT\r\n')), {
      data: 'a\r\n.\r\n..\r\na.\r\n',
      rest: 'QUIT\r\n',
      fault: null,
    });
  }
});

test('RFC 5321 4.1.1.4: an empty message is only the end sequence', () => {
  for (const feed of [whole, bytewise]) {
    assert.deepEqual(decode(feed('.\r\nX')), { data: '', rest: 'X', fault: null });
  }
});

test('RFC 5321 4.5.2: any text in any chunks gives what the slow reading gives', () => {
  const line = fc.array(fc.constantFrom('.', 'a', ' ', '\t', '\x80', '..'), { maxLength: 6 });
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 5 })),
      (lines, cuts) => {
        const text = `${lines.map((parts) => `${parts.join('')}\r\n`).join('')}.\r\nNOOP\r\n`;
        assert.deepEqual(decode(cut(text, cuts)), reference(text));
      },
    ),
    { numRuns: 2_000 },
  );
});

function cut(text: string, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let rest = Buffer.from(text, 'latin1');
  for (const size of sizes) {
    if (rest.length === 0) break;
    chunks.push(rest.subarray(0, size));
    rest = rest.subarray(size);
  }
  return rest.length === 0 ? chunks : [...chunks, rest];
}

const alphabet = fc.array(fc.constantFrom('\r', '\n', '.', 'a', '\0'), { maxLength: 24 });

test('RFC 5321 4.1.1.4: only CR LF dot CR LF ends the data, in any chunks and modes', () => {
  fc.assert(
    fc.property(
      alphabet,
      fc.array(fc.integer({ min: 1, max: 4 })),
      fc.constantFrom('refuse' as const, 'normalise' as const),
      (parts, cuts, lineEnds) => {
        const text = `${parts.join('')}\r\n.\r\n`;
        const end = text.startsWith('.\r\n') ? 3 : text.indexOf('\r\n.\r\n') + 5;
        assert.equal(decode(cut(text, cuts), { lineEnds }).rest, text.slice(end));
      },
    ),
    { numRuns: 5_000 },
  );
});

test('what the decoder lets through holds no bare CR, bare LF or NUL', () => {
  fc.assert(
    fc.property(
      alphabet,
      fc.array(fc.integer({ min: 1, max: 4 })),
      fc.constantFrom('refuse' as const, 'normalise' as const),
      (parts, cuts, lineEnds) => {
        const text = `${parts.join('')}\r\n.\r\n`;
        const { data, fault } = decode(cut(text, cuts), { lineEnds });
        assert.doesNotMatch(data.replaceAll('\r\n', ''), /[\r\n\0]/);
        const body = text.startsWith('.\r\n') ? '' : text.slice(0, text.indexOf('\r\n.\r\n') + 2);
        const isBare = /[\r\n]/.test(body.replaceAll('\r\n', ''));
        const expected = [
          ...(isBare && lineEnds === 'refuse' ? ['bare-line-end'] : []),
          ...(body.includes('\0') ? ['nul-in-data'] : []),
        ];
        assert.equal(fault === null, expected.length === 0);
        if (fault !== null) assert.ok(expected.includes(fault));
      },
    ),
    { numRuns: 5_000 },
  );
});

test('normalise: bare CR and bare LF become CRLF, and a dot behind them is text', () => {
  for (const feed of [whole, bytewise]) {
    const { data, rest } = decode(feed('a\nb\rc\n.\nd\r.\re\r\r\n.\r\n'), {
      lineEnds: 'normalise',
    });
    assert.equal(data, 'a\r\nb\r\nc\r\n.\r\nd\r\n.\r\ne\r\n\r\n');
    assert.equal(rest, '');
  }
});

test('RFC 5322 2.1.1: a line of 998 octets passes, one of 999 does not', () => {
  for (const feed of [whole, bytewise]) {
    const long = 'x'.repeat(998);
    assert.equal(decode(feed(`a\r\n${long}\r\n.${long}\r\n.\r\n`)).fault, null);
    assert.equal(decode(feed(`a\r\nx${long}\r\n.\r\n`)).fault, 'line-too-long');
    assert.equal(decode(feed(`${long}x`)).fault, 'line-too-long');
    assert.equal(decode(feed(`x${long}\r\n.\r\n`), { maxLineOctets: 65_536 }).fault, null);
  }
});

const vectors = new URL('./vectors/eod-sequences-hex.json', import.meta.url);

test('the wrong end-of-data sequences of the smuggling vectors never end the data', () => {
  const { inbound, positive_control: control } = JSON.parse(readFileSync(vectors, 'utf8')) as {
    inbound: string[];
    positive_control: string;
  };
  const attack = (hex: string) =>
    `From: a\r\n\r\nx${Buffer.from(hex, 'hex').toString('latin1')}MAIL FROM:<x@x.example>\r\n`;
  for (const feed of [whole, bytewise]) {
    assert.notEqual(decode(feed(attack(control))).rest, null, 'the control must split');
    for (const hex of inbound) {
      const refused = decode(feed(attack(hex)));
      assert.deepEqual([refused.rest, refused.fault === null], [null, false], hex);
      assert.equal(decode(feed(attack(hex)), { lineEnds: 'normalise' }).rest, null, hex);
    }
  }
});
