/**
 * sallyport: the only program that people type.
 *
 * Reads     what its command names: config, policy, keys, logs, messages.
 * Writes    what its command says it writes; nothing else.
 * Trusts    the person at the keyboard, with the rights of their account.
 * Exposure  none of its own; talks to a gateway's Unix sockets.
 */
import { buildProgram } from './program.ts';

await buildProgram().parseAsync();
