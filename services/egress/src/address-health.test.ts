import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressHealth } from './address-health.ts';

const MINUTE_MS = 60_000;
const place = (address: string) => ({ address, port: 25 });
const health = () => {
  const clock = { ms: 0, now: () => new Date(clock.ms) };
  return { clock, known: new AddressHealth(clock) };
};
const order = (known: AddressHealth, ...list: string[]) =>
  known.ordered(list.map(place)).map(({ address }) => address);

test('RFC 5321 5.1: the order of the MX stays where every address answers', () => {
  const { known } = health();
  known.reached(place('192.0.2.1'));
  assert.deepEqual(order(known, '2001:db8::1', '192.0.2.1'), ['2001:db8::1', '192.0.2.1']);
});

test('an address that gave no answer is tried last for ten minutes, and never left out', () => {
  const { clock, known } = health();
  known.failed(place('192.0.2.1'));
  assert.deepEqual(order(known, '192.0.2.1', '192.0.2.2'), ['192.0.2.2', '192.0.2.1']);
  clock.ms += 10 * MINUTE_MS;
  assert.deepEqual(order(known, '192.0.2.1', '192.0.2.2'), ['192.0.2.1', '192.0.2.2']);
});

test('a network without IPv6 costs its time a few times, not with every new destination', () => {
  const { known } = health();
  const [v6, v4] = ['2001:db8::9', '192.0.2.9'];
  for (const last of [1, 2]) known.failed(place(`2001:db8::${last}`));
  known.failed(place('2001:db8::2'));
  assert.deepEqual(order(known, v6, v4), [v6, v4], 'two addresses say little of a family');
  known.failed(place('2001:db8::3'));
  assert.deepEqual(order(known, v6, v4), [v4, v6]);
  known.reached(place('2001:db8::8'));
  assert.deepEqual(order(known, v6, v4), [v6, v4], 'one that answers clears the family');
});
