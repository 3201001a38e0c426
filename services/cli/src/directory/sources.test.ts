import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { formatPemCertificate } from '@sallyport/pki';
import { Complaint } from '../commands/run.ts';
import { certificatesIn } from './sources.ts';
import { makeTestPki } from './test-pki.ts';

const pki = makeTestPki();
const [a, b] = [pki.issue('a@acme.example'), pki.issue('b@acme.example')];

describe('where certificates are read from', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-sources-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** What a file of this content yields: DER in hexadecimal, or the reason. */
  const read = async (content: string | Buffer): Promise<string[]> => {
    const path = join(folder, 'source');
    await writeFile(path, content);
    return await all(path);
  };
  const all = async (path: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const one of certificatesIn(path)) {
      found.push(one.kind === 'certificate' ? one.der.toString('hex') : one.reason);
    }
    return found;
  };
  const both = [a.toString('hex'), b.toString('hex')];

  test('RFC 7468: PEM with any number of blocks, text between them, and any line ends', async () => {
    const [one, two] = [formatPemCertificate(a), formatPemCertificate(b)];
    assert.deepEqual(await read(`subject=a\n${one}\nsubject=b\n${two}`), both);
    assert.deepEqual(await read((one + two).replaceAll('\n', '\r\n')), both);
    assert.deepEqual(await read((one + two).trimEnd()), both);
    const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';
    assert.deepEqual(await read(key + one), [both[0]]);
  });

  test('a file that begins as DER is one certificate', async () => {
    assert.deepEqual(await read(a), [both[0]]);
    assert.deepEqual(await read(Buffer.alloc(100_000, 0x30)), ['too long']);
  });

  test('RFC 2849: LDIF with folded values; a URL in it is not followed', async () => {
    const folded = (der: Buffer): string => der.toString('base64').replace(/(.{60})/g, '$1\n ');
    const ldif = [
      'version: 1',
      'dn: cn=a,dc=acme',
      `userCertificate;binary:: ${folded(a)}`,
      'mail: a@acme.example',
      'userCertificate:< file:///etc/passwd',
      'usersmimecertificate;binary:: AAAA',
      '',
      'dn:: Y249Yg==',
      `usercertificate:: ${folded(b)}`,
    ].join('\n');
    assert.deepEqual(await read(ldif), both);
  });

  test('what is no base64, has no end or is too long is told and passed over', async () => {
    const begin = '-----BEGIN CERTIFICATE-----\n';
    const end = '-----END CERTIFICATE-----\n';
    const one = formatPemCertificate(a);
    assert.deepEqual(await read(`${begin}!!!!\n${end}${one}`), ['no base64', both[0]]);
    assert.deepEqual(await read(one + begin), [both[0], 'has no end']);
    const long = `${begin}${'QUJD'.repeat(50_000).replace(/(.{64})/g, '$1\n')}\n${end}`;
    assert.deepEqual(await read(long + one), ['too long', both[0]]);
    const line = `userCertificate;binary:: ${'QUJD'.repeat(100_000)}\n`;
    assert.deepEqual(await read(line + one), [both[0]]);
    assert.deepEqual(await read(''), []);
    assert.deepEqual(await read(Buffer.from([0, 1, 2, 255])), []);
  });

  test('a folder is read with the folders below it; links are not followed', async () => {
    const root = join(folder, 'tree');
    await mkdir(join(root, 'z', 'deep'), { recursive: true });
    await writeFile(join(root, 'a.der'), a);
    await writeFile(join(root, 'z', 'deep', 'b.pem'), formatPemCertificate(b));
    await symlink(root, join(root, 'z', 'loop'));
    assert.deepEqual(await all(root), both);
    await assert.rejects(all(join(folder, 'nowhere')), Complaint);
  });
});
