import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResults } from './parse-results.ts';

/** A field in one line: `method=result property=value …`, statements by `;`. */
function shown(value: string): string | null {
  const field = parseResults(value);
  if (field === null) return null;
  const statements = field.statements.map(({ method, result, properties }) =>
    [`${method}=${result}`, ...[...properties].map(([name, text]) => `${name}=${text}`)].join(' '),
  );
  return [field.authservId, ...statements].join('; ');
}

const READ: readonly [string, string][] = [
  ['f.example; none', 'f.example'],
  ['f.example 1; none', 'f.example'],
  ['f.example; spf=pass smtp.mailfrom=b.example', 'f.example; spf=pass smtp.mailfrom=b.example'],
  [
    '(x) "f.example" (y) 1 (z); SPF = Pass (a (b) \\) c) smtp.MailFrom = ann@b.example',
    'f.example; spf=pass smtp.mailfrom=ann@b.example',
  ],
  [
    'f.example; dkim/1=pass reason="good; smtp.mailfrom=x" header.d=b.example header.b=a/b+c=',
    'f.example; dkim=pass header.d=b.example header.b=a/b+c=',
  ],
  [
    'f.example;spf=none;dmarc=fail (p=reject) header.from=b.example',
    'f.example; spf=none; dmarc=fail header.from=b.example',
  ],
  [
    'f.example; spf=pass smtp.mailfrom="a\\"; b"@b.example',
    'f.example; spf=pass smtp.mailfrom=a"; b@b.example',
  ],
  [
    'f.example; spf=pass smtp.mailfrom=a.example smtp.mailfrom=b.example',
    'f.example; spf=pass smtp.mailfrom=null',
  ],
];

for (const [value, expected] of READ) {
  test(`RFC 8601 2.2: ${value}`, () => assert.equal(shown(value), expected));
}

const MALFORMED = [
  '',
  'f.example',
  'f.example;',
  '; spf=pass',
  'f.example 2; spf=pass',
  'f.example; spf',
  'f.example; spf=',
  'f.example; spf=pass;',
  'f.example; none; spf=pass',
  'f.example; spf=pass; none',
  'f.example; spf=pass smtp.mailfrom',
  'f.example; spf=pass smtp.mailfrom=',
  'f.example; spf=pass mailfrom=b.example',
  'f.example; spf=pass action=none',
  'f.example; spf=pass smtp.helo=x reason=late',
  'f.example; spf=pass smtp.mailfrom=b.example, dmarc=pass',
  'f.example; spf=pass (open smtp.mailfrom=b.example',
  'f.example; spf=pass (open \\) smtp.mailfrom=b.example',
  'f.example; spf=pass smtp.mailfrom="b.example',
  'f.example; spf=pass smtp.mailfrom=b.exa\u0000mple',
  'f.example; spf=pass smtp.mailfrom=b\u00fc.example',
  'f.example; dkim/2=pass header.d=b.example',
  'f.example other; spf=pass',
  `f.example; ${'('.repeat(21)}${')'.repeat(21)} spf=pass`,
  `f.example${'; spf=pass'.repeat(33)}`,
  `f.example; spf=pass${' a.b=c'.repeat(33)}`,
  `f.example; spf=pass reason="${'x'.repeat(9_000)}"`,
];

for (const value of MALFORMED) {
  test(`RFC 8601 2.2: nothing is read of ${JSON.stringify(value.slice(0, 60))}`, () =>
    assert.equal(shown(value), null));
}

test('what stands in comments and quotes is no statement', () => {
  const value =
    'f.example; spf=fail (; spf=pass smtp.mailfrom=b.example) reason="; dmarc=pass header.from=b.example" smtp.mailfrom=b.example';
  assert.equal(shown(value), 'f.example; spf=fail smtp.mailfrom=b.example');
});

test('every field cut, or with one character for another, is read or not, and never throws', () => {
  for (const [value] of READ) {
    for (let at = 0; at <= value.length; at += 1) {
      parseResults(value.slice(0, at));
      for (const char of ';=()"\\. ') {
        const field = parseResults(`${value.slice(0, at)}${char}${value.slice(at + 1)}`);
        assert.ok(field === null || field.authservId.length > 0);
      }
    }
  }
});
