import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasOpenssl, openssl, opensslCertificate, sallyport, scratch } from '../testing.ts';

const DSA = 'domain-signing-authority';
const DCA = 'domain-confidentiality-authority';
const MESSAGE = Buffer.from(
  [
    'From: Alice <alice@acme.example>',
    'To: bob@bravo.example',
    'Subject: Meeting',
    'Date: Sat, 21 Nov 2026 08:00:00 +0000',
    'Message-ID: <1@acme.example>',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'Ten o clock.',
    '',
  ].join('\r\n'),
);

const skip = hasOpenssl() ? false : 'openssl is not installed';

describe('message commands with OpenSSL as peer', { skip }, () => {
  let folder = '';
  let remove = async (): Promise<void> => {};
  const at = (name: string): string => join(folder, name);

  function makeCertificate(name: string, usage: string): void {
    opensslCertificate(folder, name, [
      `subjectAltName=email:${name}@acme.example`,
      `keyUsage=critical,${usage}`,
      'extendedKeyUsage=emailProtection',
    ]);
  }

  const sign = async (...more: string[]): Promise<Buffer> => {
    const key = ['--key', at(`${DSA}.key`), '--certificate', at(`${DSA}.pem`)];
    const ran = await sallyport(['message', 'sign', ...key, ...more], MESSAGE);
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(ran.stderr, '');
    return ran.stdout;
  };

  before(async () => {
    ({ folder, remove } = await scratch());
    makeCertificate(DSA, 'digitalSignature');
    makeCertificate(DCA, 'keyEncipherment');
  });
  after(async () => await remove());

  test('RFC 3183 3.1.2: OpenSSL verifies a domain signature and reads its SignatureType', async () => {
    await writeFile(at('signed.eml'), await sign());
    const cms = ['cms', '-in', at('signed.eml')];
    openssl([
      ...cms,
      '-verify',
      '-CAfile',
      at(`${DSA}.pem`),
      '-purpose',
      'any',
      '-out',
      at('inner'),
    ]);
    const printed = openssl([...cms, '-cmsout', '-print']).toString();
    const [, after = ''] = printed.split('(1.2.840.113549.1.9.16.2.28)');
    assert.match(after.slice(0, 300), /1\.2\.840\.113549\.1\.9\.16\.9\.2/);
  });

  test('RFC 3183 3: the empty layer, unpacked by OpenSSL, holds what was submitted, marked', async () => {
    await writeFile(at('layer.eml'), await sign());
    const verify = ['-verify', '-CAfile', at(`${DSA}.pem`), '-purpose', 'any', '-out', at('layer')];
    openssl(['cms', '-in', at('layer.eml'), ...verify]);
    openssl(['cms', '-in', at('layer'), '-cmsout', '-outform', 'DER', '-out', at('layer.der')]);
    const lines = openssl(['asn1parse', '-inform', 'DER', '-in', at('layer.der')])
      .toString()
      .split('\n');
    const [offset = ''] = lines.findLast((line) => line.includes('OCTET STRING'))?.split(':') ?? [];
    const parse = ['-strparse', offset.trim(), '-noout', '-out', at('content')];
    // asn1parse then tries to read a mail as DER and says so; the file is written before.
    try {
      openssl(['asn1parse', '-inform', 'DER', '-in', at('layer.der'), ...parse]);
    } catch {}
    // RFC 9788 section 2.1.1: the marked Content-Type is all that is not as it was.
    const marked = MESSAGE.toString().replace('us-ascii', 'us-ascii; hp="clear"');
    assert.equal((await readFile(at('content'))).toString(), marked);
  });

  test('compat: OpenSSL verifies one clear-signed multipart/signed without SignatureType', async () => {
    const signed = await sign('--profile', 'compat');
    await writeFile(at('compat.eml'), signed);
    assert.match(signed.toString(), /Content-Type: multipart\/signed/);
    const cms = ['cms', '-in', at('compat.eml')];
    openssl([
      ...cms,
      '-verify',
      '-CAfile',
      at(`${DSA}.pem`),
      '-purpose',
      'any',
      '-out',
      at('plain'),
    ]);
    assert.doesNotMatch(openssl([...cms, '-cmsout', '-print']).toString(), /16\.2\.28/);
  });

  test('OpenSSL decrypts what encrypt makes, CBC with RSA v1.5 and OAEP', async () => {
    for (const transport of ['rsa-pkcs1v15', 'rsa-oaep']) {
      const to = ['--to', at(`${DCA}.pem`), '--key-transport', transport];
      const ran = await sallyport(['message', 'encrypt', ...to], MESSAGE);
      assert.equal(ran.code, 0, ran.stderr);
      await writeFile(at('sealed.eml'), ran.stdout);
      const recipient = ['-recip', at(`${DCA}.pem`), '-inkey', at(`${DCA}.key`)];
      const opened = openssl(['cms', '-decrypt', '-in', at('sealed.eml'), ...recipient]);
      assert.match(opened.toString(), /Ten o clock\./);
    }
  });

  test('sign, encrypt and decrypt give the signed message back, byte for byte, GCM too', async () => {
    const signed = await sign();
    for (const content of ['aes256-cbc', 'aes256-gcm']) {
      const to = ['--to', at(`${DCA}.pem`), '--content', content];
      const sealed = await sallyport(['message', 'encrypt', ...to], signed);
      const key = ['--key', at(`${DCA}.key`), '--certificate', at(`${DCA}.pem`)];
      const opened = await sallyport(['message', 'decrypt', ...key], sealed.stdout);
      assert.equal(opened.code, 0, opened.stderr);
      assert.deepEqual(opened.stdout, signed);
    }
  });

  test('what OpenSSL signs and encrypts opens, and counts as the originator signature (DS-V3)', async () => {
    await writeFile(at('plain.eml'), MESSAGE);
    const signer = [
      '-signer',
      at(`${DSA}.pem`),
      '-inkey',
      at(`${DSA}.key`),
      '-nodetach',
      '-md',
      'sha256',
    ];
    openssl(['cms', '-sign', '-in', at('plain.eml'), ...signer, '-out', at('o.eml')]);
    const to = ['-aes256', '-from', 'alice@acme.example', at(`${DCA}.pem`)];
    openssl(['cms', '-encrypt', '-in', at('o.eml'), '-out', at('oe.eml'), ...to]);
    const both = openssl(['pkey', '-in', at(`${DCA}.key`), '-aes256', '-passout', 'pass:a:b']);
    await writeFile(
      at('both.pem'),
      Buffer.concat([both, openssl(['x509', '-in', at(`${DCA}.pem`)])]),
    );
    const keys = ['--keys', `${at('both.pem')}:a:b`, '--anchors', at(`${DSA}.pem`)];
    const ran = await sallyport(['message', 'inspect', ...keys, at('oe.eml')]);
    assert.equal(ran.code, 0, ran.stderr);
    const found = JSON.parse(ran.text) as Record<string, unknown>;
    // Genuine, but the key of a domain is not the author's, and without SignatureType not the domain's.
    assert.equal(found['signature'], 'unverifiable');
    assert.equal(found['signatureType'], 'originator');
    assert.equal(found['mapping'], 'mismatch');
    assert.equal(found['encryption'], 'domain');
  });

  test('RFC 9788: what sign hides for encrypt, inspect names and decrypt brings back', async () => {
    const signed = await sign('--header-confidentiality', 'baseline');
    const sealed = await sallyport(['message', 'encrypt', '--to', at(`${DCA}.pem`)], signed);
    assert.equal(sealed.code, 0, sealed.stderr);
    assert.doesNotMatch(sealed.stdout.toString(), /Meeting/);
    await writeFile(at('hidden.eml'), sealed.stdout);
    const key = ['--certificate', at(`${DCA}.pem`)];
    const pair = ['key', 'pem'].map(async (kind) => await readFile(at(`${DCA}.${kind}`)));
    await writeFile(at('pair.pem'), Buffer.concat(await Promise.all(pair)));
    const inspect = ['message', 'inspect', '--keys', at('pair.pem'), at('hidden.eml')];
    const ran = await sallyport(inspect);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.text, /"form":"hp-cipher"/);
    assert.match(ran.text, /\{"name":"Subject","secrecy":"confidential"\}/);
    assert.match(ran.text, /"changedOutside":\[\]/);
    const opened = await sallyport(
      ['message', 'decrypt', '--key', at(`${DCA}.key`), ...key],
      sealed.stdout,
    );
    assert.equal(opened.code, 0, opened.stderr);
    assert.match(opened.stdout.toString(), /^Subject: Meeting\r$/m);
  });

  test('inspect says what a message of ours is, and that a changed one is invalid', async () => {
    const signed = (await sign('--profile', 'compat')).toString();
    await writeFile(at('good.eml'), signed.replaceAll('\r\n', '\n'));
    await writeFile(at('bad.eml'), signed.replace('Ten o clock', 'One o clock'));
    const ran = await sallyport([
      'message',
      'inspect',
      '--anchors',
      at(`${DSA}.pem`),
      at('good.eml'),
      at('bad.eml'),
      at('none'),
    ]);
    assert.equal(ran.code, 1); // one file is not there
    const found = ran.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      found.map((one) => one['signature']),
      ['unverifiable', 'invalid', 'none'],
    );
    assert.deepEqual(
      found.map((one) => one['ok']),
      [true, true, false],
    );
    assert.equal(found[0]?.['lineEnds'], 'normalised');
  });

  test('decrypt opens OAEP with two hashes, and AES-GCM, as OpenSSL makes them', async () => {
    await writeFile(at('m.eml'), MESSAGE);
    const oaep = ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha1'];
    const to = ['-recip', at(`${DCA}.pem`), ...oaep.flatMap((option) => ['-keyopt', option])];
    const encrypt = ['cms', '-encrypt', '-in', at('m.eml'), '-from', 'a@acme.example'];
    for (const cipher of ['-aes256', '-aes-256-gcm']) {
      const sealed = openssl([...encrypt, cipher, ...to]);
      const key = ['--key', at(`${DCA}.key`), '--certificate', at(`${DCA}.pem`)];
      const ran = await sallyport(['message', 'decrypt', ...key], sealed);
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.text, /Ten o clock\./);
    }
  });

  test('RFC 7292: keys come out of PKCS#12 files of OpenSSL, the 3DES ones of old too', async () => {
    const sealed = await sallyport(['message', 'encrypt', '--to', at(`${DCA}.pem`)], MESSAGE);
    const from = ['-inkey', at(`${DCA}.key`), '-in', at(`${DCA}.pem`), '-passout', 'pass:word'];
    const old = ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'];
    for (const [name, more] of [
      ['new.p12', []],
      ['old.p12', old],
    ] as const) {
      openssl(['pkcs12', '-export', ...from, ...more, '-out', at(name)]);
      const ran = await sallyport(
        ['message', 'decrypt', '--key', `${at(name)}:word`],
        sealed.stdout,
      );
      assert.equal(ran.code, 0, `${name}: ${ran.stderr}`);
      const wrong = await sallyport(
        ['message', 'decrypt', '--key', `${at(name)}:x`],
        sealed.stdout,
      );
      assert.match(wrong.stderr, /^[^\n]*wrong password[^\n]*\.\n$/);
    }
  });

  test('errors are one sentence: wrong key, no key, not encrypted', async () => {
    const wrong = ['--key', at(`${DSA}.key`), '--certificate', at(`${DSA}.pem`)];
    const sealed = await sallyport(['message', 'encrypt', '--to', at(`${DCA}.pem`)], MESSAGE);
    for (const [args, input] of [
      [['message', 'decrypt', ...wrong], sealed.stdout],
      [['message', 'decrypt', ...wrong], MESSAGE],
      [['message', 'sign', '--key', at('nothing')], MESSAGE],
      [['message', 'encrypt', '--to', at(`${DSA}.pem`)], MESSAGE],
    ] as const) {
      const ran = await sallyport(args, input);
      assert.equal(ran.code, 1);
      assert.equal(ran.text, '');
      assert.match(ran.stderr, /^[^\n]+\.\n$/);
    }
  });
});

const VECTORS = fileURLToPath(new URL('../../../../../shared/vectors/smime', import.meta.url));

function filesBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
}

const vectors =
  statSync(VECTORS, { throwIfNoEntry: false }) === undefined ? [] : filesBelow(VECTORS);

test('inspect reports on every file of the S/MIME vectors and breaks on none', {
  skip: vectors.length === 0 ? 'shared/vectors/smime is not here' : false,
}, async () => {
  const ran = await sallyport(['message', 'inspect', ...vectors]);
  const lines = ran.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { ok: boolean; file: string });
  assert.equal(lines.length, vectors.length);
  assert.deepEqual(
    lines.filter((line) => !line.ok).map((line) => line.file),
    [],
  );
  assert.equal(ran.code, 0);
});

test('inspect opens what Thunderbird encrypted, with the PKCS#12 file of NSS', {
  skip: vectors.length === 0 ? 'shared/vectors/smime is not here' : false,
}, async () => {
  const at = (name: string): string => join(VECTORS, 'thunderbird', name);
  const trust = ['--anchors', at('TestCA.pem'), '--time', '2026-11-21T00:00:00Z'];
  const files = ['alice.env.eml', 'alice.sig.SHA256.opaque.eml'].map(at);
  const keys = ['--keys', `${at('Bob.p12')}:nss`];
  const ran = await sallyport(['message', 'inspect', ...keys, ...trust, ...files]);
  const [opened, signed] = ran.text
    .trim()
    .split('\n')
    .map(
      (line) =>
        JSON.parse(line) as { encryption: string; originator: string; layers: { state: string }[] },
    );
  assert.equal(opened?.encryption, 'domain');
  assert.equal(opened?.layers[0]?.state, 'opened');
  assert.equal(signed?.originator, 'authenticated');
});
