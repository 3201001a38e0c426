import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { p12Of } from '../../harness/gpgsm.ts';
import { type RunResult, run, runOk } from '../../harness/process.ts';
import type { Identities } from './cms-peer.ts';
import { NoPeer, type Peer } from './peer.ts';
import type { KeyName } from './rows.ts';

const CIPHERS = new Map([
  ['aes128-cbc', 'AES'],
  ['aes192-cbc', 'AES192'],
  ['aes256-cbc', 'AES256'],
  ['des-ede3-cbc', '3DES'],
]);

/** GnuPG's S/MIME, with a key folder of its own. */
export async function gpgsmPeer(
  folder: string,
  identities: Identities,
  keys: readonly KeyName[],
): Promise<Peer> {
  const home = join(folder, 'gnupg');
  const env = { GNUPGHOME: home };
  await makeHome(home, identities.rootFile);
  let count = 0;
  const file = (): string => {
    count += 1;
    return join(folder, `gpgsm-${count}`);
  };
  const gpgsm = (...args: readonly string[]): Promise<RunResult> =>
    run('gpgsm', ['--batch', '--pinentry-mode', 'loopback', '--passphrase-fd', '0', ...args], {
      env,
      input: 'x\n',
    });
  await runOk('gpgsm', ['--batch', '--import', identities.rootFile], { env });
  const imported = new Map<KeyName, string>();
  for (const key of keys) {
    const { certificateFile, keyFile } = identities.of(key);
    const p12 = file();
    // Its PKCS #12 reader knows the old algorithms only.
    const made = await run('openssl', [
      ...['pkcs12', '-export', '-legacy', '-out', p12],
      ...p12Of({ certificateFile, keyFile }),
    ]);
    if (made.code === 0 && (await gpgsm('--import', p12)).code === 0) {
      imported.set(key, await fingerprintOf(certificateFile));
      continue;
    }
    await gpgsm('--import', certificateFile);
  }
  const idOf = (key: KeyName): string => {
    const id = imported.get(key);
    if (id === undefined) throw new NoPeer(`gpgsm cannot import a key of ${key}`);
    return id;
  };
  const through = async (input: Buffer, ...args: readonly string[]): Promise<Buffer> => {
    const [from, to] = [file(), file()];
    await writeFile(from, input);
    const result = await gpgsm('--output', to, ...args, from);
    if (result.code !== 0) throw new NoPeer(result.stderr.split('\n').slice(-3).join(' '));
    return await readFile(to);
  };
  const version = String(await runOk('gpgsm', ['--version'])).split('\n')[0] ?? '';
  return {
    name: 'gpgsm',
    version: version.replace('(GnuPG) ', ''),
    sign: async (row, signer, content, form) => {
      if (row.isPss) throw new NoPeer('gpgsm does not sign with RSASSA-PSS');
      const how = ['--local-user', idOf(signer.key), '--digest-algo', row.digest];
      return await through(content, ...how, form === 'detached' ? '--detach-sign' : '--sign');
    },
    verify: async (_row, cms, content, form) => {
      const [signature, plain, out] = [file(), file(), file()];
      await writeFile(signature, cms);
      await writeFile(plain, content);
      const detached = form === 'detached';
      const files = detached ? [signature, plain] : [signature];
      const to = detached ? [] : ['--output', out];
      const result = await gpgsm('--status-fd', '1', ...to, '--verify', ...files);
      if (result.code !== 0 || !/GOODSIG/.test(String(result.stdout))) {
        throw new NoPeer(`${result.stdout} ${result.stderr}`);
      }
      return detached ? content : await readFile(out);
    },
    encrypt: async (row, recipient, content) => {
      const cipher = CIPHERS.get(row.content);
      if (cipher === undefined) throw new NoPeer(`gpgsm does not encrypt with ${row.content}`);
      const to = await fingerprintOf(recipient.certificateFile);
      return await through(content, '--cipher-algo', cipher, '--recipient', to, '--encrypt');
    },
    decrypt: async (_row, recipient, cms) => {
      idOf(recipient.key);
      return await through(cms, '--decrypt');
    },
    [Symbol.asyncDispose]: async () => {
      // The agent that gpgsm started ends by its own socket, not by a name.
      await run('gpgconf', ['--kill', 'all'], { env });
    },
  };
}

async function makeHome(home: string, rootFile: string): Promise<void> {
  await mkdir(home, { mode: 0o700 });
  await writeFile(join(home, 'gpgsm.conf'), 'disable-crl-checks\ndisable-policy-checks\n');
  await writeFile(join(home, 'gpg-agent.conf'), 'allow-loopback-pinentry\n');
  await writeFile(join(home, 'trustlist.txt'), `${await fingerprintOf(rootFile)} S relax\n`);
}

async function fingerprintOf(certificateFile: string): Promise<string> {
  const how = ['x509', '-in', certificateFile, '-noout', '-fingerprint', '-sha1'];
  const print = String(await runOk('openssl', how));
  return print.split('=')[1]?.replaceAll(':', '').trim() ?? '';
}
