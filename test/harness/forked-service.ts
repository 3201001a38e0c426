import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A service that was started as the supervisor does it. */
export interface ForkedService {
  readonly child: ChildProcess;
  /** Asks it to end, and fails the test unless it ends well. */
  stop(): Promise<void>;
}

/** Starts a service with its options file, until it says that it is ready. */
export async function forkService(main: URL, optionsFile: string): Promise<ForkedService> {
  const child = fork(main, [optionsFile], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const [said] = (await once(child, 'message')) as [unknown];
  assert.equal(said, 'ready');
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  };
  return { child, stop };
}
