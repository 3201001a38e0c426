import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferContent } from '@sallyport/mail';
import { authenticate } from './authenticate.ts';
import { provesReversePath } from './facts.ts';
import { formatAuthentication } from './format.ts';
import {
  authenticated,
  CLIENT,
  DKIM_ZONE,
  lines,
  NOW,
  signSimply,
  type Zone,
  zoneResolver,
} from './testing.ts';

const PLAIN = `${lines('From: ann@acme.example', 'Subject: x')}\r\nhello\r\n`;
const SIGNED = signSimply({
  header: ['From: ann@acme.example', 'Subject: x'],
  body: 'hello\r\n',
  signed: 'from:subject',
});
const REJECT = { 'TXT _dmarc.acme.example': ['v=DMARC1; p=reject'] };
const SPF: Zone = { 'TXT acme.example': ['v=spf1 ip4:192.0.2.0/24 -all'] };

const SPF_CASES: readonly [string, Zone, string][] = [
  ['nothing published', {}, 'none'],
  ['the client named', SPF, 'pass'],
  ['another client named', { 'TXT acme.example': ['v=spf1 ip4:198.51.100.1 -all'] }, 'fail'],
  ['nobody named, mildly', { 'TXT acme.example': ['v=spf1 ~all'] }, 'softfail'],
  ['two records', { 'TXT acme.example': ['v=spf1 +all', 'v=spf1 -all'] }, 'permerror'],
  [
    'its mail hosts',
    {
      'TXT acme.example': ['v=spf1 mx -all'],
      'MX acme.example': ['mx.acme.example'],
      'A mx.acme.example': ['192.0.2.7'],
    },
    'pass',
  ],
  [
    'a name of the address',
    {
      'TXT acme.example': ['v=spf1 ptr -all'],
      'PTR 7.2.0.192.in-addr.arpa': ['mx.acme.example'],
      'A mx.acme.example': ['192.0.2.7'],
    },
    'pass',
  ],
  ['an endless circle', { 'TXT acme.example': ['v=spf1 include:acme.example -all'] }, 'permerror'],
  ['a DNS that is away', { 'TXT acme.example': 'failure' }, 'temperror'],
];

for (const [name, zone, expected] of SPF_CASES) {
  test(`RFC 7208: ${name} is ${expected}`, async () => {
    const { spf } = await authenticated(PLAIN, zone);
    assert.deepEqual(spf, { result: expected, identity: 'mailfrom', domain: 'acme.example' });
  });
}

test('RFC 7208 2.4: with the null reverse-path the HELO is asked; without a client nobody is', async () => {
  const zone = { 'TXT mx.acme.example': ['v=spf1 a -all'], 'A mx.acme.example': ['192.0.2.7'] };
  assert.deepEqual((await authenticated(PLAIN, zone, { reversePath: '' })).spf, {
    result: 'pass',
    identity: 'helo',
    domain: 'mx.acme.example',
  });
  const literal = { ...CLIENT, helo: '[192.0.2.7]' };
  const { spf } = await authenticated(PLAIN, zone, { reversePath: '', client: literal });
  assert.deepEqual([spf.result, spf.domain], ['none', null]);
  assert.equal((await authenticated(PLAIN, SPF, { client: null })).spf.result, 'none');
});

const DMARC_CASES: readonly [string, string, Zone, Record<string, string>, string][] = [
  ['no policy', PLAIN, SPF, {}, 'none'],
  ['aligned SPF', PLAIN, { ...SPF, ...REJECT }, {}, 'pass'],
  ['aligned DKIM', SIGNED, { ...DKIM_ZONE, ...REJECT }, {}, 'pass'],
  ['neither', PLAIN, REJECT, {}, 'fail'],
  [
    'SPF of a stranger',
    PLAIN,
    { 'TXT evil.example': ['v=spf1 +all'], ...REJECT },
    { reversePath: 'eve@evil.example' },
    'fail',
  ],
  ['the DNS of the policy away', PLAIN, { 'TXT _dmarc.acme.example': 'failure' }, {}, 'temperror'],
  [
    'the DNS of the key away',
    SIGNED,
    { 'TXT r._domainkey.acme.example': 'failure', ...REJECT },
    {},
    'fail',
  ],
];

for (const [name, message, zone, changes, expected] of DMARC_CASES) {
  test(`RFC 7489 6.6.2: ${name} is ${expected}`, async () => {
    const { dmarc } = await authenticated(message, zone, changes);
    assert.equal(dmarc.result, expected);
    assert.equal(dmarc.domain, 'acme.example');
  });
}

test('RFC 7489 6.6.1: of several author domains the worst counts, of several From fields none', async () => {
  const two = PLAIN.replace('ann@acme.example', 'ann@acme.example, ceo@bank.example');
  const zone = { ...SPF, ...REJECT, 'TXT _dmarc.bank.example': ['v=DMARC1; p=reject'] };
  assert.deepEqual((await authenticated(two, zone)).dmarc, {
    result: 'fail',
    policy: 'reject',
    domain: 'bank.example',
  });
  const twice = `From: ceo@bank.example\r\n${SIGNED}`;
  const { dmarc } = await authenticated(twice, { ...DKIM_ZONE, ...zone });
  assert.deepEqual(dmarc, { result: 'permerror', policy: null, domain: null });
});

test('the mildest of policies and those of test mode are told as they are', async () => {
  for (const [text, policy] of [
    ['v=DMARC1; p=none', 'none'],
    ['v=DMARC1; p=reject', 'reject'],
    ['v=DMARC1; p=reject; t=y', 'quarantine'],
  ] as const) {
    const { dmarc } = await authenticated(PLAIN, { 'TXT _dmarc.acme.example': [text] });
    assert.deepEqual([dmarc.result, dmarc.policy], ['fail', policy]);
  }
});

test('RFC 8601 2.2: the results are words of ours, whatever a stranger wrote', async () => {
  const zone = { ...SPF, ...REJECT, ...DKIM_ZONE };
  const facts = await authenticated(SIGNED, zone);
  const [spf, dkim = '', dmarc] = formatAuthentication(facts);
  assert.equal(spf, 'spf=pass smtp.mailfrom=acme.example');
  assert.match(
    dkim,
    /^dkim=pass header\.d=acme\.example header\.s=r header\.a=rsa-sha256 header\.b="[A-Za-z0-9+/]{8}"$/,
  );
  assert.equal(dmarc, 'dmarc=pass header.from=acme.example policy.dmarc=reject');
  const hostile = SIGNED.replace('s=r;', 's=r"(;').replace('d=acme.example', 'd=a;dmarc=pass');
  const text = formatAuthentication(await authenticated(hostile, zone)).join('; ');
  assert.doesNotMatch(text, /dkim=pass|[()]/);
  assert.deepEqual(formatAuthentication(await authenticated(PLAIN, {})), [
    'spf=none smtp.mailfrom=acme.example',
    'dkim=none',
    'dmarc=none header.from=acme.example',
  ]);
});

test('a report goes only to a reverse-path that SPF proves, with DMARC passed', async () => {
  const both = await authenticated(PLAIN, { ...SPF, ...REJECT });
  assert.equal(provesReversePath(both), true);
  const byDkim = await authenticated(SIGNED, { ...DKIM_ZONE, ...REJECT });
  assert.equal(byDkim.dmarc.result, 'pass');
  assert.equal(provesReversePath(byDkim), false);
});

test('for one message the DNS is asked a hundred questions at most', async () => {
  const includes = Array.from({ length: 9 }, (_, i) => `include:i${i}.acme.example`).join(' ');
  const zone: Record<string, readonly string[]> = {
    'TXT acme.example': [`v=spf1 ${includes} -all`],
  };
  for (let i = 0; i < 9; i += 1) {
    zone[`TXT i${i}.acme.example`] = [`v=spf1 ${'mx:big.example '.repeat(20)}-all`];
  }
  zone['MX big.example'] = Array.from({ length: 200 }, (_, i) => `m${i}.big.example`);
  const resolver = zoneResolver(zone);
  const content = bufferContent(Buffer.from(PLAIN));
  const message = { content, client: CLIENT, reversePath: 'ann@acme.example' };
  const { spf } = await authenticate(message, { resolver, authservId: 'gw.example', now: NOW });
  assert.equal(spf.result, 'permerror');
  assert.ok(resolver.asked.length <= 100, String(resolver.asked.length));
});

test('SPF is asked for the address that a front reports, and not for the front itself', async () => {
  const front = { address: '198.51.100.9', clientKnown: true };
  const reported = await authenticated(PLAIN, SPF, { client: { ...CLIENT, front } });
  assert.equal(reported.spf.result, 'pass');
  // The address would pass: it is the front's own, and what it may send for proves nothing.
  const unknown = { ...CLIENT, front: { address: CLIENT.address, clientKnown: false } };
  const zone = { ...SPF, ...REJECT };
  const skipped = await authenticated(PLAIN, zone, { client: unknown });
  assert.deepEqual(skipped.spf, { result: 'none', identity: 'mailfrom', domain: null });
  assert.equal(skipped.dmarc.result, 'fail');
  assert.equal(provesReversePath(skipped), false);
});
