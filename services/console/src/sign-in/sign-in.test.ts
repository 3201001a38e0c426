import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Account } from '@sallyport/accounts';
import type { FastifyRequest } from 'fastify';
import { Delays, networkOf } from './delays.ts';
import { SpentOnce } from './entrance.ts';
import { fieldOf, fieldsOf, hasToken, isCrossSite, ownAddress } from './origin.ts';
import { isFresh, Sessions } from './sessions.ts';
import { Tickets } from './ticket.ts';

const START = new Date('2026-03-01T12:00:00Z');
const MINUTE = 60_000;
const at = (minutes: number): Date => new Date(START.getTime() + minutes * MINUTE);

const account = (id: string, epoch = 0): Account => ({
  id,
  name: id,
  roles: ['auditor'],
  passwordHash: null,
  passkeys: [],
  recoveryCodeHashes: [],
  oidc: null,
  link: null,
  disabled: false,
  epoch,
  createdAt: START.toISOString(),
});

const begin = (sessions: Sessions, of: Account, now = START): string =>
  sessions.begin({ account: of, method: 'password', address: '::1', agent: 'x'.repeat(500), now });

test('a session ends after 30 minutes of nothing and after 12 hours of anything', () => {
  const sessions = new Sessions();
  const secret = begin(sessions, account('ann'));
  assert.equal(sessions.find('', at(0)), null);
  assert.equal(sessions.find(`${secret}x`, at(0)), null);
  assert.equal(sessions.find(undefined, at(0)), null);
  for (let minute = 0; minute <= 12 * 60; minute += 20) {
    assert.notEqual(sessions.find(secret, at(minute)), null, `minute ${minute}`);
  }
  assert.equal(sessions.find(secret, at(12 * 60 + 1)), null);
  const idle = begin(sessions, account('ann'));
  assert.notEqual(sessions.find(idle, at(30)), null);
  assert.equal(sessions.find(idle, at(61)), null);
});

test('what was ended is ended, and only its owner ends a session by its name', () => {
  const sessions = new Sessions();
  const [ann, bob] = [account('ann'), account('bob')];
  const secret = begin(sessions, ann);
  const [own] = sessions.of(ann, START);
  assert.ok(own !== undefined && !secret.includes(own.id));
  assert.ok(own.agent.length < 500, 'a stranger does not choose how much we keep');
  assert.equal(sessions.endOne(bob, own.id), false);
  assert.deepEqual(sessions.of(account('ann', 1), START), [], 'of another epoch');
  assert.equal(sessions.endOne(ann, own.id), true);
  assert.equal(sessions.find(secret, START), null);
  const again = begin(sessions, ann);
  sessions.end(again);
  assert.equal(sessions.find(again, START), null);
});

test('one account cannot fill the memory: its oldest sessions make room', () => {
  const sessions = new Sessions();
  const secrets = Array.from({ length: 25 }, () => begin(sessions, account('ann')));
  const other = begin(sessions, account('bob'));
  const alive = secrets.filter((secret) => sessions.find(secret, START) !== null);
  assert.deepEqual(alive, secrets.slice(5));
  assert.notEqual(sessions.find(other, START), null);
});

test('a sign-in is fresh for ten minutes', () => {
  const sessions = new Sessions();
  const session = sessions.find(begin(sessions, account('ann')), START);
  assert.ok(session !== null);
  assert.deepEqual([isFresh(session, at(10)), isFresh(session, at(11))], [true, false]);
});

test('a ticket is ours, unchanged, of its purpose and not too old; else it says nothing', () => {
  const tickets = new Tickets<{ n: number }>('one', 5 * MINUTE);
  const ticket = tickets.issue({ n: 1 }, START);
  const [body = '', mac = ''] = ticket.split('.');
  const forged = Buffer.from(JSON.stringify({ facts: { n: 2 }, until: 9e15 })).toString(
    'base64url',
  );
  for (const wrong of [
    undefined,
    '',
    '.',
    body,
    `${body}.`,
    `${forged}.${mac}`,
    `${body}.${mac}x`.slice(1),
    'x'.repeat(5_000),
    new Tickets<{ n: number }>('one', 5 * MINUTE).issue({ n: 1 }, START),
  ]) {
    assert.equal(tickets.open(wrong, START), null, wrong);
  }
  assert.equal(tickets.open(ticket, at(5)), null);
  assert.deepEqual(tickets.open(ticket, at(4)), { n: 1 });
});

test('delays grow from nothing to their longest, are forgotten, and count before they are known', () => {
  const delays = new Delays({ free: 3, longestMs: 60_000 });
  const waits: number[] = [];
  for (let i = 0; i < 12; i += 1) {
    waits.push(delays.waitMs('ann', START));
    delays.failed('ann', START);
  }
  assert.deepEqual(waits, [0, 0, 0, 1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 60e3, 60e3, 60e3]);
  assert.equal(delays.waitMs('bob', START), 0);
  assert.equal(delays.waitMs('ann', at(1)), 0, 'after the wait');
  assert.equal(delays.waitMs('ann', at(61)), 0);
  delays.failed('ann', at(61));
  assert.equal(delays.waitMs('ann', at(61)), 0, 'the past is forgotten');
  for (let i = 0; i < 3; i += 1) delays.failed('eve', START);
  delays.forgive('eve');
  assert.equal(delays.waitMs('eve', START), 0);
  delays.failed('eve', START);
  assert.ok(delays.waitMs('eve', START) > 0);
  assert.deepEqual(
    [delays.isToTell('eve', START), delays.isToTell('eve', START), delays.isToTell('eve', at(1))],
    [true, false, true],
  );
  delays.succeeded('eve');
  assert.equal(delays.waitMs('eve', START), 0);
});

test('an IPv6 subscriber counts as one, however they write their addresses', () => {
  const same = ['2001:db8:1:2::1', '2001:0db8:0001:0002:ffff:ffff:ffff:ffff', '2001:DB8:1:2:3::'];
  assert.equal(new Set(same.map(networkOf)).size, 1);
  assert.notEqual(networkOf('2001:db8:1:3::1'), networkOf('2001:db8:1:2::1'));
  assert.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1');
  assert.notEqual(networkOf('192.0.2.1'), networkOf('192.0.2.2'));
  assert.equal(networkOf('fe80::1%eth0'), networkOf('fe80::2'));
  assert.equal(networkOf('::1'), '0:0:0:0');
});

test('a challenge counts once', () => {
  const spent = new SpentOnce();
  assert.deepEqual([spent.spend('a'), spent.spend('b'), spent.spend('a')], [true, true, false]);
});

const asked = (method: string, headers: object, body: unknown = null): FastifyRequest =>
  ({ method, headers, body }) as FastifyRequest;

test('whatever does not come from our own pages is cross-site', () => {
  const own = 'https://gw.acme.example:8443';
  const cases: readonly (readonly [boolean, string, object])[] = [
    [false, 'GET', { origin: 'https://evil.example' }],
    [true, 'POST', {}],
    [true, 'POST', { origin: 'null' }],
    [true, 'POST', { origin: 'https://evil.example' }],
    [true, 'POST', { origin: 'https://gw.acme.example' }],
    [true, 'POST', { origin: `${own}.evil.example` }],
    [true, 'POST', { origin: own, 'sec-fetch-site': 'cross-site' }],
    [true, 'DELETE', { origin: own, 'sec-fetch-site': 'same-site' }],
    [true, 'PUT', { origin: own, 'sec-fetch-site': 'none' }],
    [true, 'POST', { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }],
    [false, 'POST', { origin: own }],
    [false, 'POST', { origin: own, 'sec-fetch-site': 'same-origin' }],
    [false, 'POST', { origin: 'null', 'sec-fetch-site': 'same-origin' }],
  ];
  for (const [expected, method, headers] of cases) {
    assert.equal(isCrossSite(asked(method, headers), own), expected, JSON.stringify(headers));
  }
});

test('a form carries the token of its session, in one field or in a header', () => {
  const token = 'abc';
  assert.equal(hasToken(asked('POST', {}), token), false);
  assert.equal(hasToken(asked('POST', {}, { csrf: 'abd' }), token), false);
  assert.equal(hasToken(asked('POST', {}, { csrf: ['abc', 'abc'] }), token), false);
  assert.equal(hasToken(asked('POST', { 'x-csrf': 'x' }, { csrf: 'abc' }), token), false);
  assert.equal(hasToken(asked('POST', {}, { csrf: 'abc' }), token), true);
  assert.equal(hasToken(asked('POST', { 'x-csrf': 'abc' }), token), true);
});

test('fields are read as text, and the prototype of a body is none of them', () => {
  assert.equal(fieldOf({ a: 1 }, 'a'), '');
  assert.equal(fieldOf({}, 'constructor'), '');
  assert.equal(fieldOf('a=b', 'a'), '');
  assert.deepEqual(fieldsOf({ a: ['x', 1, 'y'] }, 'a'), ['x', 'y']);
});

test('only an address of our own is gone on to', () => {
  for (const wrong of [
    null,
    '',
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/a b',
    '/a\r\nb',
    `/${'x'.repeat(3_000)}`,
    'javascript:alert(1)',
  ]) {
    assert.equal(ownAddress(wrong), '/', String(wrong));
  }
  assert.equal(ownAddress('/queue?state=waiting#x'), '/queue?state=waiting#x');
});
