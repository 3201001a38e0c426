import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The command line, as every account must be able to read it. */
const CLI = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url));

/** An account that owns nothing and is in no group. */
export const NOBODY = 65_534;

/** `setpriv` with what makes the rest of the line run as that account, without any privilege. */
export function asAccount(
  of: { readonly user: number; readonly groups?: string },
  ...command: readonly string[]
): [string, string[]] {
  const { user, groups = '' } = of;
  const group = groups === '' ? ['--clear-groups'] : [`--groups=${groups}`];
  const as = [`--reuid=${user}`, `--regid=${user}`, ...group, '--no-new-privs'];
  return ['setpriv', [...as, '--inh-caps=-all', '--bounding-set=-all', ...command]];
}

/** Why a test that needs other accounts cannot run here; false if it can. */
export function noOtherAccounts(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, to be other accounts';
  if (spawnSync('setpriv', ['--version']).error !== undefined) return 'needs setpriv';
  const [program, line] = asAccount({ user: NOBODY }, 'test', '-r', CLI);
  const { status } = spawnSync(program, line);
  return status === 0 ? false : 'needs a project folder that other accounts may read';
}
