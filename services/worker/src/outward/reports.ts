import { type DsnRecipient, formatDsn } from '@sallyport/dsn';
import { enhancedCode, type FaultId, faultOf } from '@sallyport/faults';
import {
  bufferContent,
  type Clock,
  type Content,
  type Domain,
  isNullPath,
  type Mailbox,
  newQueueId,
  parseMailbox,
  parseReversePath,
  type QueueId,
  readContent,
} from '@sallyport/mail';
import { putQueueFile, type QueueFileHeader, reportHeader, type Spool } from '@sallyport/spool';
import type { Recorder } from '../shared/ports.ts';

export interface ReportPorts {
  readonly spool: Spool;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly gatewayName: string;
  readonly ownDomains: ReadonlySet<string>;
  /** Tells the schedule that there is a new message in `incoming`. */
  readonly added: (id: QueueId) => Promise<void>;
}

export interface Report {
  readonly action: 'failed' | 'delayed';
  readonly fault: FaultId;
  readonly sentence: string;
  readonly recipients: readonly QueueFileHeader['forwardPaths'][number][];
  readonly willRetryUntil?: Date;
}

const MAX_RETURNED_BYTES = 256 * 1024;

/**
 * Tells the author what became of a message (RFC 3464): a new message of origin `gateway`.
 * Nothing goes to the null reverse-path (RFC 5321 section 4.5.5), nor where NOTIFY says no
 * (RFC 3461 section 4.1).
 *
 * @returns whether anybody is told.
 */
export async function reportToAuthor(
  header: QueueFileHeader,
  content: Content,
  report: Report,
  ports: ReportPorts,
): Promise<boolean> {
  const to = parseReversePath(header.reversePath);
  if (to === null || isNullPath(to)) return false;
  // A path that is no address cannot be named in a report (RFC 3464 section 2.3.2).
  const wanted = report.recipients.filter(
    (one) => isWanted(one, report.action) && parseMailbox(one.path) !== null,
  );
  if (wanted.length === 0) return false;
  const now = ports.clock.now();
  const id = newQueueId(now);
  const dsn = await formatReport({ header, content, report, wanted, id, now, to, ports });
  const { action, fault } = report;
  await putQueueFile(
    ports.spool,
    'incoming',
    { header: reportHeader(header, id, now), content: dsn, reader: 'worker' },
    () =>
      ports.recorder.record(
        { kind: 'dsn-created', queueId: header.id, dsnId: id, action, fault },
        true,
      ),
  );
  await ports.added(id);
  return true;
}

function isWanted(
  recipient: QueueFileHeader['forwardPaths'][number],
  action: Report['action'],
): boolean {
  const { notify } = recipient;
  if (notify === undefined) return true;
  return notify.includes(action === 'failed' ? 'FAILURE' : 'DELAY');
}

interface FormatInput {
  readonly header: QueueFileHeader;
  readonly content: Content;
  readonly report: Report;
  readonly wanted: Report['recipients'];
  readonly id: QueueId;
  readonly now: Date;
  readonly to: Parameters<typeof formatDsn>[0]['to'];
  readonly ports: ReportPorts;
}

async function formatReport(input: FormatInput): Promise<Content> {
  const { header, content, report, wanted, id, now, to, ports } = input;
  const status = enhancedCode(report.fault, report.action === 'failed' ? 'permanent' : 'transient');
  // RFC 8689 section 5: of a message that demands TLS the header alone goes back.
  const mayReturnAll = header.dsn.ret === 'FULL' && !header.requireTls;
  const full = mayReturnAll && content.sizeBytes <= MAX_RETURNED_BYTES;
  const [first, ...others] = wanted.flatMap((one) => dsnRecipient(one, report, status, now));
  if (first === undefined) throw new Error('a report without recipients');
  return formatDsn({
    reportingMta: ports.gatewayName,
    arrivalDate: new Date(header.createdAt),
    ...(header.dsn.envid === undefined ? {} : { envid: header.dsn.envid }),
    originalMessage: {
      header: await headerBytes(content),
      ...(full ? { content: bufferContent(await readContent(content)) } : {}),
    },
    ret: full ? 'full' : 'hdrs',
    recipients: [first, ...others],
    to,
    from: { display: 'Mail gateway', mailbox: postmasterFor(to, ports.ownDomains) },
    messageId: `<${id}@${ports.gatewayName}>`,
    date: now,
    queueId: header.id,
  });
}

function dsnRecipient(
  recipient: Report['recipients'][number],
  report: Report,
  status: string,
  now: Date,
): DsnRecipient[] {
  const finalRecipient = parseMailbox(recipient.path);
  if (finalRecipient === null) return [];
  return [
    {
      finalRecipient,
      ...(recipient.orcpt === undefined ? {} : { originalRecipient: recipient.orcpt }),
      action: report.action,
      status,
      lastAttempt: now,
      ...(report.willRetryUntil === undefined ? {} : { willRetryUntil: report.willRetryUntil }),
      sentence: report.sentence,
      advice: faultOf(report.fault).advice,
    },
  ];
}

/** Reports to our own people come from their own domain, others from our first one. */
function postmasterFor(to: Mailbox, ownDomains: ReadonlySet<string>): Mailbox {
  const [first] = ownDomains;
  const domain = ownDomains.has(to.domain) ? to.domain : ((first ?? to.domain) as Domain);
  return { localPart: 'postmaster', domain };
}

async function headerBytes(content: Content): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content.open()) {
    chunks.push(chunk);
    length += chunk.length;
    const end = Buffer.concat(chunks).indexOf('\r\n\r\n');
    if (end >= 0) return Buffer.concat(chunks).subarray(0, end + 2);
    if (length > MAX_RETURNED_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_RETURNED_BYTES);
}
