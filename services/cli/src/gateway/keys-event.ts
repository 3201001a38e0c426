import type { AuditEvent } from '@sallyport/audit-log';
import type { KeyStep } from '@sallyport/ipc';
import { certificateOf } from './keys.ts';
import type { KeyChange } from './keys-change.ts';

const EVENTS = {
  generate: 'key-generated',
  certify: 'key-certified',
  activate: 'key-activated',
  retire: 'key-retired',
  reopen: 'key-reopened',
  destroy: 'key-destroyed',
} as const satisfies Record<KeyStep, AuditEvent['kind']>;

/** What the audit log says of one step: the states before and after, and which certificate. */
export function keyEvent({ from, step, record }: KeyChange): AuditEvent {
  const fingerprint = certificateOf(record)?.fingerprint;
  return {
    // A key that comes with its certificate was made elsewhere.
    kind: from === null && step === 'certify' ? 'key-imported' : EVENTS[step],
    keyId: record.keyId,
    class: record.class,
    domain: record.domain,
    algorithm: record.algorithm,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(from === null ? {} : { from }),
    state: record.state,
  };
}
