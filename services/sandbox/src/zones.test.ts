import assert from 'node:assert/strict';
import { test } from 'node:test';
import packet from 'dns-packet';
import { answerQuery } from './answer.ts';
import { zonesFileSchema } from './options.ts';
import { lookUp } from './zones.ts';

const zones = zonesFileSchema.parse({
  zones: [
    {
      name: 'bravo.example',
      secure: true,
      records: [
        { type: 'MX', name: 'bravo.example', preference: 10, exchange: 'mx.bravo.example' },
        { type: 'A', name: 'mx.bravo.example', address: '127.0.0.1' },
        { type: 'CNAME', name: 'www.bravo.example', target: 'MX.bravo.example' },
        { type: 'CNAME', name: 'loop.bravo.example', target: 'loop.bravo.example' },
        { type: 'TXT', name: 'long.bravo.example', text: 'x'.repeat(3_000) },
      ],
    },
  ],
  servfail: ['broken.bravo.example'],
  silent: ['silent.bravo.example'],
});
const kindOf = (name: string, type = 'A') => lookUp(zones, { name, type }).kind;

test('names that are marked fail, with all below; names of no zone are refused', () => {
  assert.equal(kindOf('a.broken.bravo.example'), 'servfail');
  assert.equal(kindOf('silent.bravo.example'), 'silent');
  assert.equal(kindOf('notbroken.bravo.example'), 'nxdomain');
  assert.equal(kindOf('other.example'), 'refused');
  assert.equal(kindOf('loop.bravo.example'), 'servfail');
});

test('RFC 8020: a name without the type, or with names below only, is NODATA; else NXDOMAIN', () => {
  assert.equal(kindOf('mx.bravo.example', 'AAAA'), 'nodata');
  assert.equal(kindOf('nothing.bravo.example'), 'nxdomain');
  assert.equal(kindOf('MX.Bravo.example.'), 'answer');
});

test('RFC 1034 3.6.2: an alias comes with what it leads to', () => {
  const found = lookUp(zones, { name: 'www.bravo.example', type: 'A' });
  assert.ok(found.kind === 'answer');
  assert.deepEqual(
    found.records.map(({ type }) => type),
    ['CNAME', 'A'],
  );
});

test('RFC 6891: an answer over the size that the client takes is truncated on UDP only', () => {
  const query = packet.encode({
    type: 'query',
    id: 7,
    questions: [{ type: 'TXT', name: 'long.bravo.example' }],
  });
  const udp = answerQuery(query, zones, 'udp');
  const tcp = answerQuery(query, zones, 'tcp');
  assert.ok(udp !== null && tcp !== null);
  assert.ok(packet.decode(udp).flag_tc && udp.length <= 512);
  assert.ok(!packet.decode(tcp).flag_tc && tcp.length > 3_000);
});

test('what is no query gets no answer', () => {
  assert.equal(answerQuery(Buffer.from('nonsense'), zones, 'udp'), null);
  const response = packet.encode({ type: 'response', id: 1, questions: [] });
  assert.equal(answerQuery(response, zones, 'udp'), null);
});
