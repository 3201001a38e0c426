import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SrvRecord } from './records.ts';
import { orderSrv } from './srv.ts';

const srv = (priority: number, weight: number, target: string): SrvRecord => ({
  priority,
  weight,
  port: 389,
  target,
});

const seeded = (seed: number) => (exclusive: number) => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return Math.floor((seed / 0x1_0000_0000) * exclusive);
};

test('RFC 2782: a target of "." means that the service is not offered', () => {
  assert.deepEqual(orderSrv([srv(0, 0, '')], seeded(1)), []);
});

test('RFC 2782: a client must try the lowest priority number first', () => {
  const names = orderSrv([srv(20, 9, 'c'), srv(0, 0, 'a'), srv(10, 5, 'b')], seeded(1)).map(
    ({ target }) => target,
  );
  assert.deepEqual(names, ['a', 'b', 'c']);
});

test('RFC 2782: within a priority the share of first places follows the weights', () => {
  const random = seeded(42);
  const firsts = new Map<string, number>();
  for (let i = 0; i < 10_000; i += 1) {
    const [first] = orderSrv([srv(0, 60, 'big'), srv(0, 30, 'mid'), srv(0, 10, 'small')], random);
    firsts.set(first?.target ?? '', (firsts.get(first?.target ?? '') ?? 0) + 1);
  }
  for (const [name, share] of Object.entries({ big: 0.6, mid: 0.3, small: 0.1 })) {
    assert.ok(Math.abs((firsts.get(name) ?? 0) / 10_000 - share) < 0.03, name);
  }
});

test('RFC 2782: weight 0 beside others has a very small chance, but one', () => {
  const zeroFirst = orderSrv([srv(0, 100, 'big'), srv(0, 0, 'zero')], () => 0);
  assert.equal(zeroFirst[0]?.target, 'zero');
  const bigFirst = orderSrv([srv(0, 100, 'big'), srv(0, 0, 'zero')], (n) => n - 1);
  assert.equal(bigFirst[0]?.target, 'big');
});

test('RFC 2782: every offered record comes exactly once, in order of priority', () => {
  const record = fc.record({
    priority: fc.integer({ min: 0, max: 3 }),
    weight: fc.integer({ min: 0, max: 65_535 }),
    port: fc.constant(389),
    target: fc.constantFrom('a', 'b', 'c'),
  });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), fc.integer(), (records, seed) => {
      const ordered = orderSrv(records, seeded(seed));
      assert.deepEqual(new Set(ordered), new Set(records));
      assert.equal(ordered.length, records.length);
      const priorities = ordered.map(({ priority }) => priority);
      assert.deepEqual(
        priorities,
        [...priorities].sort((a, b) => a - b),
      );
    }),
  );
});
