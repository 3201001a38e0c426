import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import type { Gateway } from '../commands/gateway-access.ts';
import { followPolicy } from './follow-policy.ts';
import { keepKeys } from './keep-keys.ts';
import { publishStatements } from './publish-statements.ts';
import type { Role } from './roles.ts';
import type { Supervisor } from './supervisor.ts';

export interface AttendParts {
  readonly supervisor: Supervisor;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * What the supervisor does beside its processes, where it runs the role that it belongs to: the key
 * desk and planned keys, statements of the domains, planned policy versions.
 *
 * @returns what ends all of it.
 */
export async function attendGateway(
  gateway: Gateway,
  roles: readonly Role[],
  { supervisor, logger, clock }: AttendParts,
): Promise<AsyncDisposable> {
  const own = new AsyncDisposableStack();
  const ending = new AbortController();
  const { signal } = ending;
  const { config } = gateway;
  if (roles.includes('keyholder')) {
    const reload = (): void => supervisor.signal('keyholder', 'SIGHUP');
    own.use(await keepKeys(gateway, { logger, clock, reload }));
    const publishing = publishStatements(config, { logger, clock, signal });
    own.defer(() => publishing);
  }
  if (roles.includes('worker-outward')) {
    const following = followPolicy(config, { logger, clock, signal });
    own.defer(() => following);
  }
  own.defer(() => ending.abort());
  return own;
}
