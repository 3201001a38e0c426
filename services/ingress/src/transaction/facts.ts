import type { AuditEvent } from '@sallyport/audit-log';
import type { ReplyFaultId } from '@sallyport/faults';
import type { ClientFacts } from '@sallyport/ipc';
import type { Logger, Metrics } from '@sallyport/log';
import {
  type Clock,
  type Domain,
  formatMailbox,
  formatReversePath,
  isReservedLocalPart,
  type Mailbox,
  type QueueId,
  type ReversePath,
} from '@sallyport/mail';
import type { QueueFileHeader } from '@sallyport/spool';
import type { IngressPorts } from '../ports.ts';
import type { MailCommand, RecipientCommand, SessionFacts } from '../smtp/types.ts';

export type ListenerKind = ClientFacts['listener'];

/** What the transactions of all listeners share. */
export interface Surroundings {
  readonly ports: IngressPorts;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Left out: nobody counts. */
  readonly metrics?: Metrics;
  /** Our name in the trace. */
  readonly name: string;
  readonly ownDomains: ReadonlySet<Domain>;
  readonly judgeDeadlineMs: number;
  readonly maxMessageBytes: number;
}

export function clientFacts(facts: SessionFacts, listener: ListenerKind): ClientFacts {
  const { address, port, helo, tls, login, front } = facts;
  return { address, port, helo, tls, login, listener, ...(front === undefined ? {} : { front }) };
}

/** RFC 3183 section 3.1.1: names of the authorities, which are never mailboxes. */
export function isReserved(mailbox: Mailbox): boolean {
  return isReservedLocalPart(mailbox.localPart);
}

/** RFC 5321 section 4.5.1. */
export function isPostmaster(mailbox: Mailbox): boolean {
  return mailbox.localPart.toLowerCase() === 'postmaster';
}

/** The clear header of a queue file is bounded; recipients get this much of it. */
const MAX_RECIPIENT_OCTETS = 44 * 1024;
const OCTETS_PER_RECIPIENT = 64;

/** The envelope of one transaction as it grows. */
export class OpenEnvelope {
  readonly mail: MailCommand;
  readonly #recipients: RecipientCommand[] = [];
  #octets = 0;

  constructor(mail: MailCommand) {
    this.mail = mail;
  }

  get reversePath(): string {
    return formatReversePath(this.mail.reversePath);
  }

  get forwardPaths(): string[] {
    return this.#recipients.map(({ forwardPath }) => formatMailbox(forwardPath));
  }

  /** Exactly the same: whether case matters in a local-part is for its own domain to say. */
  #has({ localPart, domain }: Mailbox): boolean {
    return this.#recipients.some(
      ({ forwardPath }) => forwardPath.localPart === localPart && forwardPath.domain === domain,
    );
  }

  /** A recipient that comes twice stays one; null means taken. */
  add(recipient: RecipientCommand): ReplyFaultId | null {
    if (this.#has(recipient.forwardPath)) return null;
    const { notify, orcpt } = recipient.parameters;
    const octets =
      OCTETS_PER_RECIPIENT +
      Buffer.byteLength(formatMailbox(recipient.forwardPath)) +
      Buffer.byteLength(orcpt ?? '') +
      (notify ?? []).join().length;
    if (this.#octets + octets > MAX_RECIPIENT_OCTETS) return 'too-many-recipients';
    this.#octets += octets;
    this.#recipients.push(recipient);
    return null;
  }

  header(of: {
    readonly id: QueueId;
    readonly createdAt: Date;
    readonly origin: 'outward' | 'inward';
    readonly client: ClientFacts;
    /** DS-G1: why the originator counts as authentic. */
    readonly evidence: string | null;
  }): QueueFileHeader {
    const { parameters } = this.mail;
    return {
      version: 1,
      id: of.id,
      createdAt: of.createdAt.toISOString(),
      origin: of.origin,
      reversePath: this.reversePath,
      forwardPaths: this.#recipients.map(({ forwardPath, parameters: { notify, orcpt } }) => ({
        path: formatMailbox(forwardPath),
        ...(notify === null ? {} : { notify: [...notify] }),
        ...(orcpt === null ? {} : { orcpt }),
      })),
      client: of.client,
      evidence: of.evidence,
      dsn: {
        ...(parameters.ret === null ? {} : { ret: parameters.ret }),
        ...(parameters.envid === null ? {} : { envid: parameters.envid }),
      },
      smtpUtf8: parameters.smtpUtf8,
      eightBit: parameters.eightBit,
      requireTls: parameters.requireTls,
      extra: {},
    };
  }
}

/** More recipients than this share the last field: an event holds a bounded number of them. */
const MAX_NAMED_RECIPIENTS = 40;
const MAX_FIELD_CHARS = 4_000;

/** The personal facts of an event: hashed with salt in the log. */
export function personalFacts(of: {
  readonly client: ClientFacts;
  readonly reversePath: string | null;
  readonly forwardPaths: readonly string[];
}): Record<string, string> {
  const personal: Record<string, string> = { clientAddress: of.client.address };
  if (of.client.helo !== '') personal['helo'] = of.client.helo;
  if (of.client.front !== undefined) personal['frontAddress'] = of.client.front.address;
  if (of.client.login !== null) personal['login'] = of.client.login;
  if (of.reversePath !== null) personal['reversePath'] = of.reversePath;
  of.forwardPaths.slice(0, MAX_NAMED_RECIPIENTS).forEach((path, index) => {
    personal[index === 0 ? 'forwardPath' : `forwardPath.${index}`] = path;
  });
  const rest = of.forwardPaths.slice(MAX_NAMED_RECIPIENTS).join(' ');
  for (let part = 0; part * MAX_FIELD_CHARS < rest.length && part < 12; part += 1) {
    const from = part * MAX_FIELD_CHARS;
    personal[`forwardPathsMore.${part}`] = rest.slice(from, from + MAX_FIELD_CHARS);
  }
  return personal;
}

/** The `accepted` event of an envelope. */
export function acceptedEvent(of: {
  readonly header: QueueFileHeader;
  readonly client: ClientFacts;
  readonly sizeBytes: number;
}): AuditEvent {
  const { header, client } = of;
  return {
    kind: 'accepted',
    queueId: header.id,
    origin: header.origin,
    sizeBytes: of.sizeBytes,
    recipients: header.forwardPaths.length,
    listener: client.listener,
    ...(client.front === undefined ? {} : { behindFront: true }),
    ...(header.evidence === null ? {} : { evidence: header.evidence }),
    tls: client.tls === null ? null : { version: client.tls.version, cipher: client.tls.cipher },
    personal: personalFacts({
      client,
      reversePath: header.reversePath,
      forwardPaths: header.forwardPaths.map(({ path }) => path),
    }),
  };
}

/** True if the reverse-path is null or of one of our domains. */
export function isOwnReversePath(path: ReversePath, own: ReadonlySet<Domain>): boolean {
  return 'null' in path || own.has(path.domain);
}

/** What the schedules go by: the domain of the first recipient. */
export function destinationOf(header: Pick<QueueFileHeader, 'forwardPaths'>): string {
  return header.forwardPaths[0]?.path.split('@').at(-1) ?? '';
}
