import { type IpcClient, IpcRefused, IpcUnavailable, type recorderProtocol } from '@sallyport/ipc';
import { type Recorder, RecorderUnavailable } from './ports.ts';

const KNOWN_ALIVE_MS = 1_000;

/** The recorder over its socket. An answer of the last second counts as being there. */
export function createRecorder(
  client: IpcClient<typeof recorderProtocol>,
  monotonicMs: () => number,
): Recorder {
  let aliveAt = Number.NEGATIVE_INFINITY;
  const asked = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    try {
      const result = await call();
      aliveAt = monotonicMs();
      return result;
    } catch (cause) {
      aliveAt = Number.NEGATIVE_INFINITY;
      const isDown = cause instanceof IpcUnavailable || isInternal(cause);
      if (isDown) throw new RecorderUnavailable('no answer from the recorder', { cause });
      throw cause;
    }
  };
  return {
    record: async (event, { durable }) => {
      await asked(() => client.call('record', { event, durable }));
    },
    ping: async () => {
      if (monotonicMs() - aliveAt < KNOWN_ALIVE_MS) return;
      await asked(() => client.call('head', {}));
    },
  };
}

/** A recorder that answers with a fault cannot write; one that refuses an event is a bug of ours. */
function isInternal(cause: unknown): boolean {
  return cause instanceof IpcRefused && cause.fault !== null;
}
