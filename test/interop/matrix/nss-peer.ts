import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { p12Of } from '../../harness/gpgsm.ts';
import { run, runOk } from '../../harness/process.ts';
import type { Identities } from './cms-peer.ts';
import { NoPeer, type Peer } from './peer.ts';
import type { KeyName } from './rows.ts';

/** NSS, the crypto of Thunderbird, by its `cmsutil`. It chooses the content cipher by itself. */
export async function nssPeer(
  folder: string,
  identities: Identities,
  keys: readonly KeyName[],
): Promise<Peer> {
  const database = `sql:${join(folder, 'nss')}`;
  await mkdir(join(folder, 'nss'));
  await runOk('certutil', ['-N', '-d', database, '--empty-password']);
  const root = ['-n', 'root', '-t', 'CT,C,C', '-a', '-i', identities.rootFile];
  await runOk('certutil', ['-A', '-d', database, ...root]);
  let count = 0;
  const file = (): string => {
    count += 1;
    return join(folder, `nss-${count}`);
  };
  const imported = new Set<KeyName>();
  for (const key of keys) {
    const { certificateFile, keyFile } = identities.of(key);
    const p12 = file();
    const how = p12Of({ certificateFile, keyFile }).map((word) => (word === 'key' ? key : word));
    const made = await run('openssl', ['pkcs12', '-export', '-out', p12, ...how]);
    const read = ['-i', p12, '-d', database, '-W', 'x'];
    if (made.code === 0 && (await run('pk12util', read)).code === 0) imported.add(key);
  }
  const nickname = (key: KeyName): string => {
    if (!imported.has(key)) throw new NoPeer(`NSS cannot import a key of ${key}`);
    return key;
  };
  const through = async (input: Buffer, ...args: readonly string[]): Promise<Buffer> => {
    const [from, to] = [file(), file()];
    await writeFile(from, input);
    const result = await run('cmsutil', [...args, '-d', database, '-i', from, '-o', to]);
    if (result.code !== 0) throw new NoPeer(result.stderr);
    return await readFile(to);
  };
  const version = /Version: (\S+)/.exec(
    String(await runOk('dpkg-query', ['-s', 'libnss3-tools'])),
  )?.[1];
  return {
    name: 'nss',
    version: `NSS ${version?.replace(/^\d+:/, '').replace(/-.*/, '') ?? ''}`,
    sign: async (row, signer, content, form) => {
      if (row.isPss) throw new NoPeer('cmsutil does not sign with RSASSA-PSS');
      const shape = form === 'detached' ? ['-T'] : [];
      const how = ['-S', '-G', '-N', nickname(signer.key), '-H', row.digest.toUpperCase()];
      return await through(content, ...how, ...shape);
    },
    verify: async (_row, cms, content, form) => {
      const [signature, plain, out] = [file(), file(), file()];
      await writeFile(signature, cms);
      await writeFile(plain, content);
      const detached = form === 'detached' ? ['-c', plain] : [];
      const how = ['-D', '-d', database, '-i', signature, ...detached];
      const told = await run('cmsutil', [...how, '-h', '0', '-n']);
      // cmsutil can exit 0 for less.
      if (
        told.code !== 0 ||
        !/signer0\.status=GoodSignature/.test(`${told.stdout}${told.stderr}`)
      ) {
        throw new NoPeer(`${told.stdout} ${told.stderr}`);
      }
      if (form === 'detached') return content;
      await runOk('cmsutil', [...how, '-o', out]);
      return await readFile(out);
    },
    encrypt: async (_row, recipient, content) =>
      await through(content, '-E', '-r', nickname(recipient.key)),
    decrypt: async (_row, recipient, cms) => {
      nickname(recipient.key);
      return await through(cms, '-D');
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
