import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { DomainSurvey } from '@sallyport/survey';
import { type Dns, startDns, type Zone } from '../harness/dns.ts';
import { type Gateway, makeGateway, sallyport } from '../harness/gateway.ts';
import { freePort } from '../harness/ports.ts';
import { waitFor } from '../harness/wait.ts';

const DOMAIN = 'bravo.example';
const ADDRESSES = ['gw IN A 127.0.0.1', 'crls IN A 127.0.0.1'];

async function getText(url: string, how: RequestOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request(url, how, resolve).on('error', reject).end();
  return String(Buffer.concat(await (await promise).toArray()));
}

describe('what a survey finds of a domain that a gateway serves', () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let statementFile: string;
  let webTls: number;
  let printed: readonly string[];

  before(async () => {
    const [partnerPort, dnsPort, web] = [await freePort(), await freePort(), await freePort()];
    webTls = await freePort();
    gateway = stack.use(
      await makeGateway({
        domain: DOMAIN,
        innerPort: await freePort(),
        dnsPort,
        partnerPort,
        egressPort: partnerPort,
        config: {
          lookup: { allowPrivateAddresses: true, tlsAnchorsFile: 'public/ca.pem' },
          directory: {
            listen: [`127.0.0.1:${await freePort()}`],
            http: { listen: [`127.0.0.1:${web}`], listenTls: [`127.0.0.1:${webTls}`] },
            tls: { certificateFile: 'tls.pem', keyFile: 'tls-key.pem' },
          },
        },
      }),
    );
    await gateway.setPolicy({});
    await gateway.start();
    statementFile = join(gateway.layout.statements, `${DOMAIN}.jws`);
    await waitFor(async () => (await readFile(statementFile).catch(() => null)) !== null, {
      what: 'the statement',
    });
    printed = String((await sallyport('dns', '--config', gateway.configFile)).stdout).split('\n');
  });
  after(() => stack.disposeAsync());

  /** Surveys the domain with these zones, as somebody who has its CA as an anchor, or nothing. */
  const survey = async (zones: readonly Zone[], how: { readonly anchored: boolean }) => {
    await using dns: Dns = await startDns(zones);
    const config = await readFile(gateway.configFile, 'utf8');
    const file = `${gateway.configFile}.${dns.port}.yaml`;
    const section = `dns:\n  servers: ["127.0.0.1:${dns.port}"]\n  trusted: true\n`;
    await writeFile(file, config.replace(/^dns:\n(?: .*\n)+/m, section));
    const anchors = how.anchored ? ['--anchors', gateway.caFile] : [];
    const result = await sallyport('survey', DOMAIN, '--config', file, '--json', ...anchors);
    const words = await sallyport('survey', DOMAIN, '--config', file, '--steps', ...anchors);
    assert.equal(words.code, result.code);
    const found = JSON.parse(String(result.stdout)) as DomainSurvey;
    return { code: result.code, found, words: String(words.stdout) };
  };
  /** Until the directory, which looks at its files twice a second at the most, serves this text. */
  const served = async (text: string): Promise<void> => {
    const url = `https://127.0.0.1:${webTls}/.well-known/domsec-statement?domain=${DOMAIN}`;
    const how = { ca: gateway.caPem, servername: gateway.name };
    await waitFor(async () => (await getText(url, how)) === text, {
      what: 'the altered statement',
    });
  };
  const zone = (records: readonly string[], kind: Zone['kind'] = 'signed'): Zone => ({
    name: DOMAIN,
    kind,
    records: [...ADDRESSES, ...records],
  });

  test('every door leads to the certificates in use, and the statement is believed', async () => {
    const { code, found, words } = await survey([zone(printed)], { anchored: true });
    assert.deepEqual(
      found.doors.map(({ door, outcome }) => [door, outcome]),
      [
        ['smimea', 'found'],
        ['cert', 'found'],
        ['ldap-srv', 'found'],
        ['http-srv', 'found'],
        ['trial', 'found'],
      ],
    );
    const worths = new Set(found.certificates.map(({ worth }) => worth));
    assert.deepEqual([...worths].sort(), ['dnssec', 'trusted']);
    const ofRole = (wanted: string) =>
      new Set(
        found.certificates.flatMap(({ role, fingerprint }) => (role === wanted ? fingerprint : [])),
      );
    assert.equal(ofRole('confidentiality').size, 1);
    assert.equal(ofRole('signing').size, 1);
    assert.ok(found.statement?.isBelieved, found.statement?.reason);
    assert.equal(found.statement.demands.signature, 'optional');
    assert.ok(found.statement.accepts['content']?.includes('aes256-gcm'));
    assert.equal(found.mail.dnssec, 'secure');
    const [host] = found.mail.hosts;
    assert.equal(host?.name, `gw.${DOMAIN}`);
    assert.equal(host.tls.outcome, 'unverified', host.tls.sentence);
    assert.match(host.tls.version ?? '', /TLSv1\.3/);
    assert.deepEqual(
      found.remarks.filter(({ severity }) => severity === 'fault'),
      [],
    );
    assert.equal(code, 0, words);
    assert.match(words, /Statement: believed/);
    assert.match(words, /trial +found +\d+ ms +GET https:\/\//);
  });

  test('without an anchor nothing is proven, and the statement is not believed', async () => {
    const lines = printed.filter((line) => !line.includes('SMIMEA'));
    const { found } = await survey([zone(lines, 'plain')], { anchored: false });
    assert.deepEqual([...new Set(found.certificates.map(({ worth }) => worth))], ['unproven']);
    assert.equal(found.statement?.isBelieved, false);
    assert.match(found.statement?.reason ?? '', /no trust anchor/);
    assert.equal(found.mail.dnssec, 'insecure');
  });

  test('a statement that was altered is named, and none of its certificates is taken', async () => {
    const jws = await readFile(statementFile, 'utf8');
    const [header, payload = '', signature] = jws.trim().split('.');
    const altered = Buffer.from(payload, 'base64url').toString().replace('optional', 'any');
    const text = [header, Buffer.from(altered).toString('base64url'), signature].join('.');
    await writeFile(statementFile, text);
    try {
      await served(text);
      const { found } = await survey([zone(printed)], { anchored: true });
      assert.equal(found.statement, null);
      assert.ok(found.certificates.every(({ door }) => door !== 'trial'));
      const texts = found.remarks.map(({ text: remark }) => remark).join('\n');
      assert.match(texts, /statement of the domain cannot be used: its signature does not fit/);
    } finally {
      await writeFile(statementFile, jws);
    }
  });

  test('a domain with nothing is told so, with exit code 1', async () => {
    const { code, found, words } = await survey([zone(['@ IN MX 0 .'])], { anchored: true });
    assert.equal(code, 1);
    assert.equal(found.mail.kind, 'null-mx');
    assert.deepEqual(found.certificates, []);
    assert.match(words, /fault +No certificate of the domain was found/);
  });
});
