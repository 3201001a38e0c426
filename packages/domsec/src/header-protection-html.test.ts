import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { withoutDisplayElements } from './header-protection-html.ts';

const OPEN = '<div class="header-protection-legacy-display">';

test('RFC 9788 4.5.3.3: every div of the class goes, whole; all else stays', () => {
  const cases: [string, string][] = [
    [`<body>${OPEN}<pre>Subject: x</pre></div><p>text</p>`, '<body><p>text</p>'],
    [`<p>a</p>${OPEN}x<div>y</div>z</div><p>b</p>`, '<p>a</p><p>b</p>'],
    ["<DIV CLASS='a header-protection-legacy-display b'>x</DIV>text", 'text'],
    ['<div id=x class=header-protection-legacy-display>x</div >text', 'text'],
    ['<div\n\tclass = "header-protection-legacy-display"/>x</div>text', 'text'],
    [`${OPEN}1</div>a${OPEN}2</div>b`, 'a b'],
    [`${OPEN}1</div>a${OPEN}2</div>${OPEN}3</div>b<i>${OPEN}4</div>c`, 'a  b<i>c'],
    [`${OPEN}<!-- </div> --></div>text`, 'text'],
    [`${OPEN}<script>"</div>"</script></div>text`, 'text'],
  ];
  for (const [html, left] of cases) assert.equal(withoutDisplayElements(html), left);
});

test('what is no such div stays: in comments, scripts, attributes, of another class, without end', () => {
  const cases = [
    '<p>text</p>',
    '<div class="header-protection-legacy-display-not">x</div>',
    '<div data-class="header-protection-legacy-display">x</div>',
    '<div class="x" class="header-protection-legacy-display">x</div>',
    '<span class="header-protection-legacy-display">x</span>',
    `<!-- ${OPEN}x</div> -->`,
    `<script>${OPEN}x</div></script>`,
    `<title>${OPEN}x</div>`,
    `<a title='${OPEN}x</div>'>text</a>`,
    `${OPEN}<div>x</div>text`,
    `<div class="header-protection-legacy-display>x</div>text`,
    '',
  ];
  for (const html of cases) assert.equal(withoutDisplayElements(html), null, html);
});

test('what stood around an element never becomes a tag by standing together', () => {
  const left = withoutDisplayElements(`<${OPEN}x</div>script>alert(1)</script>`);
  assert.equal(left, '< script>alert(1)</script>');
});

test('any text is taken without throwing, and never gets longer but by the spaces between', () => {
  const piece = fc.constantFrom(
    '<',
    '>',
    OPEN,
    '</div>',
    '<div>',
    '<!--',
    '-->',
    '"',
    "'",
    ' x ',
    '<a b=',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (list) => {
      const html = list.join('');
      const left = withoutDisplayElements(html);
      assert.ok(left === null || left.length < html.length);
    }),
  );
});

test('a megabyte of tags that never end is linear', () => {
  for (const piece of ['<a ', '<a b="', '<div class=', '<!--', '<script>', '</', OPEN]) {
    const text = piece.repeat(Math.ceil(1e6 / piece.length));
    assert.equal(withoutDisplayElements(text), null, piece);
  }
});
