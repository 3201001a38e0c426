import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { hasOpenssl, openssl, opensslCertificate, sallyport, scratch } from '../testing.ts';

const BODY = 'Content-Type: text/plain\r\n\r\nTen o clock.\r\n';
const skip = hasOpenssl() ? false : 'openssl is not installed';

describe('message inspect', { skip }, () => {
  let folder = '';
  let remove = async (): Promise<void> => {};
  const at = (name: string): string => join(folder, name);

  function makeCertificate(name: string): void {
    opensslCertificate(folder, name, [
      `subjectAltName=email:${name}`,
      'keyUsage=critical,digitalSignature',
    ]);
  }

  const signed = async (name: string, from: string): Promise<string> => {
    await writeFile(at('body'), BODY);
    const key = ['-signer', at(`${name}.pem`), '-inkey', at(`${name}.key`)];
    const how = ['cms', '-sign', '-binary', '-nodetach', '-md', 'sha256', '-in', at('body')];
    const made = openssl([...how, ...key, '-from', from]).toString('latin1');
    await writeFile(at(`${name}.eml`), made);
    return at(`${name}.eml`);
  };

  const inspect = async (...args: string[]): Promise<Record<string, unknown>[]> => {
    const ran = await sallyport(['message', 'inspect', ...args]);
    assert.equal(ran.stderr, '');
    return ran.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  before(async () => {
    ({ folder, remove } = await scratch());
    makeCertificate('ann@acme.example');
    makeCertificate('bob@bravo.example');
  });
  after(async () => await remove());

  test('names the signer, each mismatch, each algorithm, and says that revocation is not checked', async () => {
    const file = await signed('ann@acme.example', 'bob@bravo.example');
    const anchors = ['--anchors', at('ann@acme.example.pem')];
    const [found] = await inspect(file, ...anchors);
    assert.equal(found?.['mapping'], 'mismatch');
    assert.deepEqual(found?.['mismatches'], [
      {
        layer: 0,
        signer: 'ann@acme.example',
        reason: 'the certificate is not in the name of the author',
      },
    ]);
    assert.deepEqual(found?.['algorithms'], ['sha256', 'rsa-sha256']);
    assert.deepEqual(found?.['legacy'], []);
    assert.equal(found?.['revocation'], 'not-checked');
    assert.match(String(found?.['revocationReason']), /No lists .*counts as valid/);
  });

  test('RFC 8550 4.1: a signer on a list of its CA is refused; what is no list is said', async () => {
    const ca = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('ca.key')];
    openssl([...ca, '-out', at('ca.pem'), '-days', '30', '-subj', '/CN=CA']);
    const name = 'cas@acme.example';
    const request = ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', at(`${name}.key`)];
    openssl([...request, '-out', at('csr.pem'), '-subj', `/CN=${name}/emailAddress=${name}`]);
    const issuer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-set_serial', '0x51'];
    const out = ['-out', at(`${name}.pem`), '-days', '30'];
    openssl(['x509', '-req', '-in', at('csr.pem'), ...issuer, ...out]);
    const section = `[a]\ndatabase=${at('index.txt')}\ndefault_md=sha256\ndefault_crl_days=9\n`;
    await writeFile(at('ca.cnf'), `[ca]\ndefault_ca=a\n${section}`);
    const list = async (lines: string): Promise<string> => {
      await writeFile(at('index.txt'), lines);
      const keys = ['-keyfile', at('ca.key'), '-cert', at('ca.pem')];
      openssl(['ca', '-config', at('ca.cnf'), '-gencrl', ...keys, '-out', at('crl.pem')]);
      return at('crl.pem');
    };
    const file = await signed(name, name);
    const anchors = ['--anchors', at('ca.pem')];
    const free = await list('');
    const [good] = await inspect(file, ...anchors, '--crls', free);
    assert.deepEqual([good?.['signature'], good?.['revocation']], ['valid', 'soft']);
    const listed = await list(
      `R\t491231000000Z\t250101000000Z,keyCompromise\t51\tunknown\t/CN=x\n`,
    );
    const [bad] = await inspect(file, ...anchors, '--crls', listed);
    assert.notEqual(bad?.['signature'], 'valid');
    assert.match(JSON.stringify(bad), /is revoked since 2025-01-01T00:00:00.000Z: keyCompromise/);
    const ran = await sallyport(['message', 'inspect', file, ...anchors, '--crls', at('ca.pem')]);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /ca\.pem holds no CRL in PEM or DER\./);
  });

  test('TM-1: under a policy the anchors of one partner say nothing about the authors of another', async () => {
    const pem = await readFile(at('ann@acme.example.pem'), 'utf8');
    const inbound = { signature: 'any-required', encryption: 'when-present' };
    const policy = {
      partners: [
        { name: 'Acme', domains: ['acme.example'], inbound, trust: { anchors: [pem] } },
        { name: 'Bravo', domains: ['bravo.example'], inbound },
      ],
    };
    await writeFile(at('policy.yaml'), JSON.stringify(policy));
    const own = await signed('ann@acme.example', 'ann@acme.example');
    const [good] = await inspect(own, '--policy', at('policy.yaml'));
    assert.deepEqual([good?.['signature'], good?.['decision']], ['valid', 'deliver']);
    const forged = await signed('ann@acme.example', 'bob@bravo.example');
    const [bad] = await inspect(forged, '--policy', at('policy.yaml'));
    assert.deepEqual([bad?.['signature'], bad?.['decision']], ['unverifiable', 'refuse']);
    const both = await signed('ann@acme.example', 'ann@acme.example, bob@bravo.example');
    const [mixed] = await inspect(both, '--policy', at('policy.yaml'));
    assert.notEqual(mixed?.['decision'], 'deliver');
  });

  test('one line a file, whatever is in it, in the order of the files', async () => {
    const files: Readonly<Record<string, Buffer>> = {
      empty: Buffer.alloc(0),
      zeros: Buffer.alloc(1_000),
      sequence: Buffer.from('3003020101', 'hex'),
      'short object': Buffer.from('300b06092a864886f70d010702', 'hex'),
      'endless object': Buffer.from('30800609', 'hex'),
      letters: Buffer.from('no message at all'),
      'half a header': Buffer.from('From: a@b.example'),
      'a header of carriage returns': Buffer.from('From: a@b.example\r\rx'),
    };
    for (const [name, bytes] of Object.entries(files)) await writeFile(at(name), bytes);
    await mkdir(at('folder'));
    const names = [...Object.keys(files), 'folder', 'nothing'];
    const found = await inspect(...names.map(at));
    assert.deepEqual(
      found.map((one) => one['file']),
      names.map(at),
    );
    const shape = ['signature', 'encryption', 'scope', 'reason', 'fault', 'layers', 'algorithms'];
    for (const one of found) {
      assert.notEqual(one['signature'], 'valid');
      for (const field of shape) assert.ok(field in one, `${String(one['file'])}: ${field}`);
    }
    assert.deepEqual(
      found.map((one) => one['ok']),
      [...Object.keys(files).map(() => true), false, false],
    );
  });
});
