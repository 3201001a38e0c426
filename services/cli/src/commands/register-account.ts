import { MAX_TOKEN_DAYS, PERMISSIONS, type Permission, ROLES } from '@sallyport/accounts';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { RoleOptions } from './account.ts';
import type { AccountOptions } from './account-session.ts';
import type { TokenCreateOptions } from './account-token.ts';
import { type Add, onGateway } from './command-group.ts';
import { run } from './run.ts';

/** `account add|list|link|roles|disable|enable` and `account token create|list|revoke`. */
export function registerAccount(program: Command): void {
  const account = program
    .command('account')
    .description('Who may use the console and its API, each step recorded.');
  const read = reading(account);
  const change = changing(read);
  withRoles(change('add', 'Makes an account; prints the one-time link that sets it up.'))
    .argument('<name>', 'small letters and digits, parted by . _ @ or -')
    .action(async (name: string, options: RoleOptions) => {
      await run(async () => await (await import('./account.ts')).runAccountAdd(name, options));
    });
  read('list', 'Prints every account.').action(async (options: AccountOptions) => {
    await run(async () => await (await import('./account.ts')).runAccountList(options));
  });
  change('link', 'Prints a new one-time link: for who lost password or passkey.')
    .argument('<name>', 'the account')
    .action(async (name: string, options: AccountOptions) => {
      await run(async () => await (await import('./account.ts')).runAccountLink(name, options));
    });
  withRoles(change('roles', 'Gives an account these roles instead of its own.'))
    .argument('<name>', 'the account')
    .action(async (name: string, options: RoleOptions) => {
      await run(async () => await (await import('./account.ts')).runAccountRoles(name, options));
    });
  for (const order of ['disable', 'enable'] as const) {
    const does = order === 'disable' ? 'Lets nobody sign in to an account' : 'Lets them again';
    change(order, `${does}; what is signed in ends.`)
      .argument('<name>', 'the account')
      .action(async (name: string, options: AccountOptions) => {
        await run(
          async () =>
            await (await import('./account.ts')).runAccountDisable(name, { ...options, order }),
        );
      });
  }
  registerToken(account);
}

function reading(parent: Command): Add {
  const add = onGateway(parent);
  return (name, description) =>
    add(name, description).option('--json', 'print as JSON, one object a line');
}

function changing(read: Add): Add {
  return (name, description) =>
    read(name, description)
      .option(
        '--offline',
        'go on though no recorder answers and none can be started; the step is then not in the audit log',
      )
      .option('--by <name>', 'who does it; else $USER');
}

function withRoles(command: Command): Command {
  return command.addOption(
    new Option('--role <role>', `may stand several times: ${ROLES.join(', ')}`)
      .argParser(collect(ROLES))
      .makeOptionMandatory(),
  );
}

/** Values of an option that may stand several times, each one of a few words. */
function collect<T extends string>(words: readonly T[]) {
  return (value: string, before: readonly T[] | undefined): readonly T[] => {
    const word = words.find((one) => one === value);
    if (word === undefined) throw new InvalidArgumentError(`One of: ${words.join(', ')}.`);
    return [...(before ?? []), word];
  };
}

function registerToken(account: Command): void {
  const token = account.command('token').description('Tokens that programs use the API with.');
  const read = reading(token);
  const change = changing(read);
  change('create', 'Makes a token of an account; prints it once.')
    .argument('<account>', 'whose it is: it can do no more than they')
    .requiredOption('--name <name>', 'what it is for')
    .addOption(
      new Option(
        '--scope <permission>',
        `else all of the account: ${PERMISSIONS.join(', ')}`,
      ).argParser(collect<Permission>(PERMISSIONS)),
    )
    .option('--days <number>', `how long it lasts, up to ${MAX_TOKEN_DAYS}`, '90')
    .action(async (name: string, options: TokenCreateOptions) => {
      await run(
        async () => await (await import('./account-token.ts')).runTokenCreate(name, options),
      );
    });
  read('list', 'Prints the tokens of an account, or all of them.')
    .argument('[account]', 'whose')
    .action(async (name: string | undefined, options: AccountOptions) => {
      await run(async () => await (await import('./account-token.ts')).runTokenList(name, options));
    });
  change('revoke', 'Takes a token away.')
    .argument('<id>', 'as token list prints it')
    .action(async (id: string, options: AccountOptions) => {
      await run(async () => await (await import('./account-token.ts')).runTokenRevoke(id, options));
    });
}
