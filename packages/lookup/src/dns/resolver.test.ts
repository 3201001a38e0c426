import assert from 'node:assert/strict';
import { test } from 'node:test';
import packet from 'dns-packet';
import fc from 'fast-check';
import { TestClock } from '../test-web.ts';
import { exchange } from './exchange.ts';
import { a, nameIn, reply, resolverFor, serve } from './test-server.ts';
import { decodeReply } from './wire.ts';

test('SERVFAIL, REFUSED and silence are failures, never "no such record"', async () => {
  const rcodes = { servfail: 2, refused: 5 } as const;
  for (const [reason, flags] of Object.entries(rcodes)) {
    const server = await serve((query) => [reply(query, { flags })]);
    const answer = await resolverFor([server.port]).query('bravo.example', 'A');
    assert.deepEqual(answer, { kind: 'failure', reason });
  }
  const silent = await serve(() => []);
  const answer = await resolverFor([silent.port], { timeoutMs: 50 }).query('bravo.example', 'A');
  assert.deepEqual(answer, { kind: 'failure', reason: 'timeout' });
  assert.equal(silent.asked(), 2);
});

test('RFC 5452 section 9.1: a reply with another id or question is waited past', async () => {
  const server = await serve((query) => {
    const forged = [a('bravo.example', '198.51.100.66')];
    return [
      reply({ ...query, id: ((query.id ?? 0) + 1) % 65_536 }, { answers: forged }),
      { ...reply(query, { answers: forged }), questions: [{ name: 'other.example', type: 'A' }] },
      { ...reply(query, { answers: forged }), questions: [{ name: 'bravo.example', type: 'MX' }] },
      reply(query, { answers: [a('bravo.example', '198.51.100.1')] }),
    ];
  });
  const answer = await resolverFor([server.port]).query('bravo.example', 'A');
  assert.ok(answer.kind === 'answer');
  assert.deepEqual(answer.records, ['198.51.100.1']);
});

test('a record of another name in the answer is not taken', async () => {
  const server = await serve((query) => [
    reply(query, { answers: [a('evil.example', '198.51.100.66')] }),
  ]);
  const answer = await resolverFor([server.port]).query('bravo.example', 'A');
  assert.equal(answer.kind, 'none');
});

test('a reply cut short by its own RDATA length is malformed', async () => {
  const server = await serve((query) => {
    const bytes = packet.encode(reply(query, { answers: [a('bravo.example', '198.51.100.1')] }));
    return [bytes.subarray(0, bytes.length - 2)];
  });
  const answer = await resolverFor([server.port]).query('bravo.example', 'A');
  assert.deepEqual(answer, { kind: 'failure', reason: 'malformed' });
});

test('an alias loop ends in a failure', async () => {
  const server = await serve((query) => [
    reply(query, {
      answers: [
        { type: 'CNAME', name: 'a.example', ttl: 60, data: 'b.example' },
        { type: 'CNAME', name: 'b.example', ttl: 60, data: 'a.example' },
      ],
    }),
  ]);
  const answer = await resolverFor([server.port]).query('a.example', 'A');
  assert.deepEqual(answer, { kind: 'failure', reason: 'malformed' });
});

test('RFC 1034 section 3.6.2: aliases are followed, in one reply and over several', async () => {
  const server = await serve((query) => {
    const name = nameIn(query);
    if (name === 'a.example') {
      const cname: packet.Answer = { type: 'CNAME', name, ttl: 30, data: 'B.example' };
      return [reply(query, { answers: [cname] })];
    }
    return [reply(query, { answers: [a(name, '198.51.100.1')] })];
  });
  const answer = await resolverFor([server.port]).query('a.example', 'A');
  assert.ok(answer.kind === 'answer');
  assert.equal(answer.canonicalName, 'b.example');
  assert.equal(answer.ttl, 30);
});

test('RFC 2308: NXDOMAIN and NODATA differ, and both are kept for the time of the SOA', async () => {
  const clock = new TestClock();
  const soa: packet.Answer = {
    type: 'SOA',
    name: 'example',
    ttl: 20,
    data: { mname: 'ns', rname: 'x', minimum: 10 },
  };
  const server = await serve((query) => {
    const isGone = nameIn(query) === 'gone.example';
    return [reply(query, { flags: isGone ? 3 : 0, authorities: [soa] })];
  });
  const resolver = resolverFor([server.port], { clock });
  const gone = await resolver.query('gone.example', 'A');
  assert.deepEqual(gone, { kind: 'none', reason: 'nxdomain', secure: false });
  const empty = await resolver.query('empty.example', 'A');
  assert.deepEqual(empty, { kind: 'none', reason: 'nodata', secure: false });
  await resolver.query('gone.example', 'A');
  assert.equal(server.asked(), 2);
  clock.time += 10_000;
  await resolver.query('gone.example', 'A');
  assert.equal(server.asked(), 3);
});

test('RFC 4035 section 4.9.3: AD counts only from a trusted resolver', async () => {
  const server = await serve((query) => [
    reply(query, { flags: packet.AUTHENTIC_DATA, answers: [a('bravo.example', '198.51.100.1')] }),
  ]);
  const plain = await resolverFor([server.port]).query('bravo.example', 'A');
  assert.ok(plain.kind === 'answer' && !plain.secure);
  const trusted = await resolverFor([server.port], { trusted: true }).query('bravo.example', 'A');
  assert.ok(trusted.kind === 'answer' && trusted.secure);
});

test('RFC 7766: a truncated reply is asked for again by TCP, and a SMIMEA of 4 KiB comes whole', async () => {
  const association = Buffer.alloc(4_096, 7);
  const server = await serve((query, over) => {
    if (over === 'udp') return [reply(query, { flags: packet.TRUNCATED_RESPONSE })];
    const name = nameIn(query);
    const data = Buffer.concat([Buffer.of(3, 0, 0), association]);
    return [reply(query, { answers: [{ type: 'UNKNOWN_53' as 'CERT', name, ttl: 60, data }] })];
  });
  const answer = await resolverFor([server.port]).query('x._smimecert.bravo.example', 'SMIMEA');
  assert.ok(answer.kind === 'answer');
  assert.deepEqual(answer.records, [{ usage: 3, selector: 0, matchingType: 0, association }]);
});

test('RFC 6891 section 7: a server that refuses EDNS is asked again without it', async () => {
  const server = await serve((query) =>
    (query.additionals ?? []).length > 0
      ? [{ type: 'response', id: query.id ?? 0, flags: 1 }]
      : [reply(query, { answers: [a('bravo.example', '198.51.100.1')] })],
  );
  assert.equal((await resolverFor([server.port]).query('bravo.example', 'A')).kind, 'answer');
});

test('the next server is asked when one fails, and equal questions at once are one query', async () => {
  const bad = await serve((query) => [reply(query, { flags: 2 })]);
  const good = await serve((query) => [
    reply(query, { answers: [a('bravo.example', '198.51.100.1')] }),
  ]);
  const resolver = resolverFor([bad.port, good.port]);
  const both = await Promise.all([
    resolver.query('bravo.example', 'A'),
    resolver.query('BRAVO.example.', 'A'),
  ]);
  assert.deepEqual(
    both.map(({ kind }) => kind),
    ['answer', 'answer'],
  );
  assert.equal(good.asked(), 1);
});

test('a server that cannot even be connected to is a failure and ends no process, whether UDP or TCP comes first', async () => {
  // The kernel refuses both at connect(2), as it does where there is no route.
  for (const address of ['255.255.255.255', 'fe80::1']) {
    const server = { address, port: 53 };
    for (const type of ['MX', 'SMIMEA'] as const) {
      const question = { id: 1, name: 'bravo.example', type };
      const answer = await exchange({ server, question, edns: true, timeoutMs: 200 });
      assert.deepEqual(answer, { kind: 'failure', reason: 'refused' });
    }
  }
});

test('a name that DNS cannot carry does not exist, and nothing is sent', async () => {
  const server = await serve(() => []);
  const resolver = resolverFor([server.port]);
  for (const name of ['', 'a..b', `${'x'.repeat(64)}.example`, 'a b.example', 'ü.example']) {
    assert.equal((await resolver.query(name, 'A')).kind, 'none', name);
  }
  assert.equal(server.asked(), 0);
});

test('no bytes from the network make the decoder throw', () => {
  const question = { id: 0x3030, name: 'bravo.example', type: 'SRV' } as const;
  const good = packet.encode({
    type: 'response',
    id: question.id,
    questions: [{ name: question.name, type: 'SRV' }],
    answers: [
      { type: 'SRV', name: question.name, data: { port: 1, target: 'x.example' } },
      { type: 'TXT', name: question.name, data: 'text' },
    ],
  });
  const mutated = fc
    .tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length))
    .map(([at, value, cut]) => {
      const bytes = Buffer.from(good.subarray(0, Math.max(12, cut)));
      if (at > 1 && at < bytes.length) bytes[at] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), (bytes) => {
      assert.ok(
        ['reply', 'other', 'malformed'].includes(decodeReply(Buffer.from(bytes), question).kind),
      );
    }),
    { numRuns: 2_000 },
  );
});
