import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemRandom } from '@sallyport/lookup';
import { formatPemCertificate } from '@sallyport/pki';
import { makeTestPki } from '../../services/cli/src/directory/test-pki.ts';
import { derOf } from '../harness/ca.ts';
import { makeDirectory, startDirectoryProcess } from '../harness/directory.ts';
import { type SoughtPartner, seekInProcess, soughtRecord } from '../harness/discovery.ts';
import { type Dns, startDns } from '../harness/dns.ts';
import { type Gateway, makeGateway, sallyport } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { freePort } from '../harness/ports.ts';
import { runOk } from '../harness/process.ts';

const skip = skipWithout(
  'nsd',
  'unbound',
  'bind9-dnsutils',
  'ldnsutils',
  'ldap-utils',
  'curl',
  'openssl',
);

/** RFC 3183 sections 3.1.1 and 4.1, and their labels of RFC 8162 section 3. */
const AUTHORITIES = {
  'domain-confidentiality-authority': '9d5192e5c4d2026ecac9a6473ead72c5b8870d2ad76d605945bfee26',
  'domain-signing-authority': '9c50a3787291ab282edd76cf6594d3527704149410b75d5f9031ad73',
} as const;
const DCA = 'domain-confidentiality-authority';
const ADA = 'ada@acme.example';

describe('A.9: what we publish is discovered from outside by stock tools', { skip }, () => {
  const stack = new AsyncDisposableStack();
  const certificates = new Map<string, Buffer>();
  let dns: Dns;
  let outsider: Gateway;
  let anchors: string[];

  before(async () => {
    const run = stack.use(await makeDirectory());
    const { gateway } = run;
    const pki = makeTestPki(new Date());
    certificates.set(ADA, pki.issue(ADA));
    certificates.set(DCA, derOf(await readFile(gateway.dcaFile, 'utf8')));
    certificates.set('domain-signing-authority', derOf(await readFile(gateway.dsaFile, 'utf8')));
    anchors = [gateway.caPem, formatPemCertificate(pki.caDer)];
    const users = join(gateway.folder, 'users.pem');
    await writeFile(users, formatPemCertificate(certificates.get(ADA) ?? Buffer.alloc(0)));
    const imported = await sallyport('directory', 'import', users, '--config', gateway.configFile);
    assert.equal(imported.code, 0, imported.stderr);
    stack.use(await startDirectoryProcess(run));
    const zone = await sallyport('dns', '--config', gateway.configFile);
    assert.equal(zone.code, 0, zone.stderr);
    const records = ['gw IN A 127.0.0.1', ...String(zone.stdout).split('\n')];
    dns = stack.use(await startDns([{ name: 'acme.example', kind: 'signed', records }]));
    outsider = stack.use(
      await makeGateway({
        domain: 'bravo.example',
        innerPort: await freePort(),
        dnsPort: dns.port,
        egressPort: await freePort(),
        config: { dns: { servers: [`${dns.host}:${dns.port}`], trusted: true } },
      }),
    );
  });
  after(() => stack.disposeAsync());

  /** The data of the only record, as dig prints it, proven by DNSSEC. */
  const lookUp = async (name: string, type: string): Promise<string> => {
    const text = await dns.dig('+noall', '+comments', '+answer', '+nosplit', '+adflag', name, type);
    assert.match(text, /status: NOERROR.*\n;; flags: qr rd ra ad;/, text);
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith(';'));
    assert.equal(lines.length, 1, text);
    const [, data = ''] = lines[0]?.split(/\sIN\s+\S+\s/) ?? [];
    return data.trim();
  };
  const inDns = async (name: string): Promise<Buffer> => {
    const [type, tag, algorithm, ...base64] = (await lookUp(name, 'CERT')).split(' ');
    assert.deepEqual([type, tag, algorithm], ['PKIX', '0', '0']);
    return Buffer.from(base64.join(''), 'base64');
  };
  /** Where SRV leads, resolved. */
  const serverOf = async (service: string) => {
    const [, , port = '', target = ''] = (await lookUp(`${service}.acme.example`, 'SRV')).split(
      ' ',
    );
    return { port, name: target.replace(/\.$/, ''), address: await lookUp(target, 'A') };
  };
  /** The addresses that OpenSSL reads in DER bytes. */
  const addressesIn = async (der: Buffer): Promise<string> =>
    String(await runOk('openssl', ['x509', '-inform', 'DER', '-noout', '-email'], { input: der }));
  const inLdap = async (service: string, mail: string): Promise<Buffer[]> => {
    const { address, port } = await serverOf(service);
    const ask = async (...args: string[]): Promise<string> =>
      String(
        await runOk('ldapsearch', [
          ...['-x', '-LLL', '-o', 'ldif-wrap=no', '-H', `ldap://${address}:${port}`],
          ...args,
        ]),
      );
    const rootDse = await ask('-s', 'base', '-b', '', 'namingContexts');
    const [, base = ''] = /^namingContexts: (.+)$/m.exec(rootDse) ?? [];
    const has = '(|(userCertificate;binary=*)(userCertificate=*))';
    const found = await ask('-b', base, `(&(mail=${mail})${has})`, 'userCertificate;binary');
    return [...found.matchAll(/^userCertificate;binary:: (\S+)$/gm)].map(([, value = '']) =>
      Buffer.from(value, 'base64'),
    );
  };
  /** What another gateway's worker chooses behind one door. */
  const chosen = async (address: string, how: Omit<SoughtPartner, 'domain'>) => {
    const record = soughtRecord({ domain: 'acme.example', ...how }, anchors);
    await outsider.setPolicy({ partners: [record] });
    const { facts } = await (await seekInProcess(outsider, systemRandom))(address);
    assert.ok(facts.kind === 'found', facts.kind);
    const { owner, proof, door, certificate } = facts;
    return { der: certificate.certificate.der, how: [door, owner, proof] };
  };

  for (const [name, label] of Object.entries(AUTHORITIES)) {
    test(`H1: ${name} is in DNS, bound to its address, as CERT and SMIMEA under DNSSEC`, async () => {
      const der = await inDns(`${name}.acme.example`);
      assert.deepEqual(der, certificates.get(name));
      assert.equal(await addressesIn(der), `${name}@acme.example\n`);
      const data = await lookUp(`${label}._smimecert.acme.example`, 'SMIMEA');
      const [usage, selector, matching, ...hex] = data.split(' ');
      assert.deepEqual([usage, selector, matching], ['3', '0', '0']);
      assert.deepEqual(Buffer.from(hex.join(''), 'hex'), der);
    });
  }

  test('H1: another gateway chooses it by its address, behind each of the two doors', async () => {
    const address = `${DCA}@acme.example`;
    const byCert = await chosen(address, { discovery: ['cert'] });
    assert.deepEqual(byCert, { der: certificates.get(DCA), how: ['cert', 'domain', 'path'] });
    const bySmimea = await chosen(address, { discovery: ['smimea'], trust: { anchors: [] } });
    assert.deepEqual(bySmimea, { der: certificates.get(DCA), how: ['smimea', 'domain', 'dnssec'] });
  });

  test('H2: the domain-bound certificate is in DNS, and another gateway chooses it for anyone there', async () => {
    const der = await inDns('acme.example');
    assert.deepEqual(der, certificates.get(DCA));
    const at = ['-t', '-p', String(dns.port), '@127.0.0.1', 'acme.example', 'CERT'];
    const drilled = String(await runOk('drill', at));
    assert.ok(drilled.includes(`PKIX 0 0 ${der.toString('base64')}`), drilled);
    const found = await chosen('bob@acme.example', { discovery: ['cert'] });
    assert.deepEqual(found, { der, how: ['cert', 'domain', 'path'] });
  });

  for (const service of ['_ldap._tcp', '_PKIXREP._LDAP']) {
    test(`H3: by ${service} the address-bound certificate of a user is in LDAP`, async () => {
      const [der, ...others] = await inLdap(service, ADA);
      assert.deepEqual([der, others.length], [certificates.get(ADA), 0]);
      assert.equal(await addressesIn(der ?? Buffer.alloc(0)), `${ADA}\n`);
    });

    test(`H4: by ${service} the domain-bound certificate is in LDAP`, async () => {
      assert.deepEqual(await inLdap(service, 'acme.example'), [certificates.get(DCA)]);
    });
  }

  test("H3: another gateway chooses the user's certificate by LDAP and by HTTP", async () => {
    for (const door of ['ldap-srv', 'http-srv']) {
      const found = await chosen(ADA, { to: ['user'], discovery: [door] });
      assert.deepEqual(found, { der: certificates.get(ADA), how: [door, 'user', 'path'] });
    }
  });

  test("H4: another gateway chooses the domain's certificate by LDAP and by HTTP", async () => {
    for (const door of ['ldap-srv', 'http-srv']) {
      const found = await chosen('bob@acme.example', { discovery: [door] });
      assert.deepEqual(found, { der: certificates.get(DCA), how: [door, 'domain', 'path'] });
    }
  });

  for (const service of ['_certificates._tcp', '_PKIXREP._HTTP']) {
    test(`by ${service} both are at the HTTP store (RFC 4387)`, async () => {
      const { address, name, port } = await serverOf(service);
      const get = async (query: string): Promise<Buffer> =>
        await runOk('curl', [
          ...['--silent', '--fail', '--resolve', `${name}:${port}:${address}`],
          `http://${name}:${port}/search.cgi?${query}`,
        ]);
      assert.deepEqual(await get(`email=${encodeURIComponent(ADA)}`), certificates.get(ADA));
      assert.deepEqual(await get('uri=acme.example'), certificates.get(DCA));
      await assert.rejects(get('email=nobody%40acme.example'), /ended with 22/);
    });
  }
});
