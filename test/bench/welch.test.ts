import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cropped, moments, welchT, worstT } from './welch.ts';

const of = (...values: readonly number[]): Float64Array => Float64Array.from(values);

test('mean and variance are those of a sample', () => {
  assert.deepEqual(moments(of(2, 4, 4, 4, 5, 5, 7, 9)), { count: 8, mean: 5, variance: 32 / 7 });
});

test("Welch's t of two known samples", () => {
  const t = welchT(moments(of(1, 2, 3, 4, 5)), moments(of(2, 4, 6, 8, 10)));
  assert.ok(Math.abs(t - -1.8973665961) < 1e-9, `${t}`);
  assert.equal(welchT(moments(of(3, 3)), moments(of(3, 3))), 0);
});

test('a class that differs is found, and one that does not is not', () => {
  const noise = (start: number): Float64Array =>
    Float64Array.from({ length: 10_000 }, (_, index) => start + ((index * 7_919) % 1_000));
  const [a, b, c] = worstT([
    { name: 'a', micros: noise(0) },
    { name: 'b', micros: noise(0) },
    { name: 'c', micros: noise(30) },
  ]);
  assert.ok((a ?? 0) > 4.5 && (b ?? 0) > 4.5 && (c ?? 0) > 4.5);
  const same = worstT([
    { name: 'a', micros: noise(0) },
    { name: 'b', micros: noise(0) },
  ]);
  assert.ok(same.every((t) => t < 4.5));
});

test('cropping drops the slow ones of all classes by one limit', () => {
  const [a, b] = cropped(
    [
      { name: 'a', micros: of(1, 2, 3, 100) },
      { name: 'b', micros: of(1, 2, 3, 4) },
    ],
    0.8,
  );
  assert.deepEqual([a?.micros.length, b?.micros.length], [3, 4]);
});
