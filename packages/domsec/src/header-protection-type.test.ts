import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DEFAULT_MIME_LIMITS,
  type HeaderField,
  parseContentType,
  readEntityBytes,
} from '@sallyport/mime';
import fc from 'fast-check';
import { withHp, withoutHp } from './header-protection-type.ts';

function fieldOf(value: string): HeaderField {
  const bytes = Buffer.from(`Content-Type:${value}\r\n\r\n`, 'latin1');
  const limits = { ...DEFAULT_MIME_LIMITS, maxHeaderBytes: 2_000_000 };
  const read = readEntityBytes(bytes, limits);
  assert.ok(read.kind === 'entity', value.slice(0, 80));
  const [field] = read.value.header;
  assert.ok(field !== undefined);
  return field;
}

const text = (field: HeaderField | null): string | undefined => field?.raw.toString('latin1');

test('RFC 9788 2.1.1: hp is the last parameter; every other octet of the field stays', () => {
  const cases: [string, string][] = [
    [' text/plain', ' text/plain; hp="clear"'],
    [' text/plain; charset=utf-8', ' text/plain; charset=utf-8; hp="clear"'],
    [' text/plain; charset=utf-8;', ' text/plain; charset=utf-8;\thp="clear"'],
    [' text/plain;\r\n charset="a;b"', ' text/plain;\r\n charset="a;b"; hp="clear"'],
    [
      ` multipart/mixed; boundary="${'x'.repeat(50)}"`,
      ` multipart/mixed; boundary="${'x'.repeat(50)}";\r\n hp="clear"`,
    ],
  ];
  for (const [value, made] of cases) {
    const marked = withHp(fieldOf(value), 'clear');
    assert.equal(text(marked), `Content-Type:${made}\r\n`);
    assert.ok(marked !== null);
    assert.equal(text(withoutHp(marked)), `Content-Type:${value}\r\n`);
  }
});

test('what the submitter wrote as hp or hp-legacy-display goes before ours comes', () => {
  const forged = [
    ' text/plain; hp="cipher"',
    ' text/plain; HP=clear',
    ' text/plain; hp*0="ci"; hp*1="pher"',
    " text/plain; hp*=us-ascii''cipher",
    ' text/plain; hp-legacy-display="1"',
    ' text/plain; (a;b) hp = "cipher"',
    ' text/plain;\r\n hp="cipher"',
    ' text/plain; hp="x\\";y"',
  ];
  for (const value of forged) {
    const made = text(withHp(fieldOf(value), 'clear'));
    assert.equal(made?.replace(/\r\n/g, '').match(/hp/gi)?.length, 1, value);
    assert.match(made ?? '', /; ?\t?hp="clear"\r\n$/, value);
  }
});

test('a field that readers could take in two ways gets no hp', () => {
  for (const value of [
    ' text/plain; (open',
    ' text/plain; name="open',
    ' text',
    '',
    ' a/b; x=1; x=2',
  ]) {
    assert.equal(withHp(fieldOf(value), 'clear'), null, value);
  }
});

test('hp goes from any place; names that only begin so stay', () => {
  const cases: [string, string][] = [
    [' text/plain; hp="cipher"; charset=utf-8', ' text/plain; charset=utf-8'],
    [' text/plain; hp-legacy-display="1"; hp="cipher"', ' text/plain'],
    [' text/plain; hpx=1; name="hp=2"', ' text/plain; hpx=1; name="hp=2"'],
    [' text/plain; name="; hp=clear"', ' text/plain; name="; hp=clear"'],
  ];
  for (const [value, left] of cases) {
    assert.equal(text(withoutHp(fieldOf(value))), `Content-Type:${left}\r\n`);
  }
});

test('any Content-Type that takes hp is given back octet for octet', () => {
  const piece = fc.constantFrom(
    ';',
    ' ',
    '\t',
    '\r\n ',
    'charset=utf-8',
    'x="a;b"',
    '(c)',
    'y=1',
    '"',
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 8 }),
      fc.constantFrom('clear', 'cipher'),
      (list, hp) => {
        const field = fieldOf(
          ` text/plain${list.join('')}x`.replace(/(\r\n )+x$/, 'x').slice(0, -1),
        );
        const marked = withHp(field, hp);
        if (marked === null) return;
        assert.equal(parseContentType(marked.value)?.parameters.get('hp'), hp);
        assert.deepEqual(withoutHp(marked).raw, field.raw);
      },
    ),
  );
});

test('a field of a megabyte is read in linear time', () => {
  const cases = [
    [`${'('.repeat(1e6)}`, undefined],
    [`${'; hp=x'.repeat(100_000)}`, 'text/plain; hp="clear"'],
    [`;${' '.repeat(1e6)}hp`, undefined],
  ] as const;
  for (const [value, expected] of cases) {
    assert.equal(withHp(fieldOf(` text/plain${value}`), 'clear')?.value, expected);
  }
});
