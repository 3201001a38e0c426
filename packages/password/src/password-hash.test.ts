import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatPasswordHash,
  hashPassword,
  matchesPassword,
  parsePasswordHash,
  RECOMMENDED_COST,
} from './index.ts';

const CHEAP = { memoryKib: 1_024, passes: 1, parallelism: 1 };
const MOST = { memoryKib: 65_536, passes: 3, parallelism: 4 };
// echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -v 13 -e
const FOREIGN =
  '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';

test('RFC 9106: we read hashes of the reference program', async () => {
  const foreign = parsePasswordHash(FOREIGN, MOST);
  assert.ok(foreign !== null);
  assert.equal(await matchesPassword('Password', foreign), false);
  assert.equal(await matchesPassword('password', foreign), true);
  assert.equal(formatPasswordHash(foreign), FOREIGN);
});

test('a hash is read back as it was written, and no two are alike', async () => {
  const hash = await hashPassword('secret', CHEAP);
  assert.deepEqual(parsePasswordHash(formatPasswordHash(hash), MOST), hash);
  assert.notDeepEqual((await hashPassword('secret', CHEAP)).tag, hash.tag);
});

test('what is no argon2id, or asks for more than is allowed, is no hash', () => {
  assert.ok(parsePasswordHash(FOREIGN, RECOMMENDED_COST) !== null);
  for (const text of [
    '',
    FOREIGN.replace('argon2id', 'argon2i'),
    FOREIGN.replace('v=19', 'v=16'),
    FOREIGN.replace('m=65536', 'm=65537'),
    FOREIGN.replace('m=65536', 'm=7'),
    FOREIGN.replace('t=2', 't=4'),
    FOREIGN.replace('t=2', 't=0'),
    FOREIGN.replace('p=1', 'p=5'),
    FOREIGN.replace('p=1', 'p=0'),
    `${FOREIGN}\n`,
  ]) {
    assert.equal(parsePasswordHash(text, MOST), null, text);
  }
});
