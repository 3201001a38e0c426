import { Command } from 'commander';
import { registerAudit } from './commands/register-audit.ts';
import { registerGateway } from './commands/register-gateway.ts';
import { registerMessage } from './commands/register-message.ts';
import { registerQueue } from './commands/register-queue.ts';

/** All commands; each loads its code only when it is run. */
export function buildProgram(): Command {
  const program = new Command('sallyport')
    .description(
      'A secure messaging gateway for mail: domain signatures and domain encryption (RFC 3183).',
    )
    .version('0.1.0')
    .showHelpAfterError('(add --help for what it takes)');
  registerGateway(program);
  registerMessage(program);
  registerQueue(program);
  registerAudit(program);
  return program;
}
