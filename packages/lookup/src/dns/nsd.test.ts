import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseDomain, systemClock } from '@sallyport/mail';
import { freePort } from '@sallyport/test/ports';
import { systemRandom } from '../random.ts';
import { locateMx } from './mx.ts';
import { createResolver } from './resolver.ts';

const noNsd = existsSync('/usr/sbin/nsd') ? false : 'package nsd is not installed';
const ASSOCIATION = 'ab'.repeat(2_000);
const ZONE = `$ORIGIN bravo.example.
@ 60 IN SOA ns postmaster 1 3600 600 86400 30
@ 60 IN NS ns
ns 60 IN A 127.0.0.1
@ 60 IN MX 20 mx2
@ 60 IN MX 10 mx1
mx1 60 IN A 198.51.100.1
mx1 60 IN AAAA 2001:db8::1
mx2 60 IN CNAME mx1
_ldap._tcp 60 IN SRV 0 5 389 Ldap
_25._tcp.mx1 60 IN TLSA 3 1 1 ${'cd'.repeat(32)}
x._smimecert 60 IN SMIMEA 3 0 0 ${ASSOCIATION}
dca 60 IN CERT PKIX 0 0 ${Buffer.alloc(1_500, 9).toString('base64')}
text 60 IN TXT "one " "two"
`;

async function startNsd() {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-nsd-'));
  const port = await freePort();
  await mkdir(join(folder, 'xfr'));
  await writeFile(join(folder, 'bravo.zone'), ZONE);
  const config = [
    'server:',
    ` ip-address: 127.0.0.1@${port}`,
    ' server-count: 1',
    ' username: ""',
    ' chroot: ""',
    ' database: ""',
    ` zonesdir: "${folder}"`,
    ` zonelistfile: "${folder}/zone.list"`,
    ` pidfile: "${folder}/pid"`,
    ` xfrdfile: "${folder}/xfrd"`,
    ` xfrdir: "${folder}/xfr"`,
    ` logfile: "${folder}/log"`,
    'remote-control:',
    ' control-enable: no',
    'zone:',
    ' name: bravo.example',
    ' zonefile: bravo.zone',
  ];
  await writeFile(join(folder, 'nsd.conf'), `${config.join('\n')}\n`);
  const child = spawn('/usr/sbin/nsd', ['-d', '-c', join(folder, 'nsd.conf')], { stdio: 'ignore' });
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  return { port, [Symbol.asyncDispose]: stop };
}

test('every record type comes from NSD as it stands in the zone', { skip: noNsd }, async () => {
  await using nsd = await startNsd();
  const resolver = createResolver({
    servers: [{ address: '127.0.0.1', port: nsd.port }],
    trusted: true,
    timeoutMs: 2_000,
    clock: systemClock,
    random: systemRandom,
  });
  for (let tries = 0; tries < 100; tries += 1) {
    const fresh = await resolver.query(`up${tries}.bravo.example`, 'A');
    if (fresh.kind === 'none') break;
    await delay(30);
  }
  const srv = await resolver.query('_ldap._tcp.bravo.example', 'SRV');
  assert.ok(srv.kind === 'answer' && !srv.secure);
  const target = 'ldap.bravo.example';
  assert.deepEqual(srv.records, [{ priority: 0, weight: 5, port: 389, target }]);
  const tlsa = await resolver.query('_25._tcp.mx1.bravo.example', 'TLSA');
  assert.ok(tlsa.kind === 'answer');
  assert.equal(tlsa.records[0].association.toString('hex'), 'cd'.repeat(32));
  const smimea = await resolver.query('x._smimecert.bravo.example', 'SMIMEA');
  assert.ok(smimea.kind === 'answer');
  assert.equal(smimea.records[0].association.toString('hex'), ASSOCIATION);
  const cert = await resolver.query('dca.bravo.example', 'CERT');
  assert.ok(cert.kind === 'answer' && cert.records[0].certType === 1);
  assert.deepEqual(cert.records[0].certificate, Buffer.alloc(1_500, 9));
  const text = await resolver.query('text.bravo.example', 'TXT');
  assert.ok(text.kind === 'answer');
  assert.deepEqual(text.records, ['one two']);
  const gone = await resolver.query('gone.bravo.example', 'A');
  assert.ok(gone.kind === 'none' && gone.reason === 'nxdomain');
  const empty = await resolver.query('_tcp.bravo.example', 'A');
  assert.ok(empty.kind === 'none' && empty.reason === 'nodata');
  assert.equal((await resolver.query('other.test', 'A')).kind, 'failure');
  const domain = parseDomain('bravo.example');
  assert.ok(domain !== null);
  const route = await locateMx(domain, { resolver, random: systemRandom });
  assert.ok(route.kind === 'mx');
  assert.deepEqual(
    route.hosts.map(({ name, addresses }) => [name, addresses.length]),
    [
      ['mx1.bravo.example', 2],
      ['mx2.bravo.example', 2],
    ],
  );
});
