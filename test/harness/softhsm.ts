import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './folder.ts';
import { skipWithout } from './install-peers.ts';
import { run, runOk } from './process.ts';

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const PIN = '123456';
const SECURITY_OFFICER_PIN = '87654321';
const PACKAGE = join(import.meta.dirname, '../../node_modules/pkcs11js');
const BUILD = fileURLToPath(new URL('../../scripts/build-pkcs11.ts', import.meta.url));

/** A software token of its own, that can be pulled out. */
export interface SoftHsm extends AsyncDisposable {
  /** Label of the token. */
  readonly label: string;
  readonly moduleFile: string;
  readonly pinFile: string;
  /** What the module has to find in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Puts a private key (PKCS#8 in PEM) on the token. @returns its PKCS#11 URI */
  importKey(name: string, pkcs8Pem: string): Promise<string>;
  readonly folder: string;
  /** Which mechanisms the token has, in the words of softhsm2.conf(5); for modules loaded anew. */
  limit(mechanisms: string): Promise<void>;
  /** Takes the token away, sessions and all. */
  unplug(): Promise<void>;
  plugIn(): Promise<void>;
}

/** A reason to skip tests of keys on a token; false if all is there. */
export function skipWithoutToken(): string | false {
  const skip = skipWithout('softhsm2', 'g++');
  if (skip !== false) return skip;
  return existsSync(PACKAGE) ? false : 'needs the optional npm package pkcs11js';
}

/** Makes a token, and builds the add-on if it is not built yet. */
export async function startSoftHsm(label = 'gateway'): Promise<SoftHsm> {
  if (!existsSync(join(PACKAGE, 'build', 'Release', 'pkcs11.node'))) {
    await runOk(process.execPath, [BUILD]);
  }
  const folder = await temporaryFolder('token');
  const at = (name: string): string => join(folder.path, name);
  await mkdir(at('tokens'));
  const limit = (mechanisms: string): Promise<void> =>
    writeFile(
      at('softhsm2.conf'),
      `directories.tokendir = ${at('tokens')}\nobjectstore.backend = file\nlog.level = ERROR\nslots.mechanisms = ${mechanisms}\n`,
    );
  await limit('ALL');
  await writeFile(at('pin'), `${PIN}\n`, { mode: 0o600 });
  const environment = { SOFTHSM2_CONF: at('softhsm2.conf') };
  const tool = async (...args: string[]): Promise<void> => {
    const result = await run('softhsm2-util', args, { env: { ...process.env, ...environment } });
    if (result.code !== 0) throw new Error(`softhsm2-util ${args[0]}: ${result.stderr}`);
  };
  const pins = ['--pin', PIN, '--so-pin', SECURITY_OFFICER_PIN];
  await tool('--init-token', '--free', '--label', label, ...pins);
  let count = 0;
  return {
    label,
    folder: folder.path,
    limit,
    moduleFile: MODULE,
    pinFile: at('pin'),
    environment,
    importKey: async (name, pkcs8Pem) => {
      count += 1;
      const id = count.toString(16).padStart(4, '0');
      await writeFile(at('import.pem'), pkcs8Pem, { mode: 0o600 });
      const key = ['--import', at('import.pem'), '--token', label, '--label', name, '--id', id];
      await tool(...key, '--pin', PIN);
      return `pkcs11:token=${label};object=${name};id=${id.replace(/../g, '%$&')};type=private`;
    },
    unplug: () => rename(at('tokens'), at('pulled-out')),
    plugIn: () => rename(at('pulled-out'), at('tokens')),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** A PKCS#11 module that stands still when it is opened. @returns its file */
export async function buildSleepingModule(folder: string): Promise<string> {
  const source = join(folder, 'sleeping.c');
  const made = join(folder, 'sleeping.so');
  await writeFile(source, SLEEPING_MODULE);
  await runOk('gcc', ['-shared', '-fPIC', '-o', made, source]);
  return made;
}

/** The function list of PKCS#11 v2.40 begins with the version and C_Initialize. */
const SLEEPING_MODULE = `
#include <unistd.h>
static unsigned long initialize(void *arguments) { (void)arguments; sleep(3); return 5; }
static unsigned long refuse() { return 5; }
static struct { unsigned char version[2]; void *functions[68]; } list = { { 2, 40 }, { initialize } };
unsigned long C_GetFunctionList(void **out) {
  for (int at = 1; at < 68; at += 1) list.functions[at] = (void *)refuse;
  *out = &list;
  return 0;
}
`;
