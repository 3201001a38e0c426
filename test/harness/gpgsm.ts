import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Issued } from './ca.ts';
import { temporaryFolder } from './folder.ts';
import { type RunResult, run, runOk } from './process.ts';

/** GnuPG's S/MIME with a key folder of its own, trusting one CA. */
export interface Gpgsm extends AsyncDisposable {
  /** Verifies a detached signature over the content. Code 0 and GOODSIG say that it is good. */
  verifyDetached(
    signature: Buffer,
    content: Buffer,
  ): Promise<RunResult & { readonly status: string }>;
  importCertificate(file: string): Promise<void>;
  /** Takes a private key with its certificate. */
  importKey(key: Issued): Promise<void>;
  decrypt(der: Buffer): Promise<RunResult>;
}

/** OpenSSL's arguments for a PKCS #12 file with the passphrase x. */
export function p12Of(key: Pick<Issued, 'certificateFile' | 'keyFile'>): string[] {
  return ['-in', key.certificateFile, '-inkey', key.keyFile, '-passout', 'pass:x', '-name', 'key'];
}

export async function startGpgsm(caFile: string): Promise<Gpgsm> {
  const folder = await temporaryFolder('gpgsm');
  const home = join(folder.path, 'h');
  await mkdir(home, { mode: 0o700 });
  await writeFile(join(home, 'gpgsm.conf'), 'disable-crl-checks\ndisable-policy-checks\n');
  await writeFile(join(home, 'gpg-agent.conf'), 'allow-loopback-pinentry\n');
  const print = String(
    await runOk('openssl', ['x509', '-in', caFile, '-noout', '-fingerprint', '-sha1']),
  );
  const hex = print.split('=')[1]?.replaceAll(':', '').trim() ?? '';
  await writeFile(join(home, 'trustlist.txt'), `${hex} S relax\n`);
  const env = { GNUPGHOME: home };
  const importCertificate = async (file: string): Promise<void> => {
    await runOk('gpgsm', ['--batch', '--import', file], { env });
  };
  await importCertificate(caFile);
  return {
    importCertificate,
    importKey: async (key) => {
      const file = join(folder.path, 'key.p12');
      // Its PKCS #12 reader knows the old algorithms only.
      await runOk('openssl', ['pkcs12', '-export', '-legacy', ...p12Of(key), '-out', file]);
      const how = ['--batch', '--pinentry-mode', 'loopback', '--passphrase-fd', '0'];
      await runOk('gpgsm', [...how, '--import', file], { env, input: 'x\n' });
    },
    decrypt: async (der) => {
      const file = join(folder.path, 'encrypted');
      await writeFile(file, der);
      const how = ['--batch', '--pinentry-mode', 'loopback', '--passphrase-fd', '0'];
      return await run('gpgsm', [...how, '-d', file], { env, input: 'x\n' });
    },
    verifyDetached: async (signature, content) => {
      await writeFile(join(folder.path, 'sig'), signature);
      await writeFile(join(folder.path, 'content'), content);
      const files = [join(folder.path, 'sig'), join(folder.path, 'content')];
      const result = await run('gpgsm', ['--batch', '--status-fd', '1', '--verify', ...files], {
        env,
      });
      return { ...result, status: String(result.stdout) };
    },
    [Symbol.asyncDispose]: async () => {
      // The agent that gpgsm started ends by its own socket, not by a name.
      await run('gpgconf', ['--kill', 'all'], { env });
      await folder[Symbol.asyncDispose]();
    },
  };
}
