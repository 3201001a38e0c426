import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { registerAccount } from './commands/register-account.ts';
import { registerAudit } from './commands/register-audit.ts';
import { registerDirectory } from './commands/register-directory.ts';
import { registerGateway } from './commands/register-gateway.ts';
import { registerKey } from './commands/register-key.ts';
import { registerMessage } from './commands/register-message.ts';
import { registerCert, registerPartner } from './commands/register-partner.ts';
import { registerQueue } from './commands/register-queue.ts';
import { registerTlsReport } from './commands/register-tls-report.ts';
import { registerUser } from './commands/register-user.ts';

/** Beside the installed code and written by whoever may write that: nobody else can plant code in it. */
const COMPILE_CACHE = new URL('../../../node_modules/.cache/sallyport', import.meta.url);

/** All commands; each loads its code only when it is run. */
export function buildProgram(): Command {
  // Halves the time to start; where the folder cannot be written nothing else changes. The
  // gateway's processes, keyholder among them, do not inherit it.
  enableCompileCache(fileURLToPath(COMPILE_CACHE));
  const program = new Command('sallyport')
    .description(
      'A secure messaging gateway for mail: domain signatures and domain encryption (RFC 3183).',
    )
    .version('0.1.0')
    // An option after a command is the command's: partner export --version 2.
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for what it takes)');
  registerGateway(program);
  registerKey(program);
  registerPartner(program);
  registerCert(program);
  registerMessage(program);
  registerQueue(program);
  registerTlsReport(program);
  registerAudit(program);
  registerUser(program);
  registerAccount(program);
  registerDirectory(program);
  return program;
}
