import { createClamdScanner } from '../filter/clamav.ts';
import type { Scanner } from '../filter/filter.ts';
import type { MailRoleOptions } from '../options.ts';

/** The virus scanner of the options; null where none is configured. */
export function createScanner(options: MailRoleOptions['scanner']): Scanner | null {
  if (options === null) return null;
  const { clamd, timeoutMs } = options;
  const target = 'socket' in clamd ? { path: clamd.socket } : clamd.address;
  return createClamdScanner({ target, timeoutMs });
}
