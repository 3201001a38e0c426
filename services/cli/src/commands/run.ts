/** A failure that people are told in one sentence; nothing of it is a surprise. */
export class Complaint extends Error {
  override readonly name = 'Complaint';
}

const ERRNO: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'you may not',
  EPERM: 'you may not',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  EEXIST: 'it exists already',
  ENOSPC: 'the disk is full',
};

/** One sentence for any error, without a stack. */
export function sentenceOf(error: unknown): string {
  if (error instanceof Complaint) return error.message;
  if (!(error instanceof Error)) return `Something unexpected went wrong: ${String(error)}.`;
  const { code, path } = error as NodeJS.ErrnoException;
  const reason = code === undefined ? undefined : ERRNO[code];
  if (reason !== undefined && path !== undefined) return `Cannot use ${path}: ${reason}.`;
  const [first = ''] = error.message.split('\n');
  return `Something unexpected went wrong: ${first.replace(/\.$/, '')}.`;
}

/** For options that may stand several times: each takes one value, so none swallows a file name. */
export function several(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

const CLOSED_PIPE_EXIT_CODE = 141;

/** Runs a command's action: its number is the exit code, whatever it throws is one sentence and 1. */
export async function run(action: () => Promise<number>): Promise<void> {
  // A reader that has seen enough (`| head`) is no failure worth a stack.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(CLOSED_PIPE_EXIT_CODE);
    process.stderr.write(`${sentenceOf(error)}\n`);
    process.exit(1);
  });
  try {
    process.exitCode = await action();
  } catch (error) {
    process.stderr.write(`${sentenceOf(error)}\n`);
    process.exitCode = 1;
  }
}
