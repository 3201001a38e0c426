import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { NoPeer } from './peer.ts';

/** A program that takes a command a line and answers each with `ok` or why not. */
export interface HeldOpen extends AsyncDisposable {
  /** @throws NoPeer with the answer, if that is not `ok`. */
  ask(...words: readonly string[]): Promise<void>;
  /** The next line that it says by itself. */
  line(): Promise<string>;
}

export function holdOpen(command: string, args: readonly string[]): HeldOpen {
  const child = spawn(command, [...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next: IteratorResult<string, undefined> = await answers.next();
    if (next.done === true) throw new Error(`${command} ended`);
    return next.value;
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    line,
    ask: async (...words) => {
      // One answer belongs to one question: callers at once wait for each other.
      const asked = last.then(async () => {
        child.stdin.write(`${words.join(' ')}\n`);
        return await line();
      });
      last = asked.catch(() => undefined);
      const answer = await asked;
      if (answer !== 'ok') throw new NoPeer(`${words[0]}: ${answer}`);
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
