import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Domain, parseDomain } from '@sallyport/mail';
import {
  formatPemCertificate,
  generateKeyPairPem,
  issueDomainAuthority,
  type KeyKind,
  makeRoot,
  parseCertificate,
} from '@sallyport/pki';
import { hasOpenssl, openssl, sallyport, scratch } from '../testing.ts';

const MESSAGE = Buffer.from(
  'From: a@acme.example\r\nTo: b@bravo.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n' +
    'Content-Type: text/plain\r\n\r\nTen o clock.\r\n',
);
const NOW = new Date();
const period = { notBefore: new Date(NOW.getTime() - 3_600_000), days: 30 };
const domain = parseDomain('acme.example') as Domain;

/** Keys and certificates of an authority of each kind, as files. */
describe('message commands: every algorithm that can be chosen', () => {
  let folder = '';
  let remove = async (): Promise<void> => {};
  const at = (name: string): string => join(folder, name);

  before(async () => {
    ({ folder, remove } = await scratch());
    const { privateKeyPem: privateKey } = generateKeyPairPem('ec-p256');
    const root = makeRoot({ ...period, privateKey, commonName: 'Root', domains: [domain] });
    const parsed = parseCertificate(root);
    assert.ok(parsed.kind === 'certificate');
    const issuer = { certificate: parsed.value, privateKey };
    await writeFile(at('root.pem'), formatPemCertificate(root));
    const make = async (name: string, kind: KeyKind, role: 'signing' | 'confidentiality') => {
      const { spki, privateKeyPem } = generateKeyPairPem(kind);
      const authority = `domain-${role}-authority` as const;
      const der = issueDomainAuthority({ ...period, name: authority, domain, spki, issuer });
      await writeFile(at(`${name}.pem`), `${formatPemCertificate(der)}${privateKeyPem}`);
    };
    for (const kind of ['rsa-2048', 'ec-p521', 'ed25519', 'ml-dsa-65'] as const) {
      await make(`sign-${kind}`, kind, 'signing');
    }
    for (const kind of ['rsa-2048', 'ec-p521', 'x25519', 'ml-kem-768'] as const) {
      await make(`receive-${kind}`, kind, 'confidentiality');
    }
  });
  after(async () => await remove());

  const run = async (args: readonly string[], input: Buffer): Promise<Buffer> => {
    const ran = await sallyport(['message', ...args], input);
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`);
    return ran.stdout;
  };
  const complaint = async (args: readonly string[]): Promise<string> => {
    const ran = await sallyport(['message', ...args], MESSAGE);
    assert.deepEqual([ran.code, ran.text], [1, '']);
    return ran.stderr;
  };
  const encrypt = (names: readonly string[], ...more: string[]): string[] => [
    'encrypt',
    ...names.flatMap((name) => ['--to', at(`receive-${name}.pem`)]),
    ...more,
  ];
  const decrypt = (name: string): string[] => ['decrypt', '--key', at(`receive-${name}.pem`)];

  test('a choice that key or rule forbids is one sentence', async () => {
    const sign = (kind: string): string[] => ['sign', '--key', at(`sign-${kind}.pem`)];
    assert.match(await complaint([...sign('ed25519'), '--digest', 'sha256']), /does not go with/);
    assert.match(await complaint(encrypt(['ml-kem-768'])), /only where the rule names ml-kem/);
    const kem = encrypt(['rsa-2048'], '--key-transport', 'ml-kem');
    assert.match(await complaint(kem), /does not fit/);
  });

  test('signers of several kinds stand side by side, and inspect names each algorithm', async () => {
    const keys = ['rsa-2048', 'ec-p521', 'ed25519', 'ml-dsa-65'].flatMap((kind) => [
      '--key',
      at(`sign-${kind}.pem`),
    ]);
    const signed = await run(['sign', ...keys, '--pss', '--signer-id', 'key-id'], MESSAGE);
    await writeFile(at('signed.eml'), signed);
    const inspected = await sallyport([
      'message',
      'inspect',
      at('signed.eml'),
      '--anchors',
      at('root.pem'),
    ]);
    assert.equal(inspected.code, 0, inspected.stderr);
    for (const name of ['rsa-pss-sha256', 'ecdsa-sha512', 'ed25519', 'ml-dsa-65']) {
      assert.match(inspected.text, new RegExp(`"${name}"`), name);
    }
    assert.doesNotMatch(inspected.text, /"state":"(invalid|unverifiable)"/);
  });

  test('one message opens for recipients of four kinds', async () => {
    const all = ['rsa-2048', 'ec-p521', 'x25519', 'ml-kem-768'];
    const options = [
      '--content',
      'chacha20-poly1305',
      '--allow-ml-kem',
      '--recipient-id',
      'key-id',
    ];
    const sealed = await run(encrypt(all, ...options), MESSAGE);
    for (const name of all) {
      const opened = await run(decrypt(name), sealed);
      assert.match(opened.toString(), /Ten o clock/, name);
    }
  });

  test('OpenSSL opens OAEP with two hashes and a label', {
    skip: hasOpenssl() ? false : 'openssl is not installed',
  }, async () => {
    const oaep = ['--oaep-hash', 'sha384', '--oaep-mgf1-hash', 'sha1', '--oaep-label', 'gateway'];
    const options = ['--key-transport', 'rsa-oaep', ...oaep, '--content', 'aes192-cbc'];
    await writeFile(at('oaep.eml'), await run(encrypt(['rsa-2048'], ...options), MESSAGE));
    const key = ['-recip', at('receive-rsa-2048.pem'), '-inkey', at('receive-rsa-2048.pem')];
    const opened = openssl(['cms', '-decrypt', '-in', at('oaep.eml'), ...key]);
    assert.match(opened.toString(), /Ten o clock/);
  });

  test('3DES opens only with --legacy, which says so', {
    skip: hasOpenssl() ? false : 'openssl is not installed',
  }, async () => {
    await writeFile(at('plain.eml'), MESSAGE);
    const sealed = openssl([
      'cms',
      '-encrypt',
      '-des3',
      '-in',
      at('plain.eml'),
      at('receive-rsa-2048.pem'),
    ]);
    const refused = await sallyport(['message', ...decrypt('rsa-2048')], sealed);
    assert.deepEqual([refused.code, refused.text], [1, '']);
    const opened = await sallyport(['message', ...decrypt('rsa-2048'), '--legacy'], sealed);
    assert.equal(opened.code, 0, opened.stderr);
    assert.match(opened.text, /Ten o clock/);
    assert.match(opened.stderr, /des-ede3-cbc/);
  });
});
