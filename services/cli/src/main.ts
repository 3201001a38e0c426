#!/usr/bin/env node
/**
 * sallyport: the only program that people type.
 *
 * Reads     what its command names: config, policy, keys, logs, messages.
 * Writes    what its command says it writes; nothing else.
 * Trusts    the person at the keyboard, with the rights of their account.
 * Exposure  none of its own; talks to a gateway's Unix sockets.
 */
import { buildProgram } from './program.ts';

if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(
    'sallyport needs Node 24 or newer; start it with npm run or npx --no sallyport.\n',
  );
  process.exit(1);
}
await buildProgram().parseAsync();
