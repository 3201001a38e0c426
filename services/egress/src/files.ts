import type { QueueId } from '@sallyport/mail';
import type { Spool } from '@sallyport/spool';
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
      // A report's id is in the state: after a kill its half-written file is found here again.
      await spool.discardLeftOver(header.id);
      const writer = await spool.create('tmp', header, 'worker');
      try {
        for await (const chunk of content.open()) await writer.write(chunk);
        await writer.finish({ syncNow: true });
      } catch (error) {
        await writer.abort();
        throw error;
      }
      await spool.commit(header.id, 'tmp', folder);
    },
  };
}
