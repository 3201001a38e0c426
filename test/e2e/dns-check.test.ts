import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { formatPemCertificate, generateKeyPairPem, issueCertificate } from '@sallyport/pki';
import { type Dns, startDns } from '../harness/dns.ts';
import { type Gateway, makeGateway, sallyport } from '../harness/gateway.ts';
import { freePort } from '../harness/ports.ts';

const DOMAIN = 'acme.example';
const ADDRESSES = ['gw IN A 192.0.2.1', 'gw IN AAAA 2001:db8::1', 'crls IN A 192.0.2.1'];

interface Check {
  readonly name: string;
  readonly type: string;
  readonly status: string;
  readonly expected: string | null;
  readonly seen: string | null;
  readonly dnssec: string;
}

describe('what sallyport dns prints, and what the world sees of it', () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let zone: string;

  before(async () => {
    const ports = { innerPort: await freePort(), dnsPort: 53, egressPort: await freePort() };
    const directory = {
      listen: ['127.0.0.1:389'],
      listenTls: ['127.0.0.1:636'],
      http: { listen: ['127.0.0.1:80'], listenTls: ['127.0.0.1:443'] },
      tls: { certificateFile: 'tls.pem', keyFile: 'tls-key.pem' },
    };
    gateway = stack.use(await makeGateway({ domain: DOMAIN, ...ports, config: { directory } }));
    const printed = await sallyport('dns', '--config', gateway.configFile);
    assert.equal(printed.code, 0, String(printed.stderr));
    zone = String(printed.stdout);
  });
  after(() => stack.disposeAsync());

  /** Runs `dns --check` against a resolver that sees this zone. */
  const check = async (dns: Dns, how: { readonly trusted: boolean }) => {
    const config = await readFile(gateway.configFile, 'utf8');
    const file = `${gateway.configFile}.${dns.port}.yaml`;
    const servers = `["127.0.0.1:${dns.port}"]`;
    const section = `dns:\n  servers: ${servers}\n  trusted: ${how.trusted}\n`;
    await writeFile(file, config.replace(/^dns:\n(?: .*\n)+/m, section));
    const json = await sallyport('dns', '--check', '--json', '--config', file);
    const text = await sallyport('dns', '--check', '--config', file);
    assert.equal(text.code, json.code);
    const lines = String(json.stdout).trim().split('\n');
    return {
      code: json.code,
      checks: lines.map((line) => JSON.parse(line) as Check),
      text: String(text.stdout),
    };
  };

  test('NSD loads the zone as it is printed, and every record of it is seen, DNSSEC included', async () => {
    await using dns = await startDns([
      { name: DOMAIN, kind: 'signed', records: [...ADDRESSES, ...zone.split('\n')] },
    ]);
    const { code, checks, text } = await check(dns, { trusted: true });
    assert.deepEqual(
      checks.filter(({ status, dnssec }) => status !== 'ok' || dnssec !== 'secure'),
      [],
    );
    assert.equal(code, 0, text);
    const types = checks.map(({ type }) => type);
    const counts = Object.fromEntries(
      [...new Set(types)].map((type) => [type, count(types, type)]),
    );
    assert.deepEqual(counts, {
      MX: 1,
      SRV: 7,
      CNAME: 1,
      SMIMEA: 2,
      CERT: 3,
      TLSA: 1,
      TXT: 2,
      A: 2,
    });
    assert.match(text, /^All 19 records are seen as they should be\.$/m);
    assert.match(await dns.dig('TXT', `_mta-sts.${DOMAIN}`), /"v=STSv1; id=[0-9a-f]{20};"/);
  });

  test('what is missing, other, beside ours or unsigned is told record by record', async () => {
    const lines = zone
      .split('\n')
      .filter((line) => !line.startsWith('_mta-sts') && !line.startsWith('certificates.'))
      .map((line) => (line.includes(' TLSA ') ? line.replace(/.$/, swap) : line))
      .map((line) => line.replace(`_ldap._tcp.${DOMAIN}. IN SRV 10 10 389`, '$&0'));
    const extra = ['@ IN MX 20 backup', 'backup IN A 192.0.2.9', 'certificates IN CNAME backup'];
    await using dns = await startDns([
      { name: DOMAIN, kind: 'plain', records: ['gw IN A 192.0.2.1', ...extra, ...lines] },
    ]);
    const { code, checks, text } = await check(dns, { trusted: true });
    assert.equal(code, 1);
    assert.ok(checks.every(({ dnssec }) => dnssec === 'insecure'));
    const wrong = checks.filter(({ status }) => status !== 'ok');
    assert.deepEqual(wrong.map(({ type, status, name }) => `${type} ${status} ${name}`).sort(), [
      'A missing crls.acme.example.',
      'CNAME different certificates.acme.example.',
      'MX extra acme.example.',
      'SRV different _ldap._tcp.acme.example.',
      'TLSA different _25._tcp.gw.acme.example.',
      'TXT missing _mta-sts.acme.example.',
    ]);
    const srv = wrong.find(({ type }) => type === 'SRV');
    assert.equal(srv?.seen, '10 10 3890 gw.acme.example.');
    assert.match(text, /^EXTRA +DNSSEC insecure +MX +acme\.example\. +seen 20 backup/m);
    assert.match(text, /^6 of 20 records are not seen as they should be\.$/m);
    assert.match(text, /^SMIMEA and TLSA count for partners only with DNSSEC/m);
  });

  test("dns --users prints lines of users' certificates, which NSD loads and dig sees", async () => {
    const folder = dirname(gateway.configFile);
    const ofUser = (mail: string): Buffer =>
      issueCertificate({
        subject: { cn: mail },
        privateKey: generateKeyPairPem('ec-p256').privateKeyPem,
        notBefore: new Date(Date.now() - 3_600_000),
        days: 10,
        emails: [mail],
      });
    const bob = ofUser('bob@acme.example');
    const pem = [bob, ofUser('o+neil@acme.example')].map(formatPemCertificate).join('');
    await writeFile(join(folder, 'users.pem'), pem);
    const { configFile } = gateway;
    const imported = await sallyport(
      'directory',
      'import',
      join(folder, 'users.pem'),
      '--config',
      configFile,
    );
    assert.equal(imported.code, 0, String(imported.stderr));
    const printed = String((await sallyport('dns', '--users', '--config', configFile)).stdout);
    await using dns = await startDns([
      { name: DOMAIN, kind: 'signed', records: [...ADDRESSES, ...printed.split('\n')] },
    ]);
    const cert = await dns.dig('+short', '+nosplit', 'CERT', 'bob.acme.example');
    assert.equal(cert.trim(), `PKIX 0 0 ${bob.toString('base64')}`);
    for (const localPart of ['bob', 'o+neil']) {
      const label = createHash('sha256').update(localPart).digest('hex').slice(0, 56);
      assert.match(
        await dns.dig('SMIMEA', `${label}._smimecert.${DOMAIN}`),
        /flags: [^;]*\bad\b[^;]*; QUERY: 1, ANSWER: 1/,
        localPart,
      );
    }
  });

  test('a resolver that cannot say, or is not trusted, is told as that', async () => {
    await using dns = await startDns([
      { name: DOMAIN, kind: 'broken', records: [] },
      { name: 'other.example', kind: 'plain', records: [] },
    ]);
    const { code, checks, text } = await check(dns, { trusted: false });
    assert.equal(code, 1);
    assert.ok(checks.every(({ status, dnssec }) => status === 'failed' && dnssec === 'unknown'));
    assert.match(text, /^NOT KNOWN .* the DNS did not say: servfail$/m);
    assert.match(text, /\(dns\.trusted\)/);
  });
});

function count<T>(values: readonly T[], value: T): number {
  return values.filter((one) => one === value).length;
}

function swap(digit: string): string {
  return digit === '0' ? '1' : '0';
}
