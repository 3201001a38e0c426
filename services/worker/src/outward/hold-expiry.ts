import type { QueueId } from '@sallyport/mail';
import type { OutwardPorts } from './job.ts';
import { reportToAuthor } from './reports.ts';

/**
 * Returns held messages that nobody released in time; one from outside is dropped with a record.
 * One that cannot be settled now is tried again at the next scan; it does not keep the others.
 */
export async function expireHeld(ports: OutwardPorts, expiryMs: number): Promise<void> {
  const oldest = ports.clock.now().getTime() - expiryMs;
  for await (const id of ports.spool.list('hold')) {
    try {
      const found = await ports.spool.readHeader('hold', id);
      if (found.kind !== 'ok' || Date.parse(found.header.createdAt) > oldest) continue;
      await expireOne(id, ports);
    } catch (cause) {
      ports.logger.error('hold-expiry.failed', { queueId: id, cause });
    }
  }
}

async function expireOne(id: QueueId, ports: OutwardPorts): Promise<void> {
  const stored = await ports.spool.read('hold', id);
  if (stored.kind === 'gone') return;
  if (stored.kind === 'corrupt') {
    // What cannot be read back goes to `corrupt`, never away (design section 4).
    const { reason } = stored;
    const event = { kind: 'corrupt-found', queueId: id, folder: 'hold', reason } as const;
    await ports.recorder.record(event, true);
    await ports.spool.quarantine('hold', id, reason);
    return;
  }
  const sentence = 'Returned: nobody released the held message in time.';
  const { header, content } = stored;
  if (header.origin === 'outward') {
    const recipients = header.forwardPaths;
    const report = { action: 'failed', fault: 'hold-expired', sentence, recipients } as const;
    await reportToAuthor(header, content, report, ports);
  }
  const event = { kind: 'expired', queueId: id, fault: 'hold-expired', sentence } as const;
  await ports.recorder.record(event, true);
  await ports.spool.remove('hold', id);
}
