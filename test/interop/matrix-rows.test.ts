import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTENT_ALGORITHMS, SIGNATURES } from '../../packages/cms/src/algorithms.ts';
import { CURVES, KEMS } from '../../packages/cms/src/algorithms-keys.ts';
import { difference, type Recorded, readRecorded } from './matrix/record.ts';
import { ROWS } from './matrix/rows.ts';

test('the record has the rows of the algorithm tables, in their order', () => {
  const recorded = readRecorded();
  const shape = ({ id, kind, title }: (typeof recorded.rows)[number]): object => ({
    id,
    kind,
    title,
  });
  assert.deepEqual(
    recorded.rows.map(shape),
    ROWS.map(({ id, kind, title }) => ({ id, kind, title })),
  );
});

test('every signature family, curve, KEM and content cipher of cms has a row', () => {
  const ids = ROWS.map(({ id }) => id);
  const keys: readonly string[] = ROWS.map(({ key }) => key);
  for (const { family } of SIGNATURES.values()) {
    assert.ok(
      ids.some((id) => id.startsWith(family)),
      family,
    );
  }
  for (const key of [...Object.keys(CURVES), ...Object.keys(KEMS)]) {
    assert.ok(keys.includes(key), key);
  }
  for (const content of Object.keys(CONTENT_ALGORITHMS)) assert.ok(ids.includes(content), content);
  assert.equal(new Set(ids).size, ids.length, 'no row stands twice');
});

test('a peer of another version may do more than the record says, and never less', () => {
  const [row] = ROWS;
  assert.ok(row);
  const recorded = (cell: { out: 'yes' | 'no peer'; in: 'yes' | 'no peer' }): Recorded => ({
    peers: { openssl: 'OpenSSL 1' },
    rows: [{ id: row.id, kind: row.kind, title: row.title, cells: { openssl: cell } }],
  });
  const [old, other] = [
    { name: 'openssl', version: 'OpenSSL 1' },
    { name: 'openssl', version: 'OpenSSL 2' },
  ] as const;
  const none = recorded({ out: 'no peer', in: 'no peer' });
  const both = recorded({ out: 'yes', in: 'yes' });
  assert.equal(difference(none, row, old, { out: 'no peer', in: 'no peer' }), null);
  assert.match(difference(none, row, old, { out: 'yes', in: 'no peer' }) ?? '', /^out is "yes"/);
  assert.equal(difference(none, row, other, { out: 'yes', in: 'yes' }), null);
  assert.match(
    difference(both, row, other, { out: 'yes', in: 'no peer' }) ?? '',
    /^in is "no peer"/,
  );
  assert.match(
    difference(both, row, old, { out: 'no peer', in: 'yes' }) ?? '',
    /^out is "no peer"/,
  );
  const unknown = difference({ peers: {}, rows: [] }, row, old, { out: 'yes', in: 'yes' });
  assert.match(unknown ?? '', /not in the record/);
});
