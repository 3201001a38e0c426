import type { OutwardPorts } from './job.ts';
import { reportToAuthor } from './reports.ts';

/** Returns held messages that nobody released in time; one from outside is dropped with a record. */
export async function expireHeld(ports: OutwardPorts, expiryMs: number): Promise<void> {
  const oldest = ports.clock.now().getTime() - expiryMs;
  for await (const id of ports.spool.list('hold')) {
    const found = await ports.spool.readHeader('hold', id);
    if (found.kind !== 'ok' || Date.parse(found.header.createdAt) > oldest) continue;
    const sentence = 'Returned: nobody released the held message in time.';
    const stored = await ports.spool.read('hold', id);
    if (stored.kind === 'ok' && stored.header.origin === 'outward') {
      const recipients = stored.header.forwardPaths;
      const report = { action: 'failed', fault: 'hold-expired', sentence, recipients } as const;
      await reportToAuthor(stored.header, stored.content, report, ports);
    }
    await ports.recorder.record(
      { kind: 'expired', queueId: id, fault: 'hold-expired', sentence },
      true,
    );
    await ports.spool.remove('hold', id);
  }
}
