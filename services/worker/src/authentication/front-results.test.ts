import assert from 'node:assert/strict';
import { test } from 'node:test';
import { provesReversePath } from './facts.ts';
import { formatAuthentication } from './format.ts';
import { authenticated, CLIENT, DKIM_ZONE, lines, signSimply, type Zone } from './testing.ts';

const ID = 'front.our.example';
const FRONT = { ...CLIENT, front: { address: '198.51.100.9', clientKnown: false, authservId: ID } };
const REJECT = { 'TXT _dmarc.acme.example': ['v=DMARC1; p=reject; aspf=s'] };
/** If it were asked with the front's address, it would say fail. */
const ZONE: Zone = { ...REJECT, 'TXT acme.example': ['v=spf1 -all'] };

const OURS = 'Received: from front by gw.bravo.example; x';
const FRONTS = `Received: from mx.acme.example by ${ID}; x`;
const FROM = ['From: ann@acme.example', 'Subject: x'];
const PASS = 'spf=pass smtp.mailfrom=ann@acme.example';

/** What is found of a message with these fields above the author's. */
async function found(
  header: readonly string[],
  options: Parameters<typeof authenticated>[2] & { readonly zone?: Zone; from?: string[] } = {},
) {
  const { zone = ZONE, from = FROM, client = FRONT, ...others } = options;
  const message = `${lines(...header, ...from)}\r\nhello\r\n`;
  const all = await authenticated(message, zone, { client, ...others });
  const dkim = all.dkim.map(({ result, domain }) => `${result} ${domain}`);
  return { ...all, said: [all.spf.result, all.dmarc.result, ...dkim].join(), all };
}

const field = (statements: string, id: string = ID) =>
  `Authentication-Results: ${id}; ${statements}`;

const BELIEVED: readonly [string, readonly string[], string][] = [
  ['above its Received field', [OURS, field(PASS), FRONTS], 'pass,pass'],
  ['below its Received field', [OURS, FRONTS, field(PASS)], 'pass,pass'],
  ['without a Received field of it', [OURS, field(PASS)], 'pass,pass'],
  [
    'of two filters',
    [OURS, field(PASS), field('dkim=pass header.d=acme.example'), FRONTS],
    'pass,pass,pass acme.example',
  ],
  ['DMARC alone', [OURS, field('dmarc=pass header.from=acme.example')], 'none,pass'],
  ['DKIM alone', [OURS, field('dkim=pass header.d=acme.example')], 'none,pass,pass acme.example'],
  ['a failure', [OURS, field('spf=fail smtp.mailfrom=ann@acme.example')], 'fail,fail'],
  [
    'its DMARC, where it says otherwise than its SPF',
    [OURS, field(`${PASS}; dmarc=fail header.from=acme.example`)],
    'pass,fail',
  ],
  [
    'a word that nobody knows',
    [OURS, field('spf=ok smtp.mailfrom=acme.example')],
    'permerror,fail',
  ],
];

for (const [name, header, expected] of BELIEVED) {
  test(`RFC 8601 4.1: the word of a front is taken: ${name}`, async () => {
    assert.equal((await found(header)).said, expected);
  });
}

const NOT_BELIEVED: readonly [string, readonly string[]][] = [
  ['no field', [OURS, FRONTS]],
  ['of another name', [OURS, field(PASS, 'other.our.example')]],
  ['of a name that begins as its', [OURS, field(PASS, `${ID}.evil.example`)]],
  ['in another case', [OURS, field(PASS, 'Front.our.example')]],
  ['with its name in a comment', [OURS, field(PASS, `(${ID}) evil.example`)]],
  ['malformed', [OURS, field(`${PASS} smtp`)]],
  ['with an open comment', [OURS, field(`spf=fail (${PASS}`)]],
  ['its statement in a comment', [OURS, field(`arc=none (; ${PASS})`)]],
  ['its statement in a reason', [OURS, field(`arc=none reason="; ${PASS}"`)]],
  ['of another version', [OURS, field(PASS, `${ID} 2`)]],
  ['from before the front: below the next Received', [OURS, FRONTS, 'Received: x', field(PASS)]],
  ['SPF of another reverse-path', [OURS, field('spf=pass smtp.mailfrom=evil.example')]],
  ['SPF of nobody', [OURS, field('spf=pass')]],
  ['SPF of the HELO', [OURS, field('spf=pass smtp.helo=acme.example')]],
  [
    'SPF of two reverse-paths',
    [OURS, field('spf=pass smtp.mailfrom=acme.example smtp.mailfrom=evil.example')],
  ],
  ['DMARC of another From', [OURS, field('dmarc=pass header.from=evil.example')]],
  ['DMARC of nobody', [OURS, field('dmarc=pass')]],
  ['DKIM of an identity alone', [OURS, field('dkim=pass header.i=@acme.example')]],
];

for (const [name, header] of NOT_BELIEVED) {
  test(`RFC 8601 7.1: what is not said is not taken for said: ${name}`, async () => {
    const { said, all } = await found(header);
    assert.deepEqual([said, all.fromFront], ['none,fail', []]);
  });
}

test('two fields of its name: what is worse counts, whichever stands on top', async () => {
  const worse = field(
    'spf=softfail smtp.mailfrom=acme.example; dmarc=fail header.from=acme.example',
  );
  const better = field(`${PASS}; dmarc=pass header.from=acme.example`);
  for (const both of [
    [worse, better],
    [better, worse],
  ]) {
    assert.equal((await found([OURS, ...both])).said, 'softfail,fail');
  }
});

test('a stranger who speaks to us himself is not believed, whatever he writes', async () => {
  const header = [OURS, field(`${PASS}; dmarc=pass header.from=acme.example`)];
  const plain = { address: '198.51.100.9', clientKnown: false };
  for (const client of [CLIENT, { ...CLIENT, front: plain }, null]) {
    const { all } = await found(header, { client });
    assert.deepEqual([all.dmarc.result, all.fromFront], ['fail', []]);
  }
});

test('SPF goes by the address that XCLIENT named, and DMARC by it', async () => {
  const client = { ...FRONT, front: { ...FRONT.front, clientKnown: true } };
  assert.equal((await found([OURS, field(PASS)], { client })).said, 'fail,fail');
});

test('a signature that passes with us needs no word; one that the front broke has it', async () => {
  const client = FRONT;
  const signed = signSimply({ header: FROM, body: 'hello\r\n' });
  const broken = signed.replace('hello', 'EXTERNAL hello');
  const zone = { ...ZONE, ...DKIM_ZONE };
  const said = lines(
    OURS,
    field('dkim=pass header.d=acme.example; dmarc=fail header.from=acme.example'),
  );
  const whole = await authenticated(`${said}${signed}`, zone, { client });
  assert.deepEqual([whole.dmarc.result, whole.fromFront], ['pass', []]);
  const good = lines(OURS, field('dkim=pass header.d=acme.example'));
  const kept = await authenticated(`${good}${broken}`, zone, { client });
  assert.deepEqual(
    [kept.dkim.map(({ result }) => result), kept.dmarc.result, kept.fromFront],
    [['fail', 'pass'], 'pass', ['dkim']],
  );
});

test('two authors: the front speaks for none of them', async () => {
  const from = ['From: ann@acme.example, eve@evil.example'];
  const zone = { ...ZONE, 'TXT _dmarc.evil.example': ['v=DMARC1; p=none'] };
  const { all } = await found([OURS, field('dmarc=pass header.from=acme.example')], { from, zone });
  assert.deepEqual([all.dmarc.result, all.fromFront], ['fail', []]);
});

test('where the domain publishes no DMARC record, no word makes it pass', async () => {
  const { dmarc } = await found([OURS, field('dmarc=pass header.from=acme.example')], { zone: {} });
  assert.equal(dmarc.result, 'none');
});

test('the null reverse-path goes by the HELO that the front heard', async () => {
  const header = [OURS, field('spf=pass smtp.helo=acme.example')];
  const { all, said } = await found(header, { reversePath: '' });
  assert.equal(said, 'pass,pass');
  assert.equal(provesReversePath(all), false);
});

test('our own field says whose word it is, and a report may go out on it', async () => {
  const { all } = await found([OURS, field(`${PASS}; dmarc=pass header.from=acme.example`)]);
  const reason = 'reason="said by a trusted front"';
  assert.deepEqual(formatAuthentication(all), [
    `spf=pass ${reason} smtp.mailfrom=acme.example`,
    'dkim=none',
    `dmarc=pass ${reason} header.from=acme.example policy.dmarc=reject`,
  ]);
  assert.deepEqual(all.fromFront, ['spf', 'dmarc']);
  assert.equal(provesReversePath(all), true);
});

test('a flood of fields is bounded: ten count, and three domains', async () => {
  const dkim = Array.from({ length: 20 }, (_, at) => field(`dkim=pass header.d=d${at}.example`));
  const { all } = await found([OURS, ...dkim]);
  assert.deepEqual(
    all.dkim.map(({ domain }) => domain),
    ['d0.example', 'd1.example', 'd2.example'],
  );
  assert.equal(
    (await found([OURS, ...dkim.slice(0, 10), field(PASS)])).said.startsWith('none'),
    true,
  );
});
