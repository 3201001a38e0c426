/** `message inspect` over the S/MIME sets that others made: each verdict as its README says. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type TemporaryFolder, temporaryFolder } from '../harness/folder.ts';
import { run } from '../harness/process.ts';
import { sharedVectors } from '../harness/vectors.ts';

const MAIN = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url));
const folder = sharedVectors('smime');
const skip = folder === null ? 'needs ../shared/vectors' : false;
const at = (...names: readonly string[]): string => join(folder ?? '', ...names);
const TIME = ['--time', '2026-06-01T00:00:00Z'];

interface Found {
  readonly file: string;
  readonly ok: boolean;
  readonly signature: string;
  readonly signatureType: string | null;
  readonly signer: string | null;
  readonly originator: string;
  readonly mapping: string | null;
  readonly encryption: string;
  readonly scope: string;
  readonly reason: string;
  readonly fault: string | null;
  readonly legacy: readonly string[];
  readonly algorithms: readonly string[];
  readonly revocation: string;
  readonly layers: readonly {
    readonly kind: string;
    readonly state?: string;
    readonly signers?: readonly { readonly state: string; readonly name: string }[];
  }[];
}

/** One call for many files; by file name. */
async function inspect(
  files: readonly string[],
  options: readonly string[] = [],
): Promise<ReadonlyMap<string, Found>> {
  const args = [MAIN, 'message', 'inspect', ...files, ...TIME, ...options];
  const { code, stdout, stderr } = await run(process.execPath, args);
  assert.equal(stderr.toString(), '');
  assert.equal(code, 0);
  const lines = stdout.toString('utf8').trim().split('\n');
  assert.equal(lines.length, files.length, 'one line a file');
  const found = lines.map((line) => JSON.parse(line) as Found);
  return new Map(found.map((one) => [basename(one.file), one]));
}

/** `signature, type, mapping, encryption, scope, fault`. */
function words({ signature, signatureType, mapping, encryption, scope, fault }: Found): string {
  return [signature, signatureType, mapping, encryption, scope, fault].join(' ');
}

const layersOf = ({ layers }: Found): string =>
  layers.map(({ kind, state }) => (state === undefined ? kind : `${kind}:${state}`)).join(' ');

describe('thunderbird: SHA-256 is verified, SHA-1 under --legacy alone', { skip }, () => {
  /** Verdict of the SHA-256 variant, and its layers from the outside. */
  const TABLE: Readonly<Record<string, readonly [string, string]>> = {
    'dsig.#.multipart': ['valid originator ok none whole ', 'signed:valid'],
    'dsig.#.multipart.bad': [
      'invalid originator ok none whole message-integrity',
      'signed:invalid',
    ],
    'dsig.#.multipart.mismatch-econtent': ['invalid   none whole message-malformed', 'broken'],
    'dsig.#.multipart.env': ['valid originator ok domain whole ', 'encrypted:opened signed:valid'],
    'sig.#.opaque': ['valid originator ok none whole ', 'signed:valid'],
    'sig.#.opaque.env': ['valid originator ok domain whole ', 'encrypted:opened signed:valid'],
    'html.sig.#.opaque': ['valid originator ok none whole ', 'signed:valid'],
    'html.sig.#.opaque.env': ['valid originator ok domain whole ', 'encrypted:opened signed:valid'],
    // One empty line more than was signed: OpenSSL says the same of it.
    'env.dsig.#.multipart': [
      'invalid originator ok domain whole message-integrity',
      'signed:invalid encrypted:opened',
    ],
    'env.dsig.#.multipart.dave.sig.#.opaque': [
      'valid originator ok domain whole ',
      'signed:valid signed:invalid encrypted:opened',
    ],
    'env.sig.#.opaque': ['valid originator ok domain whole ', 'signed:valid encrypted:opened'],
    'env.sig.#.opaque.dave.sig.#.opaque': [
      'valid originator ok domain whole ',
      'signed:valid signed:valid encrypted:opened',
    ],
    'plain.dsig.#.multipart.dave.dsig.#.multipart': [
      'valid originator ok none whole ',
      'signed:valid signed:valid',
    ],
    'plain.dsig.#.multipart.dave.sig.#.opaque': [
      'valid originator ok none whole ',
      'signed:valid signed:valid',
    ],
    'plain.sig.#.opaque.dave.dsig.#.multipart': [
      'valid originator ok none whole ',
      'signed:valid signed:valid',
    ],
    'plain.sig.#.opaque.dave.sig.#.opaque': [
      'valid originator ok none whole ',
      'signed:valid signed:valid',
    ],
  };
  const ONCE: Readonly<Record<string, readonly [string, string]>> = {
    env: ['none   domain whole ', 'encrypted:opened'],
    'future.dsig.SHA256.multipart': ['valid originator ok none whole ', 'signed:valid'],
  };
  const SHA1_UNASKED: Readonly<Record<string, string>> = {
    valid: 'unverifiable',
    invalid: 'unverifiable',
  };
  const options = (): string[] => [
    ...['--anchors', at('thunderbird', 'TestCA.pem')],
    ...['Alice', 'Bob', 'Dave', 'Eve', 'Fran', 'Alice-ec', 'Fran-ec'].flatMap((name) => [
      '--keys',
      `${at('thunderbird', `${name}.p12`)}:nss`,
    ]),
  ];
  const fileOf = (name: string, digest: string): string =>
    `alice.${name.replaceAll('#', digest)}.eml`;
  let plain: ReadonlyMap<string, Found> = new Map();
  let legacy: ReadonlyMap<string, Found> = new Map();

  before(async () => {
    const files = readdirSync(at('thunderbird'))
      .filter((name) => name.endsWith('.eml'))
      .map((name) => at('thunderbird', name));
    const named = Object.keys(TABLE).length * 2 + Object.keys(ONCE).length;
    assert.equal(files.length, named, 'every message of the set is in the table');
    [plain, legacy] = await Promise.all([
      inspect(files, options()),
      inspect(files, [...options(), '--legacy']),
    ]);
  });

  for (const [name, [verdict, layers]] of Object.entries(TABLE)) {
    test(`${name}: ${verdict}`, () => {
      const [sha256, sha1] = [plain.get(fileOf(name, 'SHA256')), legacy.get(fileOf(name, 'SHA1'))];
      const unasked = plain.get(fileOf(name, 'SHA1'));
      assert.ok(sha256 !== undefined && sha1 !== undefined && unasked !== undefined);
      assert.equal(words(sha256), verdict);
      assert.equal(layersOf(sha256), layers);
      assert.deepEqual(sha256.legacy, []);
      assert.equal(words(sha1), verdict, 'SHA-1 under --legacy');
      assert.deepEqual(sha1.legacy, layers.includes('signed:valid') ? ['sha1'] : []);
      if (layers === 'broken') return;
      assert.equal(unasked.signature, SHA1_UNASKED[sha256.signature], 'SHA-1 without --legacy');
      assert.equal(unasked.fault, 'algorithm-unsupported');
      assert.match(unasked.reason, /SHA-1/);
    });
  }

  for (const [name, [verdict, layers]] of Object.entries(ONCE)) {
    test(`${name}: ${verdict}`, () => {
      const found = plain.get(fileOf(name, ''));
      assert.ok(found !== undefined);
      assert.equal(words(found), verdict);
      assert.equal(layersOf(found), layers);
    });
  }

  test('the verdict says who signed, with what, and that revocation is not checked', () => {
    const found = plain.get('alice.plain.dsig.SHA256.multipart.dave.dsig.SHA256.multipart.eml');
    assert.ok(found !== undefined);
    assert.equal(found.signer, 'Dave@example.com');
    assert.deepEqual(
      found.layers.map(({ signers }) => signers?.map((signer) => signer.name)),
      [['Dave@example.com'], ['Alice@example.com']],
    );
    assert.deepEqual(found.algorithms, ['sha256', 'rsa-sha256']);
    assert.equal(found.revocation, 'not-checked');
  });
});

describe('rfc4134: all are parsed, old algorithms count under --legacy alone', { skip }, () => {
  const TABLE: Readonly<Record<string, string>> = {
    '3.1.bin': 'invalid algorithm-unsupported', // id-data
    '3.2.bin': 'invalid algorithm-unsupported',
    '4.1.bin': 'unverifiable algorithm-unsupported', // DSA
    '4.2.bin': 'unverifiable algorithm-unsupported',
    '4.3.bin': 'invalid message-malformed', // the content is not in it
    '4.4.bin': 'unverifiable algorithm-unsupported',
    '4.5.bin': 'unverifiable algorithm-unsupported',
    '4.6.bin': 'unverifiable algorithm-unsupported',
    '4.7.bin': 'unverifiable algorithm-unsupported',
    '4.8.eml': 'unverifiable algorithm-unsupported',
    '4.9.eml': 'unverifiable algorithm-unsupported',
    '4.10.bin': 'unverifiable algorithm-unsupported',
    '4.11.bin': 'none ', // certificates alone
    '5.1.bin': 'none ',
    '5.2.bin': 'none algorithm-unsupported', // RC2
    '5.3.eml': 'none ',
    '6.0.bin': 'invalid algorithm-unsupported', // DigestedData
    '7.1.bin': 'invalid algorithm-unsupported', // EncryptedData
    '7.2.bin': 'invalid algorithm-unsupported',
  };
  const anchors = (): string[] =>
    ['CarlRSASelf.cer', 'CarlDSSSelf.cer'].flatMap((name) => ['--anchors', at('rfc4134', name)]);
  let stack: TemporaryFolder | null = null;
  let bob = '';

  before(async () => {
    stack = await temporaryFolder('rfc4134');
    bob = join(stack.path, 'bob.pem');
    const pem = (name: string, label: string): string => {
      const base64 = readFileSync(at('rfc4134', name)).toString('base64');
      return `-----BEGIN ${label}-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;
    };
    writeFileSync(
      bob,
      pem('BobPrivRSAEncrypt.pri', 'PRIVATE KEY') + pem('BobRSASignByCarl.cer', 'CERTIFICATE'),
    );
  });
  after(async () => await stack?.[Symbol.asyncDispose]());

  test('every object has the verdict of the table', async () => {
    const files = Object.keys(TABLE).map((name) => at('rfc4134', name));
    const found = await inspect(files, anchors());
    for (const [name, expected] of Object.entries(TABLE)) {
      const one = found.get(name);
      assert.equal(`${one?.signature} ${one?.fault ?? ''}`, expected, name);
    }
  });

  test('RFC 4134 section 5: Bob opens the 3DES content under --legacy and not without', async () => {
    const files = ['5.1.bin', '5.3.eml'].map((name) => at('rfc4134', name));
    const shut = await inspect(files, ['--keys', bob]);
    const open = await inspect(files, ['--keys', bob, '--legacy']);
    for (const file of files.map((name) => basename(name))) {
      assert.equal(shut.get(file)?.fault, 'decryption-failed', file);
    }
    assert.equal(open.get('5.1.bin')?.layers[0]?.state, 'opened');
    assert.deepEqual(open.get('5.1.bin')?.legacy, ['des-ede3-cbc']);
    // RFC 8551 section 3.1: as mail it must hold a MIME entity, and this one holds a bare sentence.
    assert.equal(open.get('5.3.eml')?.fault, 'decryption-failed');
  });
});

describe('rfc9216: every key opens', { skip }, () => {
  for (const [file, password] of [
    ['4.5.PKCS-12-Object-for-Alice.pkcs12.pem', 'alice'],
    ['5.5.PKCS-12-Object-for-Bob.pkcs12.pem', 'bob'],
    ['7.5.PKCS-12-Object-for-Carlos.pkcs12.pem', 'carlos'],
    ['8.5.PKCS-12-Object-for-Dana.pkcs12.pem', 'dana'],
  ] as const) {
    test(file, async () => {
      const keys = ['--keys', `${at('rfc9216', file)}:${password}`];
      const found = await inspect([at('rfc4134', '3.1.bin')], keys);
      assert.equal(found.size, 1);
    });
  }
});

test('kde-messagelib: what is in the .tree files, as far as there are keys', { skip }, async () => {
  const TABLE: Readonly<Record<string, readonly [string, string]>> = {
    // The subject says so: "modified mail, signature is not valid!"
    'smime-signed-apple.mbox': ['invalid', 'signed:invalid'],
    'smime-opaque-sign.mbox': ['unverifiable', 'signed:unverifiable'],
    'smime-encrypted.mbox': ['none', 'encrypted:foreign'],
    'smime-encrypted-octet-stream.mbox': ['none', 'encrypted:foreign'],
    'smime-opaque-enc+sign.mbox': ['none', 'encrypted:foreign'],
    'smime-opaque-signed-encrypted-attachment.mbox': ['none', 'encrypted:foreign'],
    'smime-signed-encrypted.mbox': ['none', 'encrypted:foreign'],
    'smime-cert.mbox': ['invalid', 'broken'], // letters, no certificate
    'alternative.mbox': ['none', ''],
    'html-multipart-related.mbox': ['none', ''],
    'no-content-type.mbox': ['none', ''],
    'encapsulated-with-attachment.mbox': ['none', ''],
  };
  const files = Object.keys(TABLE).map((name) => at('kde-messagelib', name));
  const found = await inspect(files, ['--legacy']);
  for (const [name, [signature, layers]] of Object.entries(TABLE)) {
    const one = found.get(name);
    assert.ok(one !== undefined);
    assert.deepEqual([one.signature, layersOf(one)], [signature, layers], name);
  }
});

test('openssl-cms: what is malformed ends in a named fault', { skip }, async () => {
  const TABLE: Readonly<Record<string, string>> = {
    'bad_signtime_attr.cms': 'invalid message-integrity',
    'ct_multiple_attr.cms': 'invalid message-integrity',
    'no_ct_attr.cms': 'invalid message-integrity',
    'no_md_attr.cms': 'invalid message-integrity',
    'pkcs7-md4.pem': 'unverifiable algorithm-unsupported',
    'rsa-malformed.der': 'none decryption-failed',
    'encDataWithTooLongIV.pem': 'none ', // for a key that nobody published
    'encryptedData.der': 'invalid algorithm-unsupported',
    'ecdh-malformed.der': 'none algorithm-unsupported',
    'dh-malformed.der': 'none algorithm-unsupported',
  };
  const data = ['80-test_cms_data', '80-test_cmsapi_data'].flatMap((name) =>
    readdirSync(at('openssl-cms', name)).map((file) => at('openssl-cms', name, file)),
  );
  const rsa = at('openssl-cms', 'smime-certs', 'smrsa3.pem');
  const keys = ['--keys', rsa];
  const found = await inspect(data, keys);
  for (const [name, expected] of Object.entries(TABLE)) {
    const one = found.get(name);
    assert.equal(`${one?.signature} ${one?.fault ?? ''}`, expected, name);
  }
});

test('RFC 9936: the ML-KEM-512 message decrypts', { skip }, async () => {
  await using stack = await temporaryFolder('ml-kem');
  const example = (name: string): string => at('cms-ml-kem-rfc9936', 'example', name);
  const keys = join(stack.path, 'ml-kem.pem');
  const pems = ['ML-KEM-512-seed.priv', 'ML-KEM-512.pem'].map((name) =>
    readFileSync(example(name)),
  );
  writeFileSync(keys, Buffer.concat(pems));
  const found = await inspect([example('ML-KEM-512.cms')], ['--keys', keys]);
  const one = found.get('ML-KEM-512.cms');
  assert.equal(one?.layers[0]?.state, 'opened');
  assert.ok(one?.algorithms.includes('ml-kem-512'), one?.algorithms.join());
});

test('every file of all sets, keys and certificates among them, gets one line and no stack', {
  skip,
}, async () => {
  const files = readdirSync(at(), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  assert.ok(files.length > 250, `${files.length} files`);
  const { code, stdout, stderr } = await run(process.execPath, [
    MAIN,
    'message',
    'inspect',
    ...files,
    ...TIME,
  ]);
  assert.equal(code, 0, stderr.toString());
  const lines = stdout.toString('utf8').trim().split('\n');
  assert.equal(lines.length, files.length);
  for (const line of lines) {
    const found = JSON.parse(line) as Found;
    assert.equal(found.ok, true, line);
    assert.notEqual(found.signature, 'valid', 'nobody is trusted');
    assert.match(found.reason, /\.$/);
  }
});
