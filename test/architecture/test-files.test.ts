import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { APART, UNIT, WHOLE } from '../test-files.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const found = (patterns: readonly string[]): string[] =>
  patterns.flatMap((pattern) => globSync(pattern, { cwd: root }));

test('npm test runs every test file but those with a command of their own', () => {
  const run = new Set(found([...UNIT, ...WHOLE, ...APART]));
  const all = globSync('{packages,services,test,scripts}/**/*.test.ts', {
    cwd: root,
    exclude: ['**/node_modules/**'],
  });
  assert.ok(all.length > 100, `only ${all.length} files`);
  assert.deepEqual(
    all.filter((file) => !run.has(file)),
    [],
  );
});

test('each pattern finds something', () => {
  for (const pattern of [...UNIT, ...WHOLE, ...APART]) {
    assert.ok(found([pattern]).length > 0, pattern);
  }
});
