import type { QueueId } from '@sallyport/mail';
import { putQueueFile, type Spool } from '@sallyport/spool';
import type { OutgoingFiles } from './ports.ts';

/** The outcome of a try could not be put on disk; nothing is sent before it is there. */
export class OutcomeUnsaved extends Error {
  override readonly name = 'OutcomeUnsaved';
}

/**
 * The folder `outgoing` of the spool. A state that the disk does not take (it is full, say) is kept
 * here: `read` writes it first, of whichever message, and throws while that fails. So a server that
 * took a message is not sent it again, and no more than the deliveries of that moment are kept.
 *
 * Limits: a process that ends before the disk takes it has forgotten it, as any crash between a
 * server's 250 and the disk (RFC 5321 section 6.1): one more copy.
 */
export function createOutgoingFiles(spool: Spool): OutgoingFiles {
  const unsaved = new Map<QueueId, unknown>();
  let saving: Promise<void> | null = null;
  const saveAll = async (): Promise<void> => {
    for (const [id, state] of unsaved) {
      try {
        await spool.writeState('outgoing', id, state);
      } catch (cause) {
        throw new OutcomeUnsaved(`the outcome of ${id} cannot be written`, { cause });
      }
      unsaved.delete(id);
    }
  };
  return {
    read: async (id) => {
      if (unsaved.size > 0) {
        // One at a time: what is written late must not replace what a next try wrote.
        saving ??= saveAll().finally(() => {
          saving = null;
        });
        await saving;
      }
      return await spool.read('outgoing', id);
    },
    readState: (id) => spool.readState('outgoing', id),
    writeState: async (id, state) => {
      try {
        await spool.writeState('outgoing', id, state);
      } catch (cause) {
        unsaved.set(id, state);
        throw cause;
      }
    },
    remove: async (id) => {
      await spool.remove('outgoing', id);
      unsaved.delete(id);
    },
    quarantine: async (id, reason) => {
      await spool.quarantine('outgoing', id, reason);
    },
    put: async (folder, header, content) => {
      await putQueueFile(spool, folder, { header, content, reader: 'worker' });
    },
  };
}
