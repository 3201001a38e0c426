import { formatMailbox } from '@sallyport/mail';
import type { Door, DoorEvent, DoorQuery, LocatePorts } from '../locate-types.ts';
import { wantedNames } from '../names.ts';
import { startTelling } from './teller.ts';

const MAX_CERTIFICATES = 16;

/** Certificates that came with verified mail. They are candidates like those of any other door. */
export const harvestedDoor: Door = { name: 'harvested', cached: false, search };

async function* search(query: DoorQuery, ports: LocatePorts): AsyncGenerator<DoorEvent> {
  for (const { binding, mailbox } of wantedNames(query)) {
    if (mailbox === null) continue;
    const address = formatMailbox(mailbox);
    const tell = startTelling({ door: 'harvested', query: `kept from mail of ${address}` });
    const certificates = (await ports.harvested?.(mailbox)) ?? [];
    yield tell(
      certificates.length > 0 ? 'found' : 'nothing',
      `${certificates.length} certificate(s)`,
    );
    for (const der of certificates.slice(0, MAX_CERTIFICATES)) {
      yield {
        kind: 'candidate',
        candidate: { der, door: 'harvested', binding, source: `mail of ${address}` },
      };
    }
  }
}
