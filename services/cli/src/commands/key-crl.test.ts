import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseCrl } from '@sallyport/pki';
import { hasOpenssl, initialised, openssl, sallyport } from '../testing.ts';

describe('the own CA: its CRL, and keys that come from elsewhere', {
  skip: hasOpenssl() ? false : 'openssl is not installed',
}, () => {
  const stack = new AsyncDisposableStack();
  let folder = '';
  let config = '';
  const at = (name: string): string => join(folder, name);
  const key = async (...args: string[]): ReturnType<typeof sallyport> =>
    await sallyport(['key', ...args, '--offline', '--config', config]);
  const refused = async (why: RegExp, ...args: string[]): Promise<void> => {
    const ran = await key(...args);
    assert.deepEqual([ran.code, ran.text], [1, ''], args.join(' '));
    assert.match(ran.stderr, why);
    assert.match(ran.stderr, /^[^\n]+\.\n$/);
  };
  const keysOf = async (keyClass: string) =>
    (await sallyport(['key', 'list', '--json', '--config', config])).text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { keyId: string; class: string; state: string })
      .filter((one) => one.class === keyClass);
  const crl = async () => {
    const parsed = parseCrl(await readFile(at('g/data/published/ca.crl')));
    assert.ok(parsed.kind === 'crl');
    return parsed.value;
  };

  before(async () => {
    const made = await initialised();
    stack.defer(made.remove);
    ({ folder, config } = made);
  });
  after(async () => await stack.disposeAsync());

  test('RFC 5280 5.2.3: init issues a first list, revoke the next one, each with a greater number', async () => {
    const own = ['--passphrase-file', at('passphrase')];
    const first = await readFile(at('g/data/published/ca.crl'));
    const [active] = await keysOf('domain-signing');
    const { keyId } = active ?? { keyId: '' };
    await refused(/is in use, and partners would refuse/, 'revoke', keyId, ...own);
    const next = await key('rollover', '--for', 'domain-signing', '--now', '--json', ...own);
    assert.equal(next.code, 0, next.stderr);
    const revoked = await key('revoke', keyId, '--reason', 'keyCompromise', '--json', ...own);
    assert.equal(revoked.code, 0, revoked.stderr);
    const facts = JSON.parse(revoked.text) as { crlNumber: number; entries: number };
    assert.deepEqual([facts.crlNumber, facts.entries], [2, 1]);
    assert.equal((await crl()).number, 2n);
    assert.notDeepEqual(await readFile(at('g/data/published/ca.crl')), first);
    await refused(/revoked already/, 'revoke', keyId, ...own);
    await refused(/is revoked, so it is never used again/, 'activate', keyId);
    const published = await readFile(at('g/data/published/entries.json'), 'utf8');
    const record = JSON.parse(await readFile(at(`g/data/keys/${keyId}.json`), 'utf8')) as {
      certificate: string;
    };
    const der = record.certificate.split('\n').slice(1, -2).join('');
    assert.ok(!published.includes(der), 'what is revoked is published no more');
    await writeFile(at('leaf.pem'), record.certificate);
    await writeFile(
      at('crl.pem'),
      openssl(['crl', '-inform', 'DER', '-in', at('g/data/published/ca.crl')]),
    );
    const files = ['-CAfile', at('g/data/ca/ca.pem'), '-CRLfile', at('crl.pem')];
    assert.throws(
      () => openssl(['verify', '-crl_check', ...files, at('leaf.pem')]),
      /certificate revoked/,
    );
    const { keyId: successor } = JSON.parse(next.text) as { keyId: string };
    const kept = JSON.parse(await readFile(at(`g/data/keys/${successor}.json`), 'utf8')) as {
      certificate: string;
    };
    await writeFile(at('kept.pem'), kept.certificate);
    assert.match(openssl(['verify', '-crl_check', ...files, at('kept.pem')]).toString(), /OK/);
    const text = openssl(['x509', '-in', at('kept.pem'), '-noout', '-text']).toString();
    assert.match(
      text,
      /URI:http:\/\/gw\.acme\.example\/crl\/ca\.crl/,
      'the point of directory.http',
    );
    const renewed = await key('crl', '--days', '30', '--json', ...own);
    assert.equal((JSON.parse(renewed.text) as { crlNumber: number }).crlNumber, 3);
    await refused(/--days takes/, 'crl', '--days', '0', ...own);
  });

  test('RFC 7292: key and certificate come in one PKCS#12 file; a wrong password and a weak key are refused', async () => {
    const name = 'domain-confidentiality-authority';
    const extensions = `subjectAltName=email:${name}@acme.example\nkeyUsage=critical,keyEncipherment\nextendedKeyUsage=emailProtection\n`;
    await writeFile(at('extensions'), extensions);
    const root = ['-newkey', 'rsa:2048', '-nodes', '-keyout', at('o.key'), '-out', at('o.pem')];
    openssl(['req', '-x509', ...root, '-subj', '/CN=Outside CA', '-days', '30']);
    const anchors = ['--anchors', at('o.pem')];
    const pack = (bits: number): string => {
      const made = [
        '-newkey',
        `rsa:${bits}`,
        '-nodes',
        '-keyout',
        at('k.key'),
        '-out',
        at('k.csr'),
      ];
      openssl(['req', ...made, '-subj', `/CN=${name}`]);
      const by = ['-CA', at('o.pem'), '-CAkey', at('o.key'), '-CAcreateserial', '-days', '20'];
      const what = ['-extfile', at('extensions'), '-out', at('k.pem')];
      openssl(['x509', '-req', '-in', at('k.csr'), ...by, ...what]);
      const out = ['-out', at(`k${bits}.p12`), '-passout', 'pass:secret word'];
      openssl([
        'pkcs12',
        '-export',
        '-inkey',
        at('k.key'),
        '-in',
        at('k.pem'),
        '-certfile',
        at('o.pem'),
        ...out,
      ]);
      return at(`k${bits}.p12`);
    };
    await refused(
      /no valid path: [^\n]*(1,?024|weak|short|bits)/,
      'import',
      `${pack(1024)}:secret word`,
      ...anchors,
    );
    const good = pack(2048);
    await refused(/cannot be opened: wrong password/, 'import', `${good}:guess`, ...anchors);
    await writeFile(at('password'), 'secret word\n', { mode: 0o600 });
    const how = ['--passphrase-file', at('password'), '--activate', '--json'];
    const ran = await key('import', good, ...anchors, ...how);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal((JSON.parse(ran.text) as { state: string }).state, 'active');
    const states = (await keysOf('domain-confidentiality')).map((one) => one.state).sort();
    assert.deepEqual(states, ['active', 'decrypt-only']);
    await refused(/is active and has its certificate/, 'import', good, ...anchors, ...how);
  });
});
