import { AccountStore, type Accounts, linkAddress, type Plan } from '@sallyport/accounts';
import { type Gateway, openGatewayConfig, operatorName } from './gateway-access.ts';
import { askRecorder, recorderFor } from './key-session.ts';
import { Complaint } from './run.ts';

export interface AccountOptions {
  readonly config: string;
  readonly offline?: boolean;
  readonly by?: string;
  readonly json?: boolean;
}

/** The accounts of a gateway that has a console. */
export async function openAccounts(
  options: AccountOptions,
): Promise<{ readonly gateway: Gateway; readonly store: AccountStore }> {
  const gateway = await openGatewayConfig(options.config);
  if (gateway.config.console === undefined) {
    throw new Complaint(`${options.config} has no console, so nobody can sign in.`);
  }
  return { gateway, store: new AccountStore(gateway.layout.accounts) };
}

/**
 * Changes the accounts of a gateway, running or not; each step is in the audit log before it is made.
 *
 * @throws Complaint if the change is refused, or cannot be recorded and --offline was not given.
 */
export async function changeAccounts<R>(
  options: AccountOptions,
  plan: (accounts: Accounts) => Plan<R>,
): Promise<{ readonly gateway: Gateway; readonly result: R }> {
  const { gateway, store } = await openAccounts(options);
  const offline = options.offline === true;
  await using _recorder = offline ? null : await recorderFor(gateway);
  const by = operatorName(options.by);
  const changed = await store.change(plan, async (event) => {
    if (!offline) await askRecorder(gateway, { ...event, personal: { ...event.personal, by } });
  });
  if (changed.kind === 'refused') throw new Complaint(changed.sentence);
  return { gateway, result: changed.result };
}

/** Where the holder of a link goes with it. @throws Complaint without a console in the config. */
export function linkOf({ config }: Gateway, secret: string): string {
  if (config.console === undefined) throw new Complaint('The config has no console.');
  return linkAddress(config.console.publicUrl, secret);
}
