import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UserCertificates } from '@sallyport/published';
import { makeTestPki } from '../directory/test-pki.ts';
import { sallyport, scratch } from '../testing.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const COUNT = 6_000;

describe("users' certificates from an existing PKI", () => {
  const pki = makeTestPki(new Date());
  let folder = '';
  let cleanUp = async (): Promise<void> => {};
  const at = (name: string): string => join(folder, name);
  const config = (): string => at('g/gateway.yaml');
  const users = (): string => at('g/data/published/users');
  const directory = async (...args: string[]): ReturnType<typeof sallyport> =>
    await sallyport(['directory', ...args, '--config', config()]);

  before(async () => {
    ({ folder, remove: cleanUp } = await scratch());
    await writeFile(at('passphrase'), 'a long passphrase\n', { mode: 0o600 });
    const where = ['--domain', 'acme.example', '--dir', at('g'), '--key-kind', 'ec-p256'];
    const made = await sallyport(['init', ...where, '--passphrase-file', at('passphrase')]);
    assert.equal(made.code, 0, made.stderr);
    const bundle = Array.from({ length: COUNT }, (_, i) => pki.pem(`user${i}@acme.example`));
    await writeFile(at('bundle.pem'), bundle.join(''));
  });
  after(() => cleanUp());

  test('an import killed on its way goes on where it was, and loses nothing', async () => {
    const args = [MAIN, 'directory', 'import', at('bundle.pem'), '--config', config()];
    const killed = spawn(process.execPath, args, { stdio: 'ignore' });
    const ended = once(killed, 'exit');
    const size = async (): Promise<number> =>
      (await stat(join(users(), 'certificates')).catch(() => null))?.size ?? 0;
    while ((await size()) === 0) await delay(5);
    killed.kill('SIGKILL');
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    const partial = new UserCertificates(users());
    await partial.refresh();
    const kept = partial.records;
    await partial.close();
    assert.ok(kept > 0 && kept < COUNT, `${kept} of ${COUNT} were there`);

    const ran = await directory('import', at('bundle.pem'), '--json');
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(JSON.parse(ran.text), {
      read: COUNT,
      added: COUNT - kept,
      replaced: 0,
      known: kept,
      older: 0,
      refused: {},
    });
    const whole = new UserCertificates(users());
    await whole.refresh();
    assert.equal(whole.records, COUNT);
    for (const i of [0, kept - 1, kept, COUNT - 1]) {
      assert.equal((await whole.ofAddress(`user${i}@acme.example`)).length, 1, `user ${i}`);
    }
    await whole.close();
  });

  test('what is not taken is named and counted', async () => {
    const bad = [
      pki.pem('ada@elsewhere.example'),
      pki.pem('domain-confidentiality-authority@acme.example'),
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      pki.pem('ada@acme.example'),
    ];
    await writeFile(at('bad.pem'), bad.join(''));
    const ran = await directory('import', at('bad.pem'));
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.text, /^4 certificates read: 1 added/);
    assert.match(ran.text, /^Not taken, reserved-name: 1$/m);
    assert.match(ran.stderr, /certificate 1: it is for ada@elsewhere\.example\.$/m);
  });

  test('show, remove and list are of what is published', async () => {
    const shown = await directory('show', 'ADA@acme.example');
    assert.match(shown.text, /^encryption, .*\n-----BEGIN CERTIFICATE-----\n/);
    assert.equal((await directory('remove', 'ada@acme.example')).code, 0);
    for (const verb of ['show', 'remove']) {
      const gone = await directory(verb, 'ada@acme.example');
      assert.deepEqual([gone.code, gone.text], [1, '']);
      assert.equal(gone.stderr, 'No certificate is held for ada@acme.example.\n');
    }
    const listed = await directory('list', '--json');
    assert.equal(listed.text.trim().split('\n').length, COUNT);
    assert.doesNotMatch(listed.text, /ada@acme/);
    // Added once and removed once.
    const compacted = await directory('compact');
    assert.match(compacted.text, new RegExp(`^${COUNT} certificates are kept; 2 replaced`));
    const nobody = await directory('show', 'ada');
    assert.equal(nobody.stderr, 'ada is no mail address.\n');
  });
});
