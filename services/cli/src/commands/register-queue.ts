import { type Command, Option } from 'commander';
import { onGateway } from './command-group.ts';
import type { QueueOptions } from './queue.ts';
import { run } from './run.ts';

const PARTNER = 'those to or from the domains of this partner';
const RECIPIENT = 'those to this address or domain';
const STATES = ['waiting', 'active', 'held', 'paused', 'corrupt'];

/** `queue list|show|release|retry|drop|pause|resume`. */
export function registerQueue(program: Command): void {
  const queue = program.command('queue').description('What waits or is held, and why.');
  const add = onGateway(queue);

  add('list', 'Every message that waits, is being worked on, is held or cannot be read.')
    .addOption(new Option('--state <state>', 'only these').choices(STATES))
    .option('--partner <name>', PARTNER)
    .option('--recipient <address>', RECIPIENT)
    .option('--limit <number>', 'at most so many', '1000')
    .option('--json', 'one JSON object a line')
    .action(async (options: QueueOptions) => {
      await run(async () => await (await import('./queue.ts')).runQueueList(options));
    });
  add('show', 'All that is known of one message.')
    .argument('<id>', 'its queue id')
    .option('--json', 'print as JSON')
    .action(async (id: string, options: QueueOptions) => {
      await run(async () => await (await import('./queue.ts')).runQueueShow(id, options));
    });
  const verbs = [
    ['release', 'Lets held messages go on, under your name.'],
    ['retry', 'Tries waiting messages again now.'],
    ['drop', 'Deletes messages; the author is told unless --no-notify.'],
  ] as const;
  for (const [verb, description] of verbs) {
    const command = add(verb, description)
      .argument('[ids...]', 'queue ids')
      .option('--partner <name>', PARTNER)
      .option('--recipient <address>', RECIPIENT);
    if (verb !== 'retry') command.option('--by <name>', 'who decided it; else $USER');
    if (verb === 'drop') command.option('--no-notify', 'tell the author nothing');
    command.action(async (ids: string[], options: QueueOptions) => {
      await run(async () => await (await import('./queue.ts')).runQueueVerb(verb, ids, options));
    });
  }
  const ways = [
    ['pause', 'Stops a destination: its mail waits.'],
    ['resume', 'Lets a paused destination go on.'],
  ] as const;
  for (const [verb, description] of ways) {
    add(verb, description)
      .argument('<destination>', 'a recipient domain')
      .option('--by <name>', 'who decided it; else $USER')
      .action(async (destination: string, options: QueueOptions) => {
        await run(
          async () =>
            await (await import('./queue.ts')).runQueueDestination(verb, destination, options),
        );
      });
  }
}
