import assert from 'node:assert/strict';
import { test } from 'node:test';
import packet from 'dns-packet';
import { TestClock } from '../test-web.ts';
import { a, nameIn, reply, resolverFor, serve } from './test-server.ts';

const NAME = 'a-long-name-with-many-letters.bravo.example';

test('RFC 5452 section 9: an answer whose question has another case is not believed, TCP is asked', async () => {
  const over: string[] = [];
  const server = await serve((query, way) => {
    over.push(way);
    const address = way === 'udp' ? '198.51.100.66' : '198.51.100.1';
    const questions: packet.Question[] = [{ type: 'A', name: nameIn(query) }];
    return [{ ...reply(query, { answers: [a(NAME, address)] }), questions }];
  });
  const answer = await resolverFor([server.port]).query(NAME, 'A');
  assert.ok(answer.kind === 'answer');
  assert.deepEqual(answer.records, ['198.51.100.1']);
  assert.deepEqual(over, ['udp', 'tcp']);
});

test('RFC 5452 section 9: id, case of the name and port differ from query to query', async () => {
  const seen = { ids: new Set<number>(), names: new Set<string>() };
  const server = await serve((query) => {
    seen.ids.add(query.id ?? 0);
    seen.names.add(query.questions?.[0]?.name ?? '');
    return [reply(query, { answers: [a(NAME, '198.51.100.1', 0)] })];
  });
  const resolver = resolverFor([server.port]);
  for (let round = 0; round < 20; round += 1) await resolver.query(NAME, 'A');
  assert.ok(seen.ids.size > 10, `${seen.ids.size} ids`);
  assert.ok(seen.names.size > 10, `${seen.names.size} names`);
  assert.ok([...seen.names].every((name) => name.toLowerCase() === NAME));
  assert.ok(server.ports().size > 10, `${server.ports().size} source ports`);
});

test('RFC 8162 section 7: SMIMEA is asked by TCP, and by UDP where TCP is refused', async () => {
  const over: string[] = [];
  const server = await serve((query, way) => {
    over.push(way);
    const data = Buffer.of(3, 0, 0, 9);
    return [
      reply(query, {
        answers: [{ type: 'UNKNOWN_53' as 'CERT', name: nameIn(query), ttl: 60, data }],
      }),
    ];
  });
  const first = await resolverFor([server.port]).query('x._smimecert.bravo.example', 'SMIMEA');
  assert.equal(first.kind, 'answer');
  server.closeTcp();
  const second = await resolverFor([server.port]).query('x._smimecert.bravo.example', 'SMIMEA');
  assert.equal(second.kind, 'answer');
  assert.deepEqual(over, ['tcp', 'udp']);
});

test('RFC 4035 section 4.1: a query asks for recursion, DNSSEC records and the AD bit', async () => {
  const seen: packet.DecodedPacket[] = [];
  const server = await serve((query) => {
    seen.push(query);
    return [reply(query)];
  });
  await resolverFor([server.port]).query('bravo.example', 'A');
  const [query] = seen;
  const opt = query?.additionals?.find((record) => record.type === 'OPT');
  assert.ok(query !== undefined && opt?.type === 'OPT');
  assert.deepEqual([query.flag_rd, query.flag_ad, query.flag_cd], [true, true, false]);
  assert.deepEqual([opt.flag_do, opt.udpPayloadSize, opt.ednsVersion], [true, 1232, 0]);
});

test('a reply that is cut even over TCP is malformed, and so is one for another question', async () => {
  const cut = await serve((query) => [reply(query, { flags: packet.TRUNCATED_RESPONSE })]);
  const failed = await resolverFor([cut.port]).query('bravo.example', 'A');
  assert.deepEqual(failed, { kind: 'failure', reason: 'malformed' });
  const other = await serve((query, way) =>
    way === 'udp'
      ? [reply(query, { flags: packet.TRUNCATED_RESPONSE })]
      : [{ ...reply(query), questions: [{ type: 'A', name: 'other.example' }] }],
  );
  const wrong = await resolverFor([other.port]).query('bravo.example', 'A');
  assert.deepEqual(wrong, { kind: 'failure', reason: 'malformed' });
});

test('a reply over TCP that comes octet by octet, or announces more than it sends, is bounded', async () => {
  const slow = await serve((query, way) => {
    if (way === 'udp') return [reply(query, { flags: packet.TRUNCATED_RESPONSE })];
    const whole = packet.streamEncode(reply(query, { answers: [a(NAME, '198.51.100.1')] }));
    return [...whole].map((octet) => Buffer.of(octet));
  });
  assert.equal((await resolverFor([slow.port]).query(NAME, 'A')).kind, 'answer');
  const short = await serve((query, way) =>
    way === 'udp'
      ? [reply(query, { flags: packet.TRUNCATED_RESPONSE })]
      : [Buffer.from('ffff00', 'hex')],
  );
  const answer = await resolverFor([short.port], { timeoutMs: 60 }).query(NAME, 'A');
  assert.deepEqual(answer, { kind: 'failure', reason: 'timeout' });
});

test('RFC 4343: a letter that is no ASCII never becomes one by folding its case', async () => {
  const server = await serve((query) => [reply(query, { answers: [a('kim.example', '::')] })]);
  const answer = await resolverFor([server.port]).query('\u212aim.example', 'A');
  assert.equal(answer.kind, 'none');
  assert.equal(server.asked(), 0);
});

test('RFC 4035 section 4.9.3: one step of an alias chain without AD makes the answer insecure', async () => {
  const server = await serve((query) => {
    const name = nameIn(query);
    const cname: packet.Answer = { type: 'CNAME', name, ttl: 30, data: 'b.example' };
    return name === 'a.example'
      ? [reply(query, { flags: packet.AUTHENTIC_DATA, answers: [cname] })]
      : [reply(query, { answers: [a(name, '198.51.100.1')] })];
  });
  const answer = await resolverFor([server.port], { trusted: true }).query('a.example', 'A');
  assert.ok(answer.kind === 'answer' && !answer.secure);
});

test('RFC 2308 section 7: a failure is kept for seconds only, malformed bytes lead to the next server', async () => {
  const clock = new TestClock();
  let healthy = false;
  const bad = await serve((query) =>
    healthy
      ? [reply(query, { answers: [a('bravo.example', '198.51.100.2')] })]
      : [Buffer.concat([idOf(query), Buffer.from('818000010001ffffffff00', 'hex')])],
  );
  const good = await serve((query) => [
    reply(query, { answers: [a('bravo.example', '198.51.100.1')] }),
  ]);
  const both = await resolverFor([bad.port, good.port]).query('bravo.example', 'A');
  assert.ok(both.kind === 'answer' && both.records[0] === '198.51.100.1');
  const alone = resolverFor([bad.port], { clock });
  assert.deepEqual(await alone.query('bravo.example', 'A'), {
    kind: 'failure',
    reason: 'malformed',
  });
  healthy = true;
  assert.equal((await alone.query('bravo.example', 'A')).kind, 'failure');
  clock.time += 2_000;
  assert.equal((await alone.query('bravo.example', 'A')).kind, 'answer');
});

function idOf(query: packet.DecodedPacket): Buffer {
  const id = Buffer.alloc(2);
  id.writeUInt16BE(query.id ?? 0);
  return id;
}

test('what is kept is bounded in bytes: many large answers push the oldest out', async () => {
  const large = Buffer.alloc(60_000, 1);
  const server = await serve((query) => [
    reply(query, {
      answers: [{ type: 'UNKNOWN_53' as 'CERT', name: nameIn(query), ttl: 600, data: large }],
    }),
  ]);
  const resolver = resolverFor([server.port]);
  for (let i = 0; i < 600; i += 1) await resolver.query(`x${i}.example`, 'SMIMEA');
  assert.equal(server.asked(), 600);
  await resolver.query('x599.example', 'SMIMEA');
  assert.equal(server.asked(), 600);
  await resolver.query('x0.example', 'SMIMEA');
  assert.equal(server.asked(), 601);
});
