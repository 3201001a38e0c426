import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMailbox } from '@sallyport/mail';
import { freePort } from '@sallyport/test/ports';
import { locateCertificates } from '../locate.ts';
import type { LocatePorts } from '../locate-types.ts';
import { startRefusing } from '../test-peers.ts';
import { startRaw, webPorts } from '../test-web.ts';

const NO_SUCH_OBJECT = 32;
const REFERRAL = 10;
const HOST = { 'A ldap.bravo.example': ['127.0.0.1'] };
const srv = (port: number, target = 'ldap.bravo.example') => [
  { priority: 0, weight: 0, port, target },
];
const mailbox = parseMailbox('bob@bravo.example');
assert.ok(mailbox !== null);

const locate = (ports: LocatePorts) =>
  locateCertificates({
    mailbox,
    role: 'confidentiality',
    doors: ['ldap-srv'],
    pinned: [],
    validate: () => ({ kind: 'usable' as const }),
    ports,
  });

test('RFC 2782: a target of "." says that there is no directory', async () => {
  const result = await locate(webPorts({ 'SRV _ldap._tcp.bravo.example': srv(0, '') }));
  assert.equal(result.kind, 'none');
  const reasons = result.trace.map(({ reason }) => reason);
  assert.ok(reasons.includes('the domain says that it offers none'), reasons.join());
});

test('CD-7: that one service has nothing does not hide that another is down', async () => {
  await using server = await startRefusing(NO_SUCH_OBJECT);
  const pkix = { 'SRV _PKIXREP._LDAP.bravo.example': srv(server.port) };
  assert.equal((await locate(webPorts({ ...HOST, ...pkix }))).kind, 'none');
  const down = { 'SRV _ldap._tcp.bravo.example': srv(await freePort()) };
  const outage = await locate(webPorts({ ...HOST, ...pkix, ...down }));
  assert.ok(outage.kind === 'unavailable' && outage.fault === 'directory-unreachable');
  const unknown = { 'SRV _ldaps._tcp.bravo.example': 'servfail' } as const;
  const failure = await locate(webPorts({ ...HOST, ...pkix, ...unknown }));
  assert.ok(failure.kind === 'unavailable' && failure.fault === 'dns-failure');
});

test('a record that names a good server with the wrong TLS does not make it dead for others', async () => {
  await using server = await startRefusing(NO_SUCH_OBJECT);
  const ports = webPorts({
    ...HOST,
    'SRV _ldaps._tcp.evil.example': srv(server.port),
    'SRV _ldap._tcp.bravo.example': srv(server.port),
  });
  const evil = parseMailbox('eve@evil.example');
  assert.ok(evil !== null);
  const poisoned = await locateCertificates({
    mailbox: evil,
    role: 'confidentiality',
    doors: ['ldap-srv'],
    pinned: [],
    validate: () => ({ kind: 'usable' as const }),
    ports,
  });
  assert.equal(poisoned.kind, 'unavailable');
  assert.equal((await locate(ports)).kind, 'none');
});

test('a referral is told and never followed', async () => {
  await using inside = await startRaw((socket) => socket.destroy());
  await using server = await startRefusing(REFERRAL, `ldap://127.0.0.1:${inside.port}/dc=inside`);
  const records = { ...HOST, 'SRV _ldap._tcp.bravo.example': srv(server.port) };
  const result = await locate(webPorts(records));
  assert.equal(result.kind, 'none');
  assert.ok(result.trace.some(({ query }) => query.includes('which is not followed')));
  assert.equal(inside.connections(), 0);
});

test('an SRV target that is no name is neither asked for nor shown', async () => {
  const records = { 'SRV _ldap._tcp.bravo.example': srv(389, 'a\u001b[2J.example') };
  const ports = webPorts(records);
  const result = await locate(ports);
  assert.ok(!JSON.stringify(result.trace).includes('2J'));
  assert.ok(!ports.asked.some((question) => question.startsWith('A ')));
});
