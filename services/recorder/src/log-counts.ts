import type { AuditEvent } from '@sallyport/audit-log';
import type { Notice } from '@sallyport/ipc';
import type { Metrics } from '@sallyport/log';

/** Notices that are kept for who asks late; older ones are in the log. */
const MAX_KEPT = 500;

/** Counts what the log holds: so a figure on a dashboard and the log say the same. */
export class LogCounts {
  readonly #metrics: Metrics;
  #notices: Notice[] = [];

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    metrics.set('sallyport_audit_writable', {}, 1);
  }

  /** A commit is on the disk; `first` is the index of its first event. */
  committed(
    events: readonly AuditEvent[],
    of: { readonly first: number; readonly seconds: number; readonly now: Date },
  ): void {
    const metrics = this.#metrics;
    metrics.add('sallyport_audit_events_total', {}, events.length);
    metrics.observe('sallyport_audit_commit_duration_seconds', {}, of.seconds);
    metrics.set('sallyport_audit_leaves', {}, of.first + events.length);
    metrics.set('sallyport_audit_writable', {}, 1);
    for (const [i, event] of events.entries()) {
      count(event, metrics);
      const sentence = noticeOf(event);
      if (sentence !== null) {
        metrics.add('sallyport_notices_total', { kind: event.kind });
        this.#keep({
          ...{ index: of.first + i, kind: event.kind, sentence },
          time: of.now.toISOString(),
        });
      }
    }
  }

  /** The disk did not take a commit. */
  failed(): void {
    this.#metrics.add('sallyport_audit_write_failures_total', {});
    this.#metrics.set('sallyport_audit_writable', {}, 0);
  }

  /** Notices after an index, oldest first. */
  notices(after: number): readonly Notice[] {
    return this.#notices.filter(({ index }) => index > after);
  }

  #keep(notice: Notice): void {
    this.#notices.push(notice);
    if (this.#notices.length > MAX_KEPT) this.#notices = this.#notices.slice(-MAX_KEPT / 2);
  }
}

function count(event: AuditEvent, metrics: Metrics): void {
  switch (event.kind) {
    case 'accepted':
      metrics.add('sallyport_accepted_messages_total', { direction: event.origin });
      return;
    case 'refused':
      metrics.add('sallyport_refusals_total', { stage: event.stage, fault: event.fault });
      return;
    case 'decided':
      metrics.add('sallyport_decisions_total', { decision: event.decision });
      return;
    case 'opened':
      if (event.decision !== undefined) {
        metrics.add('sallyport_judgements_total', { decision: event.decision });
      }
      return;
    case 'held':
      metrics.add('sallyport_held_messages_total', { fault: event.fault });
      return;
    case 'login':
      metrics.add('sallyport_logins_total', { outcome: event.outcome });
      return;
    default: // the others are facts that nobody counts
      return;
  }
}

/** What a person should hear of at once, in a sentence without personal facts; null for all else. */
function noticeOf(event: AuditEvent): string | null {
  switch (event.kind) {
    case 'partner-key-changed':
      return event.sentence ?? `${event.domain} shows another certificate than the pinned one.`;
    case 'log-recovered':
      return `The audit log was recovered: ${event.sentence ?? 'lines after the last head were cut'}. Verify it: sallyport audit verify.`;
    case 'key-quarantined':
      return event.sentence ?? `Key ${event.keyId} is left out: its record or file is broken.`;
    case 'duplicate-ciphertext':
      return `An encrypted key came again with other content and was refused (message ${event.queueId}): an attack, or a broken sender.`;
    case 'corrupt-found':
      return `A queue file of ${event.folder} cannot be read back and lies in corrupt (message ${event.queueId ?? 'unknown'}).`;
    default:
      return null;
  }
}
