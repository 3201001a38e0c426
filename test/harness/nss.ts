import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Issued } from './ca.ts';
import { temporaryFolder } from './folder.ts';
import { p12Of } from './gpgsm.ts';
import { type RunResult, run, runOk } from './process.ts';

/** NSS, the crypto of Thunderbird, with a database of its own that trusts one CA. */
export interface Nss extends AsyncDisposable {
  /** `cmsutil -D` over a detached signature: code and signer status; cmsutil can exit 0 for less. */
  importKey(key: Issued): Promise<void>;
  decrypt(der: Buffer): Promise<RunResult>;
  verifyDetached(signature: Buffer, content: Buffer): Promise<RunResult>;
}

export async function startNss(caFile: string): Promise<Nss> {
  const folder = await temporaryFolder('nss');
  const database = `sql:${join(folder.path, 'db')}`;
  await mkdir(join(folder.path, 'db'));
  await runOk('certutil', ['-N', '-d', database, '--empty-password']);
  await runOk('certutil', ['-A', '-d', database, '-n', 'ca', '-t', 'CT,C,C', '-a', '-i', caFile]);
  return {
    importKey: async (key) => {
      const file = join(folder.path, 'key.p12');
      await runOk('openssl', ['pkcs12', '-export', ...p12Of(key), '-out', file]);
      await runOk('pk12util', ['-i', file, '-d', database, '-W', 'x']);
    },
    decrypt: async (der) => {
      const file = join(folder.path, 'encrypted');
      await writeFile(file, der);
      const out = join(folder.path, 'decrypted');
      const result = await run('cmsutil', ['-D', '-d', database, '-i', file, '-o', out]);
      return { ...result, stdout: await readFile(out).catch(() => Buffer.alloc(0)) };
    },
    verifyDetached: async (signature, content) => {
      const [sig, text] = [join(folder.path, 'sig'), join(folder.path, 'content')];
      await writeFile(sig, signature);
      await writeFile(text, content);
      return await run('cmsutil', ['-D', '-d', database, '-i', sig, '-c', text, '-h', '0']);
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
