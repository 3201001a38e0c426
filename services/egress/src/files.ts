import type { QueueId } from '@sallyport/mail';
import { putQueueFile, type Spool } from '@sallyport/spool';
import type { OutgoingFiles } from './ports.ts';

/** The folder `outgoing` of the spool. */
export function createOutgoingFiles(spool: Spool): OutgoingFiles {
  return {
    read: (id) => spool.read('outgoing', id),
    readState: (id) => spool.readState('outgoing', id),
    writeState: (id, state) => spool.writeState('outgoing', id, state),
    remove: async (id: QueueId) => {
      await spool.remove('outgoing', id);
    },
    quarantine: async (id, reason) => {
      await spool.quarantine('outgoing', id, reason);
    },
    put: async (folder, header, content) => {
      await putQueueFile(spool, folder, { header, content, reader: 'worker' });
    },
  };
}
