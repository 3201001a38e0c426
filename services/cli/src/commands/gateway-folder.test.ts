import assert from 'node:assert/strict';
import { argon2Sync } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { hasOpenssl, openssl, sallyport, scratch } from '../testing.ts';

interface ListedKey {
  readonly keyId: string;
  readonly class: string;
  readonly state: string;
}

describe('a gateway folder made by init, with no process running', () => {
  let folder = '';
  let config = '';
  let remove = async (): Promise<void> => {};
  const at = (name: string): string => join(folder, name);

  async function listKeys(): Promise<ListedKey[]> {
    const ran = await sallyport(['key', 'list', '--json', '--config', config]);
    assert.equal(ran.code, 0, ran.stderr);
    return ran.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ListedKey);
  }

  before(async () => {
    ({ folder, remove } = await scratch());
    await writeFile(at('passphrase'), 'a long passphrase\n', { mode: 0o600 });
    config = at('gateway/gateway.yaml');
    const where = ['--domain', 'acme.example', '--dir', at('gateway'), '--key-kind', 'ec-p256'];
    const ran = await sallyport(['init', ...where, '--passphrase-file', at('passphrase')]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.text, /_PKIXREP\._LDAP\.acme\.example\. IN SRV/);
    assert.match(ran.text, /Next steps/);
  });
  after(async () => await remove());

  test('init needs a passphrase, refuses a folder in use and leaves nothing behind when it fails', async () => {
    const where = ['--domain', 'acme.example', '--key-kind', 'ec-p256'];
    const passphrase = ['--passphrase-file', at('passphrase')];
    const again = await sallyport(['init', ...where, '--dir', at('gateway'), ...passphrase]);
    assert.deepEqual([again.code, again.text], [1, '']);
    assert.match(again.stderr, /^[^\n]*gateway\.yaml exists already[^\n]*\.\n$/);
    const without = await sallyport(['init', ...where, '--dir', at('other')]);
    assert.deepEqual([without.code, without.text], [1, '']);
    const long = ['--runtime-dir', 'r'.repeat(90)];
    const failed = await sallyport([
      'init',
      ...where,
      '--dir',
      at('other'),
      ...passphrase,
      ...long,
    ]);
    assert.equal(failed.code, 1);
    assert.equal(await stat(at('other')).catch(() => null), null);
  });

  test('its config has no faults and its secrets are private', async () => {
    const checked = await sallyport(['check-config', config]);
    assert.equal(checked.code, 0, checked.stderr);
    for (const secret of [
      'data/ca/ca-key.pem',
      'tls-key.pem',
      'passwords',
      'data/keys/rejection-secret',
    ]) {
      assert.equal((await stat(at(`gateway/${secret}`))).mode & 0o777, 0o600, secret);
    }
    assert.match(await readFile(at('gateway/data/ca/ca-key.pem'), 'utf8'), /ENCRYPTED PRIVATE KEY/);
  });

  test('RFC 8162 3: dns prints the SMIMEA of the authorities under the label of their local-part', async () => {
    const ran = await sallyport(['dns', '--config', config]);
    const label = '9d5192e5c4d2026ecac9a6473ead72c5b8870d2ad76d605945bfee26';
    assert.match(
      ran.text,
      new RegExp(`^${label}\\._smimecert\\.acme\\.example\\. IN SMIMEA 3 0 0 30`, 'm'),
    );
    assert.match(
      ran.text,
      /^domain-confidentiality-authority\.acme\.example\. IN CERT PKIX 0 0 MI/m,
    );
  });

  test('partner import and export are a round trip; a bad file changes nothing', async () => {
    const policy = 'partners:\n  - name: Bravo\n    domains: [bravo.example]\n';
    await writeFile(at('policy.yaml'), policy);
    const options = ['--config', config];
    const reason = ['--reason', 'first partner', '--by', 'alice'];
    const imported = await sallyport([
      'partner',
      'import',
      at('policy.yaml'),
      ...reason,
      ...options,
    ]);
    assert.equal(imported.code, 0, imported.stderr);
    assert.match(imported.stderr, /not running/);
    const exported = await sallyport(['partner', 'export', ...options]);
    assert.match(exported.text, /^# policy version 2, .* by alice: first partner/);
    await writeFile(at('again.yaml'), exported.stdout);
    await writeFile(at('bad.yaml'), policy.replace('name:', 'nome:'));
    const bad = await sallyport(['partner', 'import', at('bad.yaml'), ...reason, ...options]);
    assert.deepEqual([bad.code, bad.text], [1, '']);
    assert.match(bad.stderr, /^[^\n]+\.\n$/);
    const again = await sallyport(['partner', 'import', at('again.yaml'), ...reason, ...options]);
    assert.equal(again.code, 0, again.stderr);
    const body = (text: string): string => text.split('\n').slice(1).join('\n');
    const last = await sallyport(['partner', 'export', ...options]);
    assert.equal(body(last.text), body(exported.text));
    const shown = await sallyport(['partner', 'show', 'bravo.example', '--json', ...options]);
    assert.equal((JSON.parse(shown.text) as { name: string }).name, 'Bravo');
  });

  test('what asks a running gateway says in one sentence that it is not running', async () => {
    const options = ['--config', config];
    for (const args of [
      ['queue', 'list'],
      ['queue', 'pause', 'bravo.example'],
      ['cert', 'locate', 'bob@bravo.example'],
      ['partner', 'simulate', '--from', 'a@acme.example', '--to', 'b@bravo.example'],
    ]) {
      const ran = await sallyport([...args, ...options]);
      assert.deepEqual([ran.code, ran.text], [1, ''], args.join(' '));
      assert.match(ran.stderr, /^[^\n]*(not running|does not answer)[^\n]*\n$/, args.join(' '));
    }
  });

  test('a new confidentiality key of the own CA retires the former one to decrypt-only', async () => {
    const passphrase = ['--self-issue', '--passphrase-file', at('passphrase')];
    const kind = [
      '--for',
      'domain-confidentiality',
      '--algorithm',
      'ec-p256',
      '--activate',
      '--offline',
    ];
    const ran = await sallyport(['key', 'generate', ...kind, ...passphrase, '--config', config]);
    assert.equal(ran.code, 0, ran.stderr);
    const keys = (await listKeys()).filter((key) => key.class === 'domain-confidentiality');
    assert.deepEqual(keys.map((key) => key.state).sort(), ['active', 'decrypt-only']);
    const active = keys.find((key) => key.state === 'active');
    const record = JSON.parse(
      await readFile(at(`gateway/data/keys/${active?.keyId}.json`), 'utf8'),
    ) as { certificate: string };
    const published = await readFile(at('gateway/data/published/entries.json'), 'utf8');
    const der = record.certificate.split('\n').slice(1, -2).join('');
    assert.ok(published.includes(der), 'the new certificate is published');
  });

  test('a certificate of an outside CA is imported only with right name, key and path', {
    skip: hasOpenssl() ? false : 'openssl is not installed',
  }, async () => {
    const options = ['--offline', '--config', config];
    const made = ['--for', 'domain-signing', '--algorithm', 'ec-p256'];
    const request = await sallyport(['key', 'generate', ...made, ...options]);
    assert.equal(request.code, 0, request.stderr);
    await writeFile(at('request.pem'), request.stdout);
    const ca = ['-newkey', 'rsa:2048', '-nodes', '-keyout', at('ca.key'), '-out', at('ca.pem')];
    openssl(['req', '-x509', ...ca, '-subj', '/CN=Outside CA', '-days', '30']);
    const issue = async (out: string, email: string, key: readonly string[]): Promise<void> => {
      const extensions = `subjectAltName=email:${email}\nkeyUsage=critical,digitalSignature\n`;
      const by = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '20'];
      const what = ['-extfile', at('extensions'), '-out', at(out)];
      await writeFile(at('extensions'), extensions);
      openssl(['x509', '-req', ...key, ...by, ...what]);
    };
    const right = 'domain-signing-authority@acme.example';
    await issue('right.pem', right, ['-in', at('request.pem')]);
    await issue('stranger.pem', 'domain-signing-authority@evil.example', [
      '-in',
      at('request.pem'),
    ]);
    await issue('user.pem', 'alice@acme.example', ['-in', at('request.pem')]);
    const other = ['-newkey', 'rsa:2048', '-nodes', '-keyout', at('o.key'), '-out', at('o.csr')];
    openssl(['req', ...other, '-subj', '/CN=domain-signing-authority']);
    await issue('other.pem', right, ['-in', at('o.csr')]);
    const anchors = ['--anchors', at('ca.pem')];
    for (const args of [
      ['stranger.pem', ...anchors],
      ['user.pem', ...anchors],
      ['other.pem', ...anchors], // no key for it
      ['other.pem', ...anchors, '--key', at('ca.key')], // not its key
      ['right.pem'], // no path to the own CA
    ]) {
      const [file = '', ...more] = args;
      const ran = await sallyport(['key', 'import', at(file), ...more, ...options]);
      assert.deepEqual([ran.code, ran.text], [1, ''], args.join(' '));
      assert.match(ran.stderr, /^[^\n]+\.\n$/);
    }
    const ran = await sallyport([
      'key',
      'import',
      at('right.pem'),
      ...anchors,
      '--activate',
      ...options,
    ]);
    assert.equal(ran.code, 0, ran.stderr);
    const signing = (await listKeys()).filter((key) => key.class === 'domain-signing');
    assert.deepEqual(signing.map((key) => key.state).sort(), ['active', 'retired']);
    const former = signing.find((key) => key.state === 'retired')?.keyId ?? '';
    const dca = (await listKeys()).find((key) => key.class === 'domain-confidentiality');
    const alone = ['key', 'activate', dca?.keyId ?? '', '--beside', ...options];
    assert.equal((await sallyport(alone)).code, 1, 'mail is encrypted to one key');
    const beside = await sallyport(['key', 'activate', former, '--beside', ...options]);
    assert.equal(beside.code, 0, beside.stderr);
    const both = (await listKeys()).filter((key) => key.class === 'domain-signing');
    assert.deepEqual(
      both.map((key) => key.state),
      ['active', 'active'],
      'RFC 3183 3.1.2: two keys sign side by side',
    );
  });

  test('RFC 9936, RFC 9882: a key is made for what its kind can do, and for nothing else', async () => {
    const own = ['--self-issue', '--passphrase-file', at('passphrase')];
    const generate = async (keyClass: string, algorithm: string, ...more: string[]) => {
      const which = ['--for', keyClass, '--algorithm', algorithm];
      return await sallyport([
        'key',
        'generate',
        ...[...which, '--offline', '--json', '--config', config],
        ...more,
      ]);
    };
    const refused = await Promise.all([
      generate('domain-signing', 'ml-kem-768', ...own),
      generate('domain-confidentiality', 'ed25519', ...own),
      generate('domain-confidentiality', 'x25519'), // a request needs a signature
    ]);
    for (const ran of refused) {
      assert.deepEqual([ran.code, ran.text], [1, '']);
      assert.match(ran.stderr, /cannot (serve|sign a request)[^\n]*\.\n$/);
    }
    for (const [keyClass, algorithm] of [
      ['domain-signing', 'ml-dsa-65'],
      ['domain-confidentiality', 'ml-kem-1024'],
    ] as const) {
      const ran = await generate(keyClass, algorithm, ...own);
      assert.equal(ran.code, 0, ran.stderr);
      const { keyId } = JSON.parse(ran.text) as { keyId: string };
      const record = await readFile(at(`gateway/data/keys/${keyId}.json`), 'utf8');
      assert.match(record, new RegExp(`"algorithm": "${algorithm}"`));
    }
  });

  test('user add writes an argon2id hash that its password opens; remove takes it away', async () => {
    const options = ['--config', config];
    const added = await sallyport(
      ['user', 'add', 'alice', '--password-file', '-', ...options],
      'secret word\n',
    );
    assert.equal(added.code, 0, added.stderr);
    const twice = await sallyport(
      ['user', 'add', 'alice', '--password-file', '-', ...options],
      'x\n',
    );
    assert.equal(twice.code, 1);
    const text = await readFile(at('gateway/passwords'), 'utf8');
    const [, salt = '', tag = ''] =
      /^alice:\$argon2id\$v=19\$m=65536,t=3,p=4\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/m.exec(text) ??
      [];
    const cost = { memory: 65_536, passes: 3, parallelism: 4, tagLength: 32 };
    const message = Buffer.from('secret word');
    const computed = argon2Sync('argon2id', {
      ...cost,
      message,
      nonce: Buffer.from(salt, 'base64'),
    });
    assert.equal(computed.toString('base64').replace(/=+$/, ''), tag);
    assert.equal((await stat(at('gateway/passwords'))).mode & 0o777, 0o600);
    const listed = await sallyport(['user', 'list', ...options]);
    assert.equal(listed.text, 'alice\n');
    const removed = await sallyport(['user', 'remove', 'alice', ...options]);
    assert.equal(removed.code, 0);
    assert.doesNotMatch(await readFile(at('gateway/passwords'), 'utf8'), /alice/);
    assert.match(await readFile(at('gateway/passwords'), 'utf8'), /^#/, 'comments stay');
  });

  test('every command has help', async () => {
    const pages = [[], ['key'], ['partner'], ['cert'], ['message'], ['queue'], ['audit'], ['user']];
    for (const page of pages) {
      const ran = await sallyport([...page, '--help']);
      assert.equal(ran.code, 0);
      assert.match(ran.text, /Usage: sallyport/);
    }
  });
});
