import type { Command } from 'commander';
import { onGateway } from './command-group.ts';
import { run } from './run.ts';
import type { UserOptions } from './user.ts';

/** `user add|remove|list`. */
export function registerUser(program: Command): void {
  const user = program.command('user').description('Who may log in to submission.');
  const add = onGateway(user);

  add('add', 'Lets somebody log in; the password is asked for and kept as an argon2id hash.')
    .argument('<login>', 'the name to log in with')
    .option('--password-file <file>', 'take the password from its first line; - is standard input')
    .option('--may-use <list>', 'domains and addresses this login may send as; else all of ours')
    .option('--replace', 'give a login that exists a new password')
    .action(async (login: string, options: UserOptions) => {
      await run(async () => await (await import('./user.ts')).runUserAdd(login, options));
    });
  add('remove', 'Takes a login away.')
    .argument('<login>', 'the name to log in with')
    .action(async (login: string, options: UserOptions) => {
      await run(async () => await (await import('./user.ts')).runUserRemove(login, options));
    });
  add('list', 'Prints who can log in.')
    .option('--json', 'one JSON object a line')
    .action(async (options: UserOptions) => {
      await run(async () => await (await import('./user.ts')).runUserList(options));
    });
}
