import { FAULTS, type FaultId, faultOf } from '@sallyport/faults';
import { type Clock, type Content, isNullPath, parseReversePath } from '@sallyport/mail';
import { type QueueFileHeader, reportHeader } from '@sallyport/spool';
import type { DeliveryState, PlannedReport, RecipientState } from './delivery-state.ts';
import type {
  OutgoingFiles,
  Recorder,
  Report,
  ReportFormatter,
  ReportRecipient,
  WorkerHint,
} from './ports.ts';
import { mayReport } from './settle.ts';

export interface FlushPorts {
  readonly files: OutgoingFiles;
  readonly recorder: Recorder;
  readonly formatter: ReportFormatter;
  readonly worker: WorkerHint;
  readonly clock: Clock;
}

interface Message {
  readonly header: QueueFileHeader;
  readonly content: Content;
}

const MAX_RETURNED_BYTES = 256 * 1024;

/**
 * Tells the recorder what was done and writes the reports that are due; what it returns has
 * neither left.
 *
 * @throws RecorderUnavailable; the state as it was then stays on disk for the next time.
 */
export async function flush(
  message: Message,
  state: DeliveryState,
  ports: FlushPorts,
): Promise<DeliveryState> {
  for (const event of state.outbox) await ports.recorder.record(event, { durable: false });
  for (const planned of state.reports) {
    if (planned.action === 'hold') await holdFailed(message, planned, { state, ports });
    else await report(message, planned, { state, ports });
  }
  return { ...state, outbox: [], reports: [] };
}

interface Given {
  readonly state: DeliveryState;
  readonly ports: FlushPorts;
}

async function report(message: Message, planned: PlannedReport, given: Given): Promise<void> {
  const { state, ports } = given;
  const { header } = message;
  const to = parseReversePath(header.reversePath);
  const { action } = planned;
  if (action === 'hold' || to === null || isNullPath(to) || !mayReport(header)) return;
  const firstFault = planned.recipients.map((at) => state.recipients[at]?.fault).find(Boolean);
  const content = await ports.formatter.format({
    id: planned.id,
    action,
    fault: firstFault ?? null,
    header,
    recipients: planned.recipients.flatMap((at) => reportRecipient(header, state, { at, action })),
    original: await originalOf(message),
    now: ports.clock.now(),
    willRetryUntil: planned.willRetryUntil === null ? null : new Date(planned.willRetryUntil),
  });
  await ports.recorder.record(
    {
      kind: 'dsn-created',
      queueId: header.id,
      dsnId: planned.id,
      action,
      ...(firstFault ? { fault: firstFault } : {}),
    },
    { durable: true },
  );
  await ports.files.put('incoming', reportHeader(header, planned.id, ports.clock.now()), content);
  ports.worker.incoming(planned.id);
}

function reportRecipient(
  header: QueueFileHeader,
  state: DeliveryState,
  { at, action }: { readonly at: number; readonly action: Report['action'] },
): ReportRecipient[] {
  const recipient = state.recipients[at];
  const path = header.forwardPaths[at];
  if (recipient === undefined || path === undefined) return [];
  return [
    {
      path: path.path,
      orcpt: path.orcpt,
      status: statusOf(recipient, action),
      sentence: sentenceOf(recipient),
      advice: recipient.fault === null ? '' : faultOf(recipient.fault).advice,
      reply: recipient.reply,
    },
  ];
}

function sentenceOf(recipient: RecipientState): string {
  if (recipient.fault === null) return recipient.sentence;
  const text = `${FAULTS[recipient.fault].text}: ${recipient.sentence}`;
  return recipient.status === 'expired' ? `${FAULTS.expired.text}; ${text}` : text;
}

/** The remote code where there is one of the right class, else that of our fault (RFC 3464 2.3.4). */
function statusOf(recipient: RecipientState, action: Report['action']): string {
  const digit = { failed: '5', delayed: '4', relayed: '2' }[action];
  const remote = recipient.reply?.enhanced ?? null;
  if (remote?.startsWith(digit) === true) return remote;
  if (action === 'relayed') return '2.0.0';
  const fault: FaultId = recipient.fault ?? 'internal';
  // RFC 3463 section 3.8: what TLS lacked says more than that the time ran out (X.4.7)
  if (recipient.status === 'expired' && !fault.startsWith('tls-')) {
    return `${digit}.${FAULTS.expired.detail}`;
  }
  return `${digit}.${FAULTS[fault].detail}`;
}

/**
 * What may go back: of our own author's message the header, or all with RET=FULL; of a partner's
 * message only the outer header as it came, never what we have decrypted.
 */
async function originalOf({ header, content }: Message): Promise<Report['original']> {
  if (header.origin === 'inward') {
    const outer = header.extra['outerHeader'];
    return typeof outer === 'string'
      ? { header: Buffer.from(outer, 'latin1'), content: null }
      : null;
  }
  const full = header.dsn.ret === 'FULL' && !header.requireTls;
  return {
    header: await headerBytes(content),
    content: full && content.sizeBytes <= MAX_RETURNED_BYTES ? content : null,
  };
}

async function headerBytes(content: Content): Promise<Buffer> {
  let bytes: Buffer = Buffer.alloc(0);
  for await (const chunk of content.open()) {
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf('\r\n\r\n');
    if (end !== -1) return bytes.subarray(0, end + 2);
    if (bytes.length > MAX_RETURNED_BYTES) break;
  }
  const end = bytes.lastIndexOf('\r\n', MAX_RETURNED_BYTES);
  return bytes.subarray(0, end === -1 ? 0 : end + 2);
}

/** Keeps the message for a security admin, for the recipients that failed. */
async function holdFailed(message: Message, planned: PlannedReport, given: Given): Promise<void> {
  const { state, ports } = given;
  const { header, content } = message;
  const [first = 0] = planned.recipients;
  const fault = state.recipients[first]?.fault ?? 'internal';
  const why = state.recipients[first]?.sentence ?? '';
  const sentence = `not delivered, and its author is not proven, so it cannot go back: ${why}`;
  await ports.recorder.record(
    { kind: 'held', queueId: header.id, heldId: planned.id, fault, sentence },
    { durable: true },
  );
  const held: QueueFileHeader = {
    ...header,
    id: planned.id,
    forwardPaths: planned.recipients.flatMap((at) => header.forwardPaths[at] ?? []),
    extra: { ...header.extra, hold: { fault, sentence, rule: 'egress' }, heldFrom: header.id },
  };
  await ports.files.put('hold', held, content);
}
