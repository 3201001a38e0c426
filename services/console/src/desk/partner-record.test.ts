import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formOf, splitPems, withForm } from './partner-record.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

test('an empty field says nothing, so that what is inherited holds', () => {
  const record = { name: 'B', tls: { level: 'may', match: ['x'] } };
  const form = new URLSearchParams({ 'tls.level': '', 'tls.match': '' });
  assert.deepEqual(withForm(record, form), { name: 'B' });
});

test('fields without a place in the form are kept', () => {
  const record = { name: 'B', outbound: { floor: 'aes256-gcm', encrypt: 'none' }, users: [{}] };
  const form = new URLSearchParams({ 'outbound.encrypt': 'required' });
  assert.deepEqual(withForm(record, form), {
    name: 'B',
    outbound: { floor: 'aes256-gcm', encrypt: 'required' },
    users: [{}],
  });
});

test('lines, certificates and boxes become lists; what is no certificate is left for the schema', () => {
  const form = new URLSearchParams({ name: ' B ', domains: 'a.example\r\n b.example,c.example' });
  for (const value of [PEM, `noise ${PEM}${PEM.replace('AAAA', 'BBBB')}`]) {
    form.append('trust.pinned', value);
  }
  form.append('trust.anchors', 'no certificate');
  assert.deepEqual(withForm({}, form), {
    name: 'B',
    domains: ['a.example', 'b.example', 'c.example'],
    trust: { pinned: [PEM, PEM.replace('AAAA', 'BBBB')], anchors: ['no certificate'] },
  });
});

test('a form shows what the record says, and sent back unchanged it is the same record', () => {
  const record = {
    name: 'B',
    domains: ['b.example'],
    outbound: { to: ['user', 'domain'] },
    tls: { requireTls: true },
    trust: { anchors: [PEM] },
  };
  const sent = new URLSearchParams([...formOf(record)]);
  assert.deepEqual(withForm(record, sent), record);
});

test('names of the form cannot reach beyond the record', () => {
  const form = new URLSearchParams({ '__proto__.polluted': 'yes', 'constructor.prototype': 'yes' });
  assert.deepEqual(withForm({}, form), {});
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
});

test('certificates are found between other lines, whatever the line ends', () => {
  assert.deepEqual(splitPems(`subject\r\n${PEM.replaceAll('\n', '\r\n')}end`), [PEM]);
  assert.deepEqual(splitPems('nothing'), []);
});

test('no is an answer of its own where yes is inherited, and comes back as it was', () => {
  const form = new URLSearchParams({ name: 'B', 'tls.requireTls': 'no' });
  const record = { name: 'B', tls: { requireTls: false } };
  assert.deepEqual(withForm({}, form), record);
  assert.deepEqual(withForm(record, new URLSearchParams([...formOf(record)])), record);
});

test('a certificate that lost its end is not left out without a word', () => {
  const text = `${PEM}-----BEGIN CERTIFICATE-----\nBBBB\n`;
  assert.deepEqual(withForm({}, new URLSearchParams({ 'trust.pinned': text })), {
    trust: { pinned: [text.trim()] },
  });
});
