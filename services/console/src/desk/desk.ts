import type { AuditIndex } from '@sallyport/audit-index';
import type { AuditEvent } from '@sallyport/audit-log';
import type {
  adviseProtocol,
  egressProtocol,
  hintProtocol,
  IpcClient,
  KeyDeskProtocol,
  KeyholderConsoleProtocol,
  recorderProtocol,
} from '@sallyport/ipc';
import type { Logger } from '@sallyport/log';
import type { Clock } from '@sallyport/mail';
import type { ConsoleOptions } from '../options.ts';
import { type AccountsDesk, createAccountsDesk } from './accounts.ts';
import { type AuditDesk, createAudit } from './audit.ts';
import { createDnsDesk, type DnsDesk } from './dns.ts';
import { createKeysDesk, type KeysDesk } from './keys.ts';
import { createLookDesk, type LookDesk } from './look.ts';
import { createMessages, type MessagesDesk } from './messages.ts';
import { createNow, type NowDesk } from './now.ts';
import { createPartnersDesk, type PartnersDesk } from './partners.ts';
import { createPolicyDesk, type PolicyDesk } from './policy.ts';
import { createQueue, type QueueDesk } from './queue.ts';
import { createReportsDesk, type ReportsDesk } from './reports.ts';
import { createSheetDesk, type SheetDesk } from './sheet.ts';
import { createSimulateDesk, type SimulateDesk } from './simulate.ts';

/** Connections to the other processes; each is made when it is first asked. */
export interface ConsoleSockets {
  readonly recorder: IpcClient<typeof recorderProtocol>;
  readonly advise: IpcClient<typeof adviseProtocol>;
  readonly outward: IpcClient<typeof hintProtocol>;
  readonly egress: IpcClient<typeof egressProtocol>;
  readonly keyholder: IpcClient<KeyholderConsoleProtocol>;
  readonly keyDesk: IpcClient<KeyDeskProtocol>;
}

export function closeSockets(sockets: ConsoleSockets): void {
  const { recorder, advise, outward, egress, keyholder, keyDesk } = sockets;
  for (const one of [recorder, advise, outward, egress, keyholder, keyDesk]) one.close();
}

/** What every operation works with. */
export interface DeskPorts {
  readonly options: ConsoleOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sockets: ConsoleSockets;
  /** Puts one event on record; answers when the disk has it. */
  readonly record: (event: AuditEvent) => Promise<void>;
  readonly index: AuditIndex;
}

/** All that can be done in the console: a page and an API route ask the same operation. */
export interface Desk {
  readonly ports: DeskPorts;
  readonly now: NowDesk;
  readonly messages: MessagesDesk;
  readonly queue: QueueDesk;
  readonly audit: AuditDesk;
  readonly keys: KeysDesk;
  readonly dns: DnsDesk;
  readonly reports: ReportsDesk;
  readonly policy: PolicyDesk;
  readonly partners: PartnersDesk;
  /** What is looked up at strangers. */
  readonly look: LookDesk;
  readonly simulation: SimulateDesk;
  /** What a partner needs of us. */
  readonly sheets: SheetDesk;
  readonly accounts: AccountsDesk;
}

export function createDesk(ports: DeskPorts): Desk {
  const keys = createKeysDesk(ports);
  const policy = createPolicyDesk(ports);
  const queue = createQueue(ports);
  const look = createLookDesk(ports.sockets.advise);
  const partners = createPartnersDesk(ports, { policy, look });
  const dns = createDnsDesk(ports, keys);
  const reports = createReportsDesk(ports, keys);
  return {
    ports,
    now: createNow(ports, { queue, reports, policy }),
    messages: createMessages(ports, queue),
    queue,
    audit: createAudit(ports),
    keys,
    dns,
    reports,
    policy,
    partners,
    look,
    simulation: createSimulateDesk(ports, policy),
    sheets: createSheetDesk(ports, { partners, keys, dns, look }),
    accounts: createAccountsDesk(ports),
  };
}
