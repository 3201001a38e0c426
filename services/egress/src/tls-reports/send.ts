import type { FetchPorts } from '@sallyport/lookup';
import { fetchBounded } from '@sallyport/lookup';
import type { Clock } from '@sallyport/mail';
import {
  type Mailbox,
  newQueueId,
  parseMailbox,
  parseQueueId,
  type QueueId,
} from '@sallyport/mail';
import { tlsReportHeader } from '@sallyport/spool';
import { readReportUris } from '@sallyport/transport';
import type { OutgoingFiles, Recorder, WorkerHint } from '../ports.ts';
import { type ComposedReport, reportMail } from './compose.ts';

const MAX_ANSWER_BYTES = 4 * 1024;
const POST_TIMEOUT_MS = 30_000;

export interface SendPorts {
  readonly files: Pick<OutgoingFiles, 'put'>;
  readonly recorder: Recorder;
  readonly worker: WorkerHint;
  readonly clock: Clock;
  readonly fetch: FetchPorts;
  /** In whose name reports are mailed. */
  readonly from: Mailbox;
}

/** What became of one attempt to send a report. */
export type Sent =
  | { readonly kind: 'sent'; readonly to: string }
  | { readonly kind: 'not-wanted' }
  | { readonly kind: 'again'; readonly reason: string };

/** Where a domain wants reports now. */
async function wantedAt(
  domain: string,
  { resolver }: FetchPorts,
): Promise<readonly string[] | null | 'unknown'> {
  const answer = await resolver.query(`_smtp._tls.${domain}`, 'TXT');
  if (answer.kind === 'failure') return 'unknown';
  return answer.kind === 'none' ? null : readReportUris(answer.records);
}

/**
 * Sends a report to the first place of the domain's record that takes it (RFC 8460 section 3). A
 * mail counts as sent once it is in the queue, which tries it from then on.
 *
 * @throws RecorderUnavailable; what the disk throws.
 */
export async function sendReport(
  composed: ComposedReport,
  plan: {
    /** Given by an attempt that did not come to its end. */
    readonly plannedId: string | null;
    /** Keeps the queue id before anything is written. */
    readonly keep: (id: QueueId) => Promise<void>;
  },
  ports: SendPorts,
): Promise<Sent> {
  const uris = await wantedAt(composed.domain, ports.fetch);
  if (uris === 'unknown') return { kind: 'again', reason: 'the TLSRPT record cannot be learnt' };
  if (uris === null) return { kind: 'not-wanted' };
  let reason = 'no address of its TLSRPT record can be used';
  for (const uri of uris) {
    const isMail = /^mailto:/i.test(uri);
    const failed = isMail
      ? await mail(uri, composed, plan, ports)
      : await post(uri, composed, ports);
    if (failed === null) return { kind: 'sent', to: uri };
    reason = failed;
  }
  return { kind: 'again', reason };
}

type Plan = Parameters<typeof sendReport>[1];

/** @returns null, or why not. */
async function mail(
  uri: string,
  composed: ComposedReport,
  { plannedId, keep }: Plan,
  { files, recorder, worker, clock, from }: SendPorts,
): Promise<string | null> {
  const to = mailboxOf(uri);
  if (to === null) return 'its mailto: is no mailbox';
  const now = clock.now();
  const known = plannedId === null ? null : parseQueueId(plannedId);
  const id = known ?? newQueueId(now);
  if (known === null) await keep(id);
  const content = reportMail(composed, { to, from, date: now, id });
  const header = tlsReportHeader(id, {
    to: `${to.localPart}@${to.domain}`,
    domain: composed.domain,
    now,
  });
  const { sizeBytes } = content;
  // The keyholder signs nothing that is not on record.
  const accepted = { kind: 'accepted', queueId: id, origin: 'gateway', sizeBytes } as const;
  await recorder.record({ ...accepted, recipients: 1, evidence: 'tls-report' }, { durable: true });
  await files.put('incoming', header, content);
  worker.incoming(id);
  return null;
}

/** RFC 6068: of a mailto the address alone. ASCII only: a report needs no SMTPUTF8. */
function mailboxOf(uri: string): Mailbox | null {
  const address = uri.slice('mailto:'.length).split('?')[0] ?? '';
  try {
    const text = decodeURIComponent(address);
    return /^[\x21-\x7e]{3,254}$/.test(text) ? parseMailbox(text) : null;
  } catch {
    return null;
  }
}

async function post(
  url: string,
  { packed }: ComposedReport,
  { fetch }: SendPorts,
): Promise<string | null> {
  const answer = await fetchBounded(
    {
      url,
      method: 'POST',
      body: packed,
      contentType: 'application/tlsrpt+gzip',
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: POST_TIMEOUT_MS,
    },
    fetch,
    AbortSignal.timeout(POST_TIMEOUT_MS),
  );
  if (answer.kind !== 'response') return answer.reason;
  // RFC 8460 section 5.4: typically 200 or 201
  return answer.status >= 200 && answer.status < 300 ? null : `HTTP status ${answer.status}`;
}
