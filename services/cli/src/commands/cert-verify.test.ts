import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { formatPem, generateKeyPairPem, issueCertificate, parseCertificate } from '@sallyport/pki';
import { sallyport, scratch } from '../testing.ts';

const vectors = join(import.meta.dirname, '../../../../../shared/vectors/x509');
const skip = existsSync(vectors) ? false : 'third-party vectors are not in ../shared/vectors';
const TIME = '2026-06-01T00:00:00Z';

interface Answer {
  readonly ok: boolean;
  readonly reason: string;
  readonly path: readonly string[];
}

async function verifyLines(lines: readonly (object | string)[], ...args: string[]) {
  const input = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  const ran = await sallyport(['cert', 'verify', '--jsonl', ...args], `${input.join('\n')}\n`);
  const answers = ran.text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Answer);
  assert.equal(answers.length, lines.length, ran.stderr);
  return { code: ran.code, answers };
}

const pem = (label: string, bytes: Buffer): string => formatPem(label, bytes);

function makeChain() {
  const notBefore = new Date('2026-01-01T00:00:00Z');
  const caKey = generateKeyPairPem('ec-p256');
  const ca = issueCertificate({
    subject: { cn: 'Root' },
    notBefore,
    days: 365,
    ca: { pathLength: null },
    keyUsage: ['keyCertSign', 'cRLSign'],
    privateKey: caKey.privateKeyPem,
  });
  const parsed = parseCertificate(ca);
  assert.ok(parsed.kind === 'certificate');
  const leaf = issueCertificate({
    subject: { cn: 'Leaf' },
    notBefore,
    days: 365,
    emails: ['a@bravo.example'],
    dnsNames: ['mx.bravo.example'],
    ips: ['192.0.2.1'],
    keyUsage: ['keyEncipherment', 'keyAgreement'],
    spki: generateKeyPairPem('ec-p256').spki,
    issuer: { certificate: parsed.value, privateKey: caKey.privateKeyPem },
  });
  return { ca: pem('CERTIFICATE', ca), leaf: pem('CERTIFICATE', leaf) };
}

describe('cert verify', () => {
  const { ca, leaf } = makeChain();
  const base = { anchors: [ca], intermediates: [], crls: [], leaf, time: TIME, purpose: 'any' };
  let folder = '';
  let remove = async (): Promise<void> => {};

  before(async () => {
    ({ folder, remove } = await scratch());
    await writeFile(join(folder, 'ca.pem'), ca);
    await writeFile(join(folder, 'leaf.pem'), leaf);
  });
  after(async () => await remove());

  test('--jsonl answers a line with a line, and what is no case with a reason and exit code 1', async () => {
    const { code, answers } = await verifyLines([
      { ...base, name: null },
      { ...base, anchors: [] },
      { ...base, leaf: 'no certificate' },
      '{"anchors":',
      { ...base, time: 'yesterday' },
      { ...base, time: '2030-01-01T00:00:00Z' },
    ]);
    assert.deepEqual(answers[0], { ok: true, reason: 'valid', path: ['CN=Leaf', 'CN=Root'] });
    assert.deepEqual(
      answers.slice(1).map(({ ok, path }) => [ok, path.length]),
      Array(5).fill([false, 0]),
    );
    const reasons = answers.slice(1).map(({ reason }) => reason.split(':')[0]);
    const noCase = 'the line is no case';
    assert.deepEqual(reasons, ['no-path', noCase, noCase, noCase, 'expired']);
    assert.equal(code, 1);
    assert.equal((await verifyLines([base])).code, 0);
  });

  test('the name must be in the certificate, each kind among its own', async () => {
    const names = [
      ['email', 'A@BRAVO.example', true],
      ['email', 'b@bravo.example', false],
      ['dns', 'mx.bravo.example', true],
      ['dns', '.bravo.example', false],
      ['dns', '192.0.2.1', false],
      ['ip', '192.0.2.1', true],
      ['ip', 'mx.bravo.example', false],
    ] as const;
    const { answers } = await verifyLines(
      names.map(([kind, value]) => ({ ...base, name: { kind, value } })),
    );
    assert.deepEqual(
      answers.map(({ ok }) => ok),
      names.map(([, , isNamed]) => isNamed),
    );
  });

  test('purpose email takes a certificate that is to encrypt alone; without extended key usage all take it', async () => {
    const { answers } = await verifyLines(
      ['email', 'server', 'any'].map((purpose) => ({ ...base, purpose })),
    );
    assert.deepEqual(
      answers.map(({ ok }) => ok),
      [true, true, true],
    );
  });

  test('lists that were given are demanded, whatever they hold', async () => {
    const { answers } = await verifyLines([
      { ...base, crls: ['no list'] },
      { ...base, crls: ['no list'], revocation: 'soft' },
      { ...base, revocation: 'hard' },
    ]);
    assert.deepEqual(
      answers.map(({ ok }) => ok),
      [false, true, false],
    );
    assert.match(answers[0]?.reason ?? '', /^revocation-unknown: /);
  });

  test('for people: a file, its path and the mode of revocation checking', async () => {
    const file = join(folder, 'leaf.pem');
    const args = ['cert', 'verify', file, '--anchors', join(folder, 'ca.pem'), '--time', TIME];
    const good = await sallyport(args);
    assert.equal(good.code, 0, good.stderr);
    assert.equal(
      good.text,
      `${file}: valid\n  CN=Leaf\n  CN=Root\n  revocation: off, not checked\n`,
    );
    const bad = await sallyport([...args, '--name', 'email:b@bravo.example']);
    assert.equal(bad.code, 1);
    assert.match(bad.text, /not valid: name: not a certificate for b@bravo\.example/);
    const soft = await sallyport([...args, '--revocation', 'soft', '--json']);
    assert.equal(soft.code, 0);
    const { revocation } = JSON.parse(soft.text) as { revocation: unknown };
    assert.deepEqual(revocation, {
      mode: 'soft',
      certificates: [
        { subject: 'CN=Leaf', status: 'unknown', reason: 'no list at hand speaks about it' },
      ],
    });
    const odd = await sallyport([...args, '--purpose', 'fun']);
    assert.deepEqual([odd.code, odd.text], [1, '']);
    assert.match(odd.stderr, /^--purpose must be one of email, server, any, not fun\.\n$/);
  });
});

interface LimboCase {
  readonly id: string;
  readonly expected_result: 'SUCCESS' | 'FAILURE';
  readonly trusted_certs: string[];
  readonly untrusted_intermediates: string[];
  readonly peer_certificate: string;
  readonly validation_time: string | null;
  readonly expected_peer_name: { kind: string; value: string } | null;
}

test('x509-limbo through the command line: none wrong but chain depths, which no case line holds', {
  skip,
}, async () => {
  const text = readFileSync(join(vectors, 'limbo/limbo-part.json'), 'utf8');
  const { testcases } = JSON.parse(text) as { testcases: LimboCase[] };
  const { answers } = await verifyLines(
    testcases.map((item) => ({
      anchors: item.trusted_certs,
      intermediates: item.untrusted_intermediates,
      crls: [],
      leaf: item.peer_certificate,
      time: item.validation_time ?? '2023-12-01T00:00:00Z',
      purpose: 'server',
      name: item.expected_peer_name && {
        kind: item.expected_peer_name.kind.toLowerCase(),
        value: item.expected_peer_name.value,
      },
    })),
  );
  const wrong = testcases.filter(
    ({ expected_result: expected }, index) => (expected === 'SUCCESS') !== answers[index]?.ok,
  );
  assert.deepEqual(
    wrong.map(({ id }) => id),
    ['pathlen::max-chain-depth-0-exhausted', 'pathlen::max-chain-depth-1-exhausted'],
  );
});

test('NIST PKITS end entities through the command line, all certificates and lists given', {
  skip,
}, async () => {
  const read = (part: string, label: string) =>
    readdirSync(join(vectors, 'pkits', part))
      .sort()
      .map((file) => ({
        file,
        text: pem(label, readFileSync(join(vectors, 'pkits', part, file))),
      }));
  const all = read('certs', 'CERTIFICATE');
  const crls = read('crls', 'X509 CRL').map(({ text }) => text);
  const anchors = all.filter(({ file }) => file === 'TrustAnchorRootCertificate.crt');
  const intermediates = all.map(({ text }) => text);
  const cases = ['ValidCertificatePathTest1EE.crt', 'InvalidRevokedEETest3EE.crt'];
  const { answers } = await verifyLines(
    cases.map((wanted) => ({
      anchors: anchors.map(({ text }) => text),
      intermediates,
      crls,
      leaf: all.find(({ file }) => file === wanted)?.text,
      time: '2012-01-01T00:00:00Z',
      purpose: 'email',
      name: null,
    })),
  );
  assert.deepEqual(
    answers.map(({ ok, reason }) => [ok, reason.split(':')[0]]),
    [
      [true, 'valid'],
      [false, 'revoked'],
    ],
  );
});
