import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from './folder.ts';
import { type RunResult, run, runOk } from './process.ts';

/** GnuPG's S/MIME with a key folder of its own, trusting one CA. */
export interface Gpgsm extends AsyncDisposable {
  /** Verifies a detached signature over the content. Code 0 and GOODSIG say that it is good. */
  verifyDetached(signature: Buffer, content: Buffer): Promise<RunResult & { readonly status: string }>;
  importCertificate(file: string): Promise<void>;
}

export async function startGpgsm(caFile: string): Promise<Gpgsm> {
  const folder = await temporaryFolder('gpgsm');
  const home = join(folder.path, 'h');
  await mkdir(home, { mode: 0o700 });
  await writeFile(join(home, 'gpgsm.conf'), 'disable-crl-checks\ndisable-policy-checks\n');
  await writeFile(join(home, 'gpg-agent.conf'), 'allow-loopback-pinentry\n');
  const print = String(await runOk('openssl', ['x509', '-in', caFile, '-noout', '-fingerprint', '-sha1']));
  const hex = print.split('=')[1]?.replaceAll(':', '').trim() ?? '';
  await writeFile(join(home, 'trustlist.txt'), `${hex} S relax\n`);
  const env = { GNUPGHOME: home };
  const importCertificate = async (file: string): Promise<void> => {
    await runOk('gpgsm', ['--batch', '--import', file], { env });
  };
  await importCertificate(caFile);
  return {
    importCertificate,
    verifyDetached: async (signature, content) => {
      await writeFile(join(folder.path, 'sig'), signature);
      await writeFile(join(folder.path, 'content'), content);
      const files = [join(folder.path, 'sig'), join(folder.path, 'content')];
      const result = await run('gpgsm', ['--batch', '--status-fd', '1', '--verify', ...files], { env });
      return { ...result, status: String(result.stdout) };
    },
    [Symbol.asyncDispose]: async () => {
      // The agent that gpgsm started ends by its own socket, not by a name.
      await run('gpgconf', ['--kill', 'all'], { env });
      await folder[Symbol.asyncDispose]();
    },
  };
}
