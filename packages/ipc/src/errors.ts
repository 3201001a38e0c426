import type { FaultId } from '@sallyport/faults';

/** Why a call has no answer. `busy`: our own bound of calls in flight is reached. */
export type UnavailableKind = 'connect' | 'lost' | 'deadline' | 'aborted' | 'busy' | 'closed';

/** The peer gave no answer; whether it did the work is unknown unless `kind` is `connect` or `busy`. */
export class IpcUnavailable extends Error {
  readonly kind: UnavailableKind;

  constructor(kind: UnavailableKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'IpcUnavailable';
    this.kind = kind;
  }
}

/** The peer answered and refused. `fault` is null where the caller broke the protocol or a rule of it. */
export class IpcRefused extends Error {
  readonly fault: FaultId | null;

  constructor(fault: FaultId | null, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'IpcRefused';
    this.fault = fault;
  }
}
