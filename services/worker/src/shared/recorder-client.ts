import { connectSocket, IpcRefused, IpcUnavailable, recorderProtocol } from '@sallyport/ipc';
import { type Recorder, Unavailable } from './ports.ts';

const DEADLINE_MS = 10_000;

export function createRecorder(path: string): Recorder {
  const client = connectSocket({ path, protocol: recorderProtocol, deadlineMs: DEADLINE_MS });
  return {
    record: async (event, durable) => {
      try {
        await client.call('record', { event, durable });
      } catch (cause) {
        if (cause instanceof IpcUnavailable || cause instanceof IpcRefused) {
          throw new Unavailable('recorder-unavailable', { cause });
        }
        throw cause;
      }
    },
  };
}
