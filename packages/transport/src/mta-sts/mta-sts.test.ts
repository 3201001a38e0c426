import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowsMx, parseMtaStsPolicy } from './policy.ts';
import { readMtaStsId } from './record.ts';

test('RFC 8461 section 3.1: the id of the one record that begins with the version', () => {
  for (const [records, id] of [
    [['v=STSv1; id=20160831085700Z;'], '20160831085700Z'],
    [['v=STSv1;id=a'], 'a'],
    [['v=STSv1 ; x=y ; id=a ;'], 'a'],
    [['v=spf1 -all', 'v=STSv1; id=a'], 'a'],
    [['v=STSv1; id=a; id=b'], 'a'],
    [[], null],
    [['v=STSv1; id=a', 'v=STSv1; id=b'], null],
    [['v=STSv1'], null],
    [['v=STSv1;'], null],
    [['v=STSv10; id=a'], null],
    [['V=STSv1; id=a'], null],
    [['id=a; v=STSv1'], null],
    [['v=STSv1; id=a-b'], null],
    [[`v=STSv1; id=${'a'.repeat(33)}`], null],
    [['v=STSv1; id=a; nonsense'], null],
    [['v=STSv1; id=a; x=1=2'], null],
  ] as const) {
    assert.equal(readMtaStsId(records), id, records.join(' | '));
  }
});

const policy = (text: string) => parseMtaStsPolicy(Buffer.from(text));
const good =
  'version: STSv1\r\nmode: enforce\r\nmx: Mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n';

test('RFC 8461 section 3.2: a policy is read, with LF as with CRLF, whatever else it says', () => {
  const wanted = {
    kind: 'policy',
    policy: { mode: 'enforce', mx: ['mail.example.com', '*.example.net'], maxAgeSeconds: 604_800 },
  };
  assert.deepEqual(policy(good), wanted);
  assert.deepEqual(policy(good.replaceAll('\r\n', '\n')), wanted);
  assert.deepEqual(policy(`${good}mode: none\r\nfuture-field: x\r\n`), wanted);
  const none = policy('version: STSv1\nmode: none\nmax_age: 99999999999\n');
  assert.equal(none.kind, 'invalid');
  assert.deepEqual(policy('version: STSv1\nmode: none\nmax_age: 9999999999\n'), {
    kind: 'policy',
    policy: { mode: 'none', mx: [], maxAgeSeconds: 31_557_600 },
  });
});

test('RFC 8461 section 3.2: what is no policy is told with a reason', () => {
  for (const [text, why] of [
    ['', /version/],
    [good.replace('STSv1', 'STSv2'), /version/],
    [good.replace('enforce', 'Enforce'), /mode/],
    [good.replace('604800', '-1'), /max_age/],
    [good.replace('604800', 'a week'), /max_age/],
    [good.replaceAll(/mx: .*\r\n/g, ''), /names no mx/],
    [good.replace('*.example.net', 'a.*.example.net'), /neither a name/],
    [good.replace('*.example.net', '**'), /neither a name/],
    ['<html>\n', /no field/],
    ['x: 1\n'.repeat(2_000), /too many lines/],
    [good + 'mx: a.example\n'.repeat(200), /too many mx/],
    ['a'.repeat(70_000), /64 KiB/],
  ] as const) {
    const parsed = policy(text);
    assert.ok(parsed.kind === 'invalid', text.slice(0, 40));
    assert.match(parsed.reason, why);
  }
});

test('RFC 8461 section 4.1: a wildcard stands for exactly one label', () => {
  const mx = ['mail.example.com', '*.example.net'];
  for (const [host, allowed] of [
    ['mail.example.com', true],
    ['MAIL.example.com.', true],
    ['other.example.com', false],
    ['a.example.net', true],
    ['a.b.example.net', false],
    ['example.net', false],
    ['.example.net', false],
    ['aexample.net', false],
    ['', false],
  ] as const) {
    assert.equal(allowsMx({ mx }, host), allowed, host);
  }
});
