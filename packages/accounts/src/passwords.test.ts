import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PasswordHasher } from './password-hash.ts';
import { checkPassword } from './password-rules.ts';

const GOOD = 'slow green harbour 7';

test('NIST SP 800-63B: length counts, composition does not; the commonest and the name are refused', () => {
  for (const wrong of [
    '',
    'elevenchars',
    'x'.repeat(257),
    'passwordpassword',
    'Password2026!!',
    '!!!Administrator1',
    'correct horse battery staple',
    '123456789012',
    '111111111111',
    'abcabcabcabcabc',
    'i am ann.lee at acme',
    'ANN.LEE rocks!',
  ]) {
    assert.equal(typeof checkPassword(wrong, 'ann.lee'), 'string', wrong);
  }
  for (const right of [
    GOOD,
    'alllowercaseletters',
    '831046592750',
    'пароль на двери',
    '#)(*&@!%;:?~',
  ]) {
    assert.equal(checkPassword(right, 'ann.lee'), null, right);
  }
});

test('only the right password matches; no hash, a broken one or a costly one never does', async () => {
  const hasher = new PasswordHasher();
  const hash = await hasher.hash(GOOD);
  assert.match(hash ?? '', /^\$argon2id\$v=19\$m=65536,t=3,p=1\$/);
  assert.equal(await hasher.matches('slow green harbour 8', hash), false);
  assert.equal(await hasher.matches(GOOD, null), false);
  assert.equal(await hasher.matches('', null), false);
  for (const broken of [
    'x',
    '$argon2i$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA',
    hash?.replace('m=65536', 'm=4000000') ?? '',
    hash?.replace('t=3', 't=999') ?? '',
    hash?.replace('t=3', 't=0') ?? '',
    hash?.replace('p=1', 'p=0') ?? '',
  ]) {
    assert.equal(await hasher.matches(GOOD, broken), false, broken);
  }
  assert.equal(await hasher.matches(GOOD, hash), true);
});

test('the same letters match however a system composes them', async () => {
  const hasher = new PasswordHasher();
  const hash = await hasher.hash('grüner Hafen am Abend'.normalize('NFD'));
  assert.equal(await hasher.matches('grüner Hafen am Abend'.normalize('NFC'), hash), true);
});

test('a storm of passwords is turned away at once instead of taking all memory', async () => {
  const hasher = new PasswordHasher({ atOnce: 1, maxWaiting: 1 });
  const results = await Promise.all([1, 2, 3, 4].map(() => hasher.matches('x', null)));
  assert.deepEqual(results, [false, false, 'busy', 'busy']);
  assert.equal(await hasher.matches('x', null), false, 'and afterwards there is room again');
});
