import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesDnsName } from './tls-name.ts';

const rows: [presented: string, wanted: string, fits: boolean][] = [
  ['mx.bravo.example', 'mx.other.example', false],
  ['*.bravo.example', 'bravo.example', false],
  ['*.bravo.example', 'a.b.bravo.example', false],
  ['m*.bravo.example', 'mx.bravo.example', false],
  ['mx.*.example', 'mx.bravo.example', false],
  ['*', 'example', false],
  ['*.*.example', 'a.b.example', false],
  ['evilbravo.example', '.bravo.example', false],
  ['bravo.example', '.bravo.example', false],
  ['*.evilbravo.example', '.bravo.example', false],
  ['mx.bravo.example', 'mx.bravo.example', true],
  ['mx.bravo.example', 'MX.bravo.example', true],
  ['*.bravo.example', 'mx.bravo.example', true],
  ['a.b.bravo.example', '.bravo.example', true],
  ['*.bravo.example', '.bravo.example', true],
];

for (const [presented, wanted, fits] of rows) {
  test(`RFC 9525 6.3: ${presented} ${fits ? 'fits' : 'does not fit'} ${wanted}`, () => {
    assert.equal(matchesDnsName(presented, wanted), fits);
  });
}
