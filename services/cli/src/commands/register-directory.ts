import type { Command } from 'commander';
import { onGateway } from './command-group.ts';
import type { DirectoryOptions } from './directory.ts';
import { run } from './run.ts';

/** `directory import|list|show|remove|compact`. */
export function registerDirectory(program: Command): void {
  const directory = program
    .command('directory')
    .description("Users' certificates that the gateway publishes.");
  const add = onGateway(directory);

  add(
    'import',
    "Takes users' certificates in: PEM, DER or LDIF files, or folders of them. " +
      'Run again after an interruption it goes on; a newer certificate takes the place of an older one.',
  )
    .argument('<path...>', 'files and folders')
    .option('--json', 'print the counts as JSON')
    .action(async (paths: string[], options: DirectoryOptions) => {
      const load = async () => await import('./directory-import.ts');
      await run(async () => await (await load()).runDirectoryImport(paths, options));
    });
  add('list', 'Prints whose certificates are held.')
    .option('--json', 'one JSON object a line')
    .action(async (options: DirectoryOptions) => {
      await run(async () => await (await import('./directory.ts')).runDirectoryList(options));
    });
  add('show', 'Prints the certificates of an address.')
    .argument('<address>', 'a mail address of ours')
    .option('--json', 'one JSON object a line')
    .action(async (address: string, options: DirectoryOptions) => {
      const load = async () => await import('./directory.ts');
      await run(async () => await (await load()).runDirectoryShow(address, options));
    });
  add('compact', 'Writes the store anew without what was replaced or removed.').action(
    async (options: DirectoryOptions) => {
      await run(async () => await (await import('./directory.ts')).runDirectoryCompact(options));
    },
  );
  add('remove', 'Publishes nothing more for an address.')
    .argument('<address>', 'a mail address of ours')
    .action(async (address: string, options: DirectoryOptions) => {
      const load = async () => await import('./directory.ts');
      await run(async () => await (await load()).runDirectoryRemove(address, options));
    });
}
