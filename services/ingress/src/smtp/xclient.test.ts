import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RawClient } from '../test-client.ts';
import { testListener, testRules, testTls } from '../testing.ts';
import type { SessionFacts } from './types.ts';
import { parseXclient } from './xclient.ts';

const KEYWORD = /250[- ]XCLIENT NAME ADDR PORT PROTO HELO(?:\n|$)/;

/** A listener that notes who each MAIL came from. */
async function noting(
  xclient: boolean | null,
  changes: Partial<Parameters<typeof testListener>[0]> = {},
) {
  const seen: SessionFacts[] = [];
  const listener = await testListener({
    transactions: () => ({
      mail: (_command, facts) => {
        seen.push(facts);
        return null;
      },
      recipient: () => null,
      data: () => ({ kind: 'refused', fault: 'internal' }),
      reset: () => undefined,
    }),
    ...(xclient === null ? {} : { frontAt: () => ({ xclient }) }),
    ...changes,
  });
  return { ...listener, seen };
}

async function helloed(port: number): Promise<{ client: RawClient; ehlo: string }> {
  const client = await RawClient.connect(port);
  await client.reply();
  return { client, ehlo: await client.command('EHLO front.example') };
}

test('XCLIENT is offered to a front alone; of anybody else it is refused and changes nothing', async () => {
  for (const xclient of [null, false]) {
    await using listener = await noting(xclient);
    const { client, ehlo } = await helloed(listener.port);
    assert.doesNotMatch(ehlo, /XCLIENT/);
    assert.match(await client.command('XCLIENT ADDR=192.0.2.7 HELO=a.example'), /^550 5\.7\.0 /);
    assert.match(await client.command('MAIL FROM:<a@a.example>'), /^250/);
    const [facts] = listener.seen;
    assert.deepEqual([facts?.address, facts?.helo], ['127.0.0.1', 'front.example']);
    const front = { address: '127.0.0.1', clientKnown: false };
    assert.deepEqual(facts?.front, xclient === null ? undefined : front);
    client.end();
  }
});

test('XCLIENT sets address and HELO; the session begins anew', async () => {
  await using listener = await noting(true);
  const { client, ehlo } = await helloed(listener.port);
  assert.match(ehlo, KEYWORD);
  const said = 'XCLIENT NAME=mx.b.example ADDR=192.0.2.7 PORT=4025 PROTO=ESMTP HELO=mx+2Eb.example';
  assert.equal(await client.command(said), '220 gw.acme.example ESMTP');
  assert.match(await client.command('MAIL FROM:<a@a.example>'), /^503/, 'EHLO must come anew');
  await client.command('EHLO front.example');
  assert.match(await client.command('MAIL FROM:<a@a.example>'), /^250/);
  const [facts] = listener.seen;
  assert.deepEqual(
    [facts?.address, facts?.port, facts?.helo, facts?.front],
    ['192.0.2.7', 4025, 'mx.b.example', { address: '127.0.0.1', clientKnown: true }],
  );
  client.end();
});

test('XCLIENT is refused inside a transaction, and leaves it as it was', async () => {
  await using listener = await noting(true);
  const { client } = await helloed(listener.port);
  assert.match(await client.command('MAIL FROM:<a@a.example>'), /^250/);
  assert.match(await client.command('XCLIENT ADDR=192.0.2.7'), /^503 /);
  assert.match(await client.command('RCPT TO:<b@b.example>'), /^250/);
  client.end();
});

test('a second XCLIENT leaves nothing of the first, nor lets a claimed address lose the right', async () => {
  await using listener = await noting(true);
  const { client } = await helloed(listener.port);
  for (const said of ['ADDR=192.0.2.7 PORT=25 HELO=one.example', 'ADDR=[UNAVAILABLE]']) {
    assert.match(await client.command(`XCLIENT ${said}`), /^220 /);
    assert.match(await client.command('EHLO front.example'), KEYWORD);
    assert.match(await client.command('MAIL FROM:<a@a.example>'), /^250/);
    await client.command('RSET');
  }
  const [first, second] = listener.seen;
  assert.deepEqual([first?.address, first?.helo], ['192.0.2.7', 'one.example']);
  assert.deepEqual(
    [second?.address, second?.helo, second?.front?.clientKnown],
    ['127.0.0.1', 'front.example', false],
  );
  client.end();
});

test('RFC 3207 4.2: what a front said in clear is forgotten under TLS, and its TLS proves nothing', async () => {
  const tls = testTls();
  await using listener = await noting(true, { tls, rules: testRules({ tls: 'offered' }) });
  const { client: clear } = await helloed(listener.port);
  assert.match(await clear.command('XCLIENT ADDR=192.0.2.7'), /^220 /);
  assert.match(await clear.command('EHLO front.example'), /STARTTLS/);
  assert.match(await clear.command('STARTTLS'), /^220 /);
  const client = await clear.upgrade(tls.cert);
  await client.command('EHLO front.example');
  assert.match(await client.command('MAIL FROM:<a@a.example>'), /^250/);
  const [facts] = listener.seen;
  assert.equal(facts?.address, '127.0.0.1');
  assert.deepEqual(facts?.front, { address: '127.0.0.1', clientKnown: false });
  assert.deepEqual(
    [facts?.tls?.clientCertificate, facts?.tls?.clientAuthorized, facts?.tls?.clientChain],
    [null, false, undefined],
  );
  client.end();
});

test('where TLS is required, XCLIENT must wait for it', async () => {
  const rules = testRules({ tls: 'required' });
  await using listener = await noting(true, { tls: testTls(), rules });
  const { client } = await helloed(listener.port);
  assert.match(await client.command('XCLIENT ADDR=192.0.2.7'), /^530 /);
  client.end();
});

const MALFORMED: readonly [string, string][] = [
  ['nothing', ''],
  ['no value', 'ADDR'],
  ['an empty value', 'ADDR='],
  ['no address', 'HELO=a.example'],
  ['a short xtext escape', 'ADDR=192.0.2.7 HELO=a+2'],
  ['an xtext escape in lower case', 'ADDR=192.0.2.7 HELO=a+2eexample'],
  ['a line end in xtext', 'ADDR=192.0.2.7 HELO=a+0D+0AMAIL'],
  ['a NUL in xtext', 'ADDR=192.0.2.7 NAME=a+00'],
  ['an octet beyond ASCII', 'ADDR=192.0.2.7 NAME=a+E4'],
  ['a HELO that could harm the trace', 'ADDR=192.0.2.7 HELO=a(b'],
  ['an attribute that is not offered', 'ADDR=192.0.2.7 LOGIN=ann'],
  ['an attribute twice', 'ADDR=192.0.2.7 ADDR=192.0.2.8'],
  ['no IPv4 address', 'ADDR=192.0.2.700'],
  ['an IPv6 address without its prefix', 'ADDR=2001:db8::1'],
  ['a zone', 'ADDR=IPV6:fe80::1%25eth0'],
  ['a port out of range', 'ADDR=192.0.2.7 PORT=65536'],
  ['a port in hexadecimal', 'ADDR=192.0.2.7 PORT=0x19'],
  ['a strange protocol', 'ADDR=192.0.2.7 PROTO=ES/MTP'],
  ['a long name', `ADDR=192.0.2.7 NAME=${'a'.repeat(256)}`],
  ['a long line', `ADDR=192.0.2.7 NAME=${'+61'.repeat(400)}`],
];

test('malformed XCLIENT is 501 and sets nothing', async () => {
  await using listener = await noting(true, { rules: testRules({ maxErrors: 100 }) });
  const { client } = await helloed(listener.port);
  for (const [what, argument] of MALFORMED) {
    assert.match(await client.command(`XCLIENT ${argument}`), /^501 5\.5\.4 /, what);
  }
  assert.match(await client.command(`XCLIENT ADDR=${'1'.repeat(5_000)}`), /^500 /);
  assert.match(await client.command('MAIL FROM:<a@a.example>'), /^250/, 'EHLO still counts');
  assert.equal(listener.seen[0]?.address, '127.0.0.1');
  client.end();
});

test('a client that the front could not name is not taken for the one before it', async () => {
  await using listener = await noting(true);
  const { client } = await helloed(listener.port);
  assert.match(await client.command('XCLIENT ADDR=192.0.2.7 HELO=a.example'), /^220 /);
  assert.match(await client.command('XCLIENT ADDR=192.0.2.8 HELO=a(b'), /^501 /);
  await client.command('EHLO front.example');
  assert.match(await client.command('MAIL FROM:<a@a.example>'), /^250/);
  const [facts] = listener.seen;
  assert.deepEqual([facts?.address, facts?.helo], ['127.0.0.1', 'front.example']);
  assert.deepEqual(facts?.front, { address: '127.0.0.1', clientKnown: false });
  client.end();
});

test('addresses of both kinds are read, and no text makes the parser throw', () => {
  const addressOf = (text: string) => parseXclient(`ADDR=${text}`)?.address;
  assert.equal(addressOf('IPV6:2001:DB8::1'), '2001:db8::1');
  assert.equal(addressOf('ipv6:::ffff:192.0.2.7'), '192.0.2.7');
  assert.equal(addressOf('[TEMPUNAVAIL]'), null);
  const word = fc.constantFrom(
    'ADDR=',
    'HELO=',
    ' ',
    '+',
    '+4',
    '1.2.3.4',
    'IPV6:',
    '::',
    'a',
    '=',
  );
  fc.assert(
    fc.property(fc.array(word), fc.string(), (words, tail) => {
      const parsed = parseXclient(words.join('') + tail);
      assert.match(parsed?.address ?? '::', /^[0-9a-f.:]+$/);
    }),
  );
});
