import type { Deadlines } from './types.ts';

/** Where a session stands. */
export type Mode =
  | 'handshake'
  | 'greeting'
  | 'command'
  | 'data'
  | 'verdict' // the data is complete, its reply is not sent
  | 'closing'
  | 'closed';

/** Milliseconds since each moment. */
export interface Waits {
  readonly sinceStart: number;
  readonly inMode: number;
  readonly sinceLastByte: number;
}

/** `cut` ends the connection without a word. */
export type Due = 'nothing' | 'cut' | 'command-timeout' | 'session-timeout';

/**
 * Which deadline is over. None of them is moved by single bytes, so a slow drip gains nothing;
 * a verdict has a deadline of its own, and its message is always answered.
 */
export function dueNow(mode: Mode, waits: Waits, deadlines: Deadlines): Due {
  const isOld = waits.sinceStart > deadlines.sessionMs;
  switch (mode) {
    case 'closing':
      return waits.inMode > deadlines.lingerMs ? 'cut' : 'nothing';
    case 'handshake':
      return isOld || waits.inMode > deadlines.commandMs ? 'cut' : 'nothing';
    case 'data': {
      if (isOld) return 'session-timeout';
      const isLate = waits.sinceLastByte > deadlines.dataIdleMs || waits.inMode > deadlines.dataMs;
      return isLate ? 'command-timeout' : 'nothing';
    }
    case 'command':
    case 'greeting':
      if (isOld) return 'session-timeout';
      return waits.inMode > deadlines.commandMs ? 'command-timeout' : 'nothing';
    default:
      return 'nothing';
  }
}
