import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { hasOpenssl, openssl, sallyport, scratch } from '../testing.ts';

const MESSAGE = Buffer.from(
  [
    'From: Alice <alice@acme.example>',
    'To: bob@bravo.example',
    'Subject: Meeting',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'Ten o clock.',
    '',
  ].join('\r\n'),
);

const TYPE_OID = {
  originator: '1.2.840.113549.1.9.16.9.1',
  domain: '1.2.840.113549.1.9.16.9.2',
  'additional-attributes': '1.2.840.113549.1.9.16.9.3',
  review: '1.2.840.113549.1.9.16.9.4',
} as const;

const SIGNERS = {
  originator: 'alice',
  domain: 'domain-signing-authority',
  'additional-attributes': 'attribute-authority',
  review: 'review-authority',
} as const;

type Type = keyof typeof SIGNERS;

interface Inspected {
  readonly labels?: readonly object[];
  readonly signature: string;
  readonly signatureType: string | null;
  readonly mapping: string | null;
  readonly layers: readonly {
    readonly kind: string;
    readonly signers?: readonly { readonly types: readonly string[] | null }[];
  }[];
}

const skip = hasOpenssl() ? false : 'openssl is not installed';

describe('RFC 3183 3: message sign --type, with OpenSSL as peer', { skip }, () => {
  let folder = '';
  let remove = async (): Promise<void> => {};
  const at = (name: string): string => join(folder, name);

  before(async () => {
    ({ folder, remove } = await scratch());
    const make = (name: string, key: readonly string[], file = name): void => {
      const out = ['-keyout', at(`${file}.key`), '-out', at(`${file}.pem`), '-nodes', '-days', '9'];
      const names = [
        '-subj',
        `/CN=${name}`,
        '-addext',
        `subjectAltName=email:${name}@acme.example`,
        '-addext',
        'keyUsage=critical,digitalSignature',
        '-addext',
        'basicConstraints=critical,CA:FALSE',
      ];
      openssl(['req', '-x509', '-newkey', ...key, ...out, ...names]);
    };
    const ec = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    for (const name of Object.values(SIGNERS)) make(name, ec);
    make(SIGNERS.domain, ['rsa:2048'], 'rsa');
  });
  after(async () => await remove());

  async function sign(
    name: string,
    type: Type,
    options: readonly string[] = [],
    input = MESSAGE,
  ): Promise<{
    readonly code: number | null;
    readonly bytes: Buffer<ArrayBuffer>;
    readonly stderr: string;
  }> {
    const key = ['--key', at(`${name}.key`), '--certificate', at(`${name}.pem`)];
    const args = ['message', 'sign', ...key, '--type', type, ...options];
    const { code, stdout: bytes, stderr } = await sallyport(args, input);
    return { code, bytes: Buffer.from(bytes), stderr };
  }

  async function inspect(bytes: Buffer, ...anchors: readonly string[]): Promise<Inspected> {
    await writeFile(at('in.eml'), bytes);
    const trust = anchors.flatMap((name) => ['--anchors', at(`${name}.pem`)]);
    const ran = await sallyport(['message', 'inspect', at('in.eml'), ...trust]);
    assert.equal(ran.code, 0, ran.stderr);
    return JSON.parse(ran.text) as Inspected;
  }

  test('what the rules forbid is one sentence and no message', async () => {
    const cases: readonly (readonly [Type, readonly string[]])[] = [
      ['review', ['--profile', 'compat']],
      ['additional-attributes', ['--profile', 'compat']],
      ['domain', ['--label', 'secret']],
      ['domain', ['--label', '1.2.3:257']],
      ['domain', ['--label', '1.2.3:1:']],
      ['domain', ['--label', '1.2.3', '--equivalent-label', '1.2.3:2']],
      ['domain', ['--label', '9.9.9']],
    ];
    const refuse = async ([type, options]: (typeof cases)[number]): Promise<void> => {
      const { code, bytes, stderr } = await sign(SIGNERS[type], type, options);
      assert.deepEqual([code, bytes.length], [1, 0], options.join(' '));
      assert.match(stderr, /^[^\n]+\.\n$/);
      assert.doesNotMatch(stderr, /unexpected/);
    };
    await Promise.all(cases.map(refuse));
  });

  test('RFC 3183 3.1.1: a name that does not fit the type is said', async () => {
    const { code, stderr } = await sign(SIGNERS.domain, 'review');
    assert.equal(code, 0);
    assert.match(stderr, /will not count this as a review signature: the common name is/);
  });

  test('RFC 3183 3.1.2: OpenSSL verifies every type and reads its SignatureType', async () => {
    for (const [type, name] of Object.entries(SIGNERS) as [Type, string][]) {
      const { code, bytes, stderr } = await sign(name, type);
      assert.deepEqual([code, stderr], [0, ''], type);
      await writeFile(at('signed.eml'), bytes);
      const cms = ['cms', '-in', at('signed.eml')];
      const verify = ['-verify', '-CAfile', at(`${name}.pem`), '-purpose', 'any'];
      const inner = openssl([...cms, ...verify]).toString();
      // Every type but the originator's encapsulates: here the empty layer.
      assert.match(inner, type === 'originator' ? /^From: Alice/ : /smime-type=signed-data/);
      const [, value = ''] = openssl([...cms, '-cmsout', '-print'])
        .toString()
        .split('(1.2.840.113549.1.9.16.2.28)');
      assert.ok(value.slice(0, 400).includes(TYPE_OID[type]), type);
      const verdict = await inspect(bytes, name);
      assert.equal(verdict.signature, 'valid');
      assert.equal(verdict.signatureType, type);
    }
  });

  test('RFC 3183 3: labels, a review and the domain, each around the one before', async () => {
    const author = await sign('alice', 'originator', ['--profile', 'compat']);
    const labels = ['--label', '1.2.3.4:2:INTERNAL', '--equivalent-label', '1.2.3.5:7'];
    const labelled = await sign(
      'attribute-authority',
      'additional-attributes',
      labels,
      author.bytes,
    );
    const reviewed = await sign('review-authority', 'review', [], labelled.bytes);
    const released = await sign('domain-signing-authority', 'domain', [], reviewed.bytes);
    assert.equal(released.stderr, '');
    const names = ['alice', 'attribute-authority', 'review-authority', SIGNERS.domain];
    const verdict = await inspect(released.bytes, ...names);
    assert.equal(verdict.signature, 'valid');
    assert.deepEqual(
      verdict.layers.map(({ signers }) => signers?.[0]?.types?.join()),
      ['domain', 'review', 'additional-attributes', 'originator'],
    );
    const label = { policy: '1.2.3.4', classification: 2, privacyMark: 'INTERNAL', categories: [] };
    assert.deepEqual(verdict.labels, [{ layer: 2, meaning: 'aggregate', ...label }]);
    await writeFile(at('labelled.eml'), labelled.bytes);
    const printed = openssl(['cms', '-cmsout', '-print', '-in', at('labelled.eml')]).toString();
    assert.match(printed, /id-smime-aa-securityLabel/);
    assert.match(printed, /id-smime-aa-equivalentLabels/);
    assert.match(printed, /INTERNAL/);
  });

  test('RFC 3183 3.1.2 (DS-G5): an RSA and an ECDSA key sign side by side; OpenSSL verifies both', async () => {
    const rsa = ['--key', at('rsa.key'), '--label', '1.2.3.4:2'];
    const pems = await Promise.all(
      [at('rsa.pem'), at(`${SIGNERS.domain}.pem`)].map((file) => readFile(file)),
    );
    await writeFile(at('both.pem'), Buffer.concat(pems));
    const key = ['--key', at(`${SIGNERS.domain}.key`), '--certificate', at('both.pem')];
    const ran = await sallyport(['message', 'sign', ...key, ...rsa], MESSAGE);
    assert.deepEqual([ran.code, ran.stderr], [0, '']);
    await writeFile(at('two.eml'), ran.stdout);
    const cms = ['cms', '-in', at('two.eml')];
    openssl([...cms, '-verify', '-CAfile', at('both.pem'), '-purpose', 'any', '-out', at('inner')]);
    const printed = openssl([...cms, '-cmsout', '-print']).toString();
    assert.equal(printed.match(/id-smime-aa-securityLabel/g)?.length, 2, 'RFC 2634 3.1.1');
    assert.match(printed, /ecdsa-with-SHA256/);
    assert.match(printed, /rsaEncryption|sha256WithRSAEncryption/);
    const verdict = await inspect(ran.stdout, 'both');
    assert.deepEqual([verdict.signature, verdict.mapping], ['valid', 'ok']);
    assert.equal(verdict.layers[0]?.signers?.length, 2);
  });
});
