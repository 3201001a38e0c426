import type { FaultEntry } from './entry.ts';

/** Faults: anywhere. */
export const ANYWHERE_FAULTS = {
  internal: {
    class: 'transient',
    code: 451,
    detail: '3.0',
    text: 'local error in processing',
    advice: 'Try again later; the operator finds the cause in the log under the queue id.',
  },
  overloaded: {
    class: 'transient',
    code: 421,
    detail: '3.2',
    text: 'too busy, try again later',
    advice: 'Try again later.',
  },
  'shutting-down': {
    class: 'transient',
    code: 421,
    detail: '3.2',
    text: 'service is closing',
    advice: 'Try again in a minute.',
  },
  'recorder-unavailable': {
    class: 'transient',
    code: 451,
    detail: '3.0',
    text: 'local error in processing',
    advice: 'The operator must bring the recorder back; nothing is accepted or signed without it.',
  },
  'keyholder-unavailable': {
    class: 'transient',
    code: 451,
    detail: '3.0',
    text: 'local error in processing',
    advice: 'The operator must bring the keyholder back; nothing is signed or opened without it.',
  },
  'worker-unavailable': {
    class: 'transient',
    code: 451,
    detail: '3.0',
    text: 'local error in processing',
    advice: 'The operator must bring the worker back.',
  },
} as const satisfies Record<string, FaultEntry>;
