import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tlsDecider } from './transport-faults.ts';

const untrusted = { trustedHop: false };

test('a route relaxes a mandatory level only where it is trusted', () => {
  assert.equal(tlsDecider('secure', { route: null, isOwn: false }), 'policy');
  assert.equal(tlsDecider('secure', { route: untrusted, isOwn: false }), 'both');
  assert.equal(tlsDecider('secure', { route: { trustedHop: true }, isOwn: false }), 'route');
});

test('where nothing is demanded, and on the way to our own people, the route says it all', () => {
  for (const level of ['none', 'may', 'dane'] as const) {
    assert.equal(tlsDecider(level, { route: untrusted, isOwn: false }), 'route', level);
  }
  assert.equal(tlsDecider('secure', { route: untrusted, isOwn: true }), 'route');
});
