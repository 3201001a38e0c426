import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { outerValue } from './header-protection-policy.ts';

test('RFC 9788 3.2.1: baseline hides Subject, drops Comments and Keywords, keeps all else', () => {
  const cases: [string, string, string | null][] = [
    ['subject', 'secret', '[...]'],
    ['subject', '', '[...]'],
    ['comments', 'secret', null],
    ['keywords', 'secret', null],
    ['from', 'Alice <alice@acme.example>', 'Alice <alice@acme.example>'],
    ['to', 'Bob <bob@bravo.example>', 'Bob <bob@bravo.example>'],
    ['date', 'Sat, 20 Feb 2021 10:13:02 -0500', 'Sat, 20 Feb 2021 10:13:02 -0500'],
    ['in-reply-to', '<1@x.example>', '<1@x.example>'],
    ['references', '<1@x.example>', '<1@x.example>'],
  ];
  for (const [name, value, out] of cases)
    assert.equal(outerValue('baseline', name, value), out, name);
});

test('RFC 9788 3.2.2: shy leaves addresses without names and the date in UTC', () => {
  const cases: [string, string, string | null][] = [
    // the dates and addresses that RFC 9788 appendix C shows
    ['from', 'Alice <alice@smime.example>', 'alice@smime.example'],
    ['to', 'Bob <bob@smime.example>', 'bob@smime.example'],
    ['date', 'Sat, 20 Feb 2021 10:13:02 -0500', 'Sat, 20 Feb 2021 15:13:02 +0000'],
    ['subject', 'secret', '[...]'],
    ['comments', 'secret', null],
    ['keywords', 'secret', null],
    ['to', '"Doe, J: x" <j@a.example>, Bob (b: c) <bob@b.example>', 'j@a.example, bob@b.example'],
    ['cc', 'a@a.example', 'a@a.example'],
    // several authors, groups, other fields: through whole
    ['from', 'A <a@a.example>, B <b@a.example>', 'A <a@a.example>, B <b@a.example>'],
    ['from', 'Staff: A <a@a.example>;', 'Staff: A <a@a.example>;'],
    ['to', 'Staff: A <a@a.example>;', 'Staff: A <a@a.example>;'],
    ['to', 'undisclosed-recipients:;', 'undisclosed-recipients:;'],
    ['to', 'not an address', 'not an address'],
    ['reply-to', 'Alice <alice@acme.example>', 'Alice <alice@acme.example>'],
    ['sender', 'Alice <alice@acme.example>', 'Alice <alice@acme.example>'],
    ['message-id', '<1@x.example>', '<1@x.example>'],
    ['to', 'J <j\u00c3\u00b6rg@a.example>', 'J <j\u00c3\u00b6rg@a.example>'],
  ];
  for (const [name, value, out] of cases) assert.equal(outerValue('shy', name, value), out, value);
});

test('RFC 5322 3.3: dates of other zones become UTC; what is no date-time passes through', () => {
  const cases: [string, string][] = [
    ['Tue, 03 Mar 2026 00:15:00 +0100', 'Mon, 02 Mar 2026 23:15:00 +0000'],
    ['3 Mar 2026 09:15 +0100', 'Tue, 03 Mar 2026 08:15:00 +0000'],
    ['Thu, 31 Dec 2026 23:59:59 -0001 (x y)', 'Fri, 01 Jan 2027 00:00:59 +0000'],
    ['Sun,  1 Mar 2026 09:15:00 GMT', 'Sun, 01 Mar 2026 09:15:00 +0000'],
    ['Thu, 29 Feb 2024 12:00:00 +0530', 'Thu, 29 Feb 2024 06:30:00 +0000'],
  ];
  for (const [value, out] of cases) assert.equal(outerValue('shy', 'date', value), out);
  const others = [
    'Fri, 29 Feb 2026 12:00:00 +0000',
    '3 Mar 2026 24:00:00 +0000',
    '3 Mar 2026 09:60:00 +0000',
    '3 Mar 2026 09:15:60 +0000',
    '3 Mar 26 09:15:00 +0000',
    '3 Mar 2026 09:15:00 EST',
    '2026-03-03T09:15:00Z',
    'tomorrow',
    '',
  ];
  for (const value of others) assert.equal(outerValue('shy', 'date', value), value);
});

test('RFC 9788 3.2.3: without confidentiality every field stays as it is', () => {
  for (const name of ['subject', 'keywords', 'from', 'date']) {
    assert.equal(outerValue('none', name, 'x@y.example'), 'x@y.example');
  }
});

test('RFC 9788 3.1: an altered value is printable ASCII, for any value of any field', () => {
  const name = fc.constantFrom('from', 'to', 'cc', 'date', 'subject', 'keywords', 'x-other');
  const policy = fc.constantFrom('baseline', 'shy', 'none');
  const word = fc.constantFrom(
    'a@b.example',
    '"x y"',
    '<',
    '>',
    ',',
    ':',
    ';',
    '(',
    ')',
    '\\',
    'é',
  );
  const value = fc.oneof(
    fc.string(),
    fc.array(word).map((words) => words.join(' ')),
  );
  fc.assert(
    fc.property(policy, name, value, (one, field, text) => {
      const out = outerValue(one, field, text);
      assert.ok(out === null || out === text || /^[\x20-\x7e]*$/.test(out));
    }),
  );
});
