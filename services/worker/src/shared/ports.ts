import type { AuditEvent } from '@sallyport/audit-log';
import type { FaultId } from '@sallyport/faults';

/** Writes audit events. */
export interface Recorder {
  /**
   * @throws RecorderUnavailable if the event could not be taken; nothing that depends on it may go on.
   */
  record(event: AuditEvent, durable: boolean): Promise<void>;
}

/** An outage that a job meets: the work waits under this fault and is tried again. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
  readonly fault: FaultId;

  constructor(fault: FaultId, options?: ErrorOptions) {
    super(fault, options);
    this.fault = fault;
  }
}
