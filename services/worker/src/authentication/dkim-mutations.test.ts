import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authenticated, DKIM_ZONE, KEYS, keyText, signSimply } from './testing.ts';

const HEADER = [
  'From: Ann <ann@acme.example>',
  'To: bob@bravo.example',
  'Subject: the price',
  'Date: Mon, 1 Jun 2026 00:00:00 +0000',
];
const BODY = 'It is  10 euro.\r\nAnn\r\n';
const SIGNED = 'from:from:to:subject:date';

const MESSAGE = signSimply({ header: HEADER, body: BODY, signed: SIGNED });

async function resultOf(message: string, zone = DKIM_ZONE): Promise<string> {
  const { dkim } = await authenticated(message, zone);
  return dkim.map(({ result }) => result).join(' ');
}

test('RFC 6376 6.1: a signature of another program passes, by RSA and by Ed25519', async () => {
  const both = signSimply({ header: HEADER, body: BODY, key: KEYS.ed25519, signed: SIGNED });
  for (const [message, algorithm] of [
    [MESSAGE, 'rsa-sha256'],
    [both, 'ed25519-sha256'],
  ] as const) {
    const { dkim } = await authenticated(message, DKIM_ZONE);
    assert.deepEqual(
      dkim.map((one) => [one.result, one.domain, one.algorithm, one.reason]),
      [['pass', 'acme.example', algorithm, null]],
    );
  }
});

const MUTATIONS: readonly [string, (message: string) => string][] = [
  ['the author changed', (m) => m.replace('ann@acme', 'eve@acme')],
  ['the recipient changed', (m) => m.replace('bob@', 'bill@')],
  ['the subject changed', (m) => m.replace('the price', 'the prize')],
  ['the date changed', (m) => m.replace('1 Jun', '2 Jun')],
  ['a header folded under simple', (m) => m.replace('Subject: the', 'Subject:\r\n the')],
  ['a second From on top', (m) => `From: eve@evil.example\r\n${m}`],
  ['a second From below', (m) => m.replace('\r\nTo:', '\r\nFrom: eve@evil.example\r\nTo:')],
  ['the body changed', (m) => m.replace('10 euro', '99 euro')],
  ['a line added to the body', (m) => `${m}PS: now\r\n`],
  ['white space gone under simple', (m) => m.replace('is  10', 'is 10')],
  [
    'the signature changed',
    (m) => m.replace(/ b=(.)/, (_, first) => (first === 'A' ? ' b=B' : ' b=A')),
  ],
  ['a bare LF in the body', (m) => m.replace('euro.\r\n', 'euro.\n')],
  ['another selector claimed', (m) => m.replace('s=r;', 's=e;')],
  ['another domain claimed', (m) => m.replace('d=acme.example', 'd=bravo.example')],
];

for (const [name, mutate] of MUTATIONS) {
  test(`no pass with ${name}`, async () => {
    const mutated = mutate(MESSAGE);
    assert.notEqual(mutated, MESSAGE);
    const { dkim } = await authenticated(mutated, DKIM_ZONE);
    assert.equal(dkim.length, 1);
    assert.notEqual(dkim[0]?.result, 'pass');
    assert.notEqual(dkim[0]?.result, 'none');
  });
}

test('RFC 6376 8.2: under l= what is added makes it no pass, and it counts for no domain', async () => {
  const short = signSimply({
    header: HEADER,
    body: BODY,
    signed: SIGNED,
    extra: ` l=${BODY.length};`,
  });
  assert.equal(await resultOf(short), 'pass');
  const { dkim, dmarc } = await authenticated(`${short}<b>Pay Eve</b>\r\n`, {
    ...DKIM_ZONE,
    'TXT _dmarc.acme.example': ['v=DMARC1; p=reject'],
  });
  assert.deepEqual(
    [dkim[0]?.result, dkim[0]?.reason],
    ['policy', 'a part of the body is unsigned'],
  );
  assert.equal(dmarc.result, 'fail');
  const none = signSimply({ header: HEADER, body: BODY, signed: SIGNED, extra: ' l=0;' });
  assert.equal(await resultOf(none), 'policy');
});

test('RFC 6376 3.5: a signature is good from t= to x=, by our own clock', async () => {
  const now = Date.parse('2026-06-01T00:00:00Z') / 1_000;
  const until = (x: number) =>
    signSimply({ header: HEADER, body: BODY, signed: SIGNED, extra: ` t=${now - 99}; x=${x};` });
  assert.equal(await resultOf(until(now + 60)), 'pass');
  assert.equal(await resultOf(until(now - 60)), 'neutral');
  assert.equal(await resultOf(until(now - 100)), 'neutral');
});

test('RFC 6376 5.4: a signature that leaves From out says nothing', async () => {
  assert.equal(
    await resultOf(signSimply({ header: HEADER, body: BODY, signed: 'subject:to' })),
    'neutral',
  );
});

test('a key that is revoked, broken or not for mail gives no pass; a DNS that is away is temporary', async () => {
  const name = 'TXT r._domainkey.acme.example';
  const good = keyText(KEYS.rsa);
  for (const text of ['v=DKIM1; p=', 'v=DKIM1; k=rsa; p=AAAA', `v=DKIM2; ${good.slice(9)}`]) {
    assert.equal(await resultOf(MESSAGE, { [name]: [text] }), 'neutral', text);
  }
  assert.equal(await resultOf(MESSAGE, { [name]: [`${good}; s=tlsrpt`] }), 'neutral');
  assert.equal(await resultOf(MESSAGE, { [name]: [`${good}; h=sha1`] }), 'neutral');
  assert.equal(await resultOf(MESSAGE, {}), 'neutral');
  assert.equal(await resultOf(MESSAGE, { [name]: 'failure' }), 'temperror');
  assert.equal(await resultOf(MESSAGE, { [name]: [good] }), 'pass');
});

test('five signatures are looked at from the top, and none that is longer than four kibibytes', async () => {
  const [field = '', ...others] = MESSAGE.split('\r\n');
  const plain = others.join('\r\n');
  const forged = `${field.replace(/b=[^;]*$/, 'b=AAAA')}\r\n`;
  assert.equal(await resultOf(`${forged.repeat(4)}${MESSAGE}`), 'fail fail fail fail pass');
  assert.equal(await resultOf(`${forged.repeat(5)}${MESSAGE}`), 'fail fail fail fail fail');
  const long = `${field.replace('h=from', `h=${'x-a:'.repeat(1_100)}from`)}\r\n`;
  assert.equal(await resultOf(`${long}${plain}`), '');
});

test('a line without an end is not kept whole: no result, and no endless work', async () => {
  const { dkim } = await authenticated(`${MESSAGE}${' '.repeat(2 * 1024 * 1024)}`, DKIM_ZONE);
  assert.deepEqual(
    dkim.map(({ result, reason }) => [result, reason]),
    [['permerror', 'a line is too long']],
  );
});
