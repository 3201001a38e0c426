import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from './folder.ts';
import { type RunResult, run, runOk } from './process.ts';

/** NSS, the crypto of Thunderbird, with a database of its own that trusts one CA. */
export interface Nss extends AsyncDisposable {
  /** `cmsutil -D` over a detached signature: code and signer status; cmsutil can exit 0 for less. */
  verifyDetached(signature: Buffer, content: Buffer): Promise<RunResult>;
}

export async function startNss(caFile: string): Promise<Nss> {
  const folder = await temporaryFolder('nss');
  const database = `sql:${join(folder.path, 'db')}`;
  await mkdir(join(folder.path, 'db'));
  await runOk('certutil', ['-N', '-d', database, '--empty-password']);
  await runOk('certutil', ['-A', '-d', database, '-n', 'ca', '-t', 'CT,C,C', '-a', '-i', caFile]);
  return {
    verifyDetached: async (signature, content) => {
      const [sig, text] = [join(folder.path, 'sig'), join(folder.path, 'content')];
      await writeFile(sig, signature);
      await writeFile(text, content);
      return await run('cmsutil', ['-D', '-d', database, '-i', sig, '-c', text, '-h', '0']);
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
