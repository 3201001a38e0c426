import type { Command } from 'commander';

/** Adds a command to a group. */
export type Add = (name: string, description: string) => Command;

/** Adds commands that work on a gateway. */
export function onGateway(group: Command): Add {
  return (name, description) =>
    group
      .command(name)
      .description(description)
      .requiredOption('--config <file>', 'the gateway config');
}
