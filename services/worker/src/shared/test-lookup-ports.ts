import { LookupMemory, RevocationMemory, systemRandom } from '@sallyport/lookup';
import type { Clock } from '@sallyport/mail';
import type { LookupPorts } from './lookup-ports.ts';

/** A world in which nobody answers: whatever is asked of it fails. For tests. */
export function silentLookup(clock: Clock): LookupPorts {
  return {
    resolver: { query: () => Promise.resolve({ kind: 'failure', reason: 'timeout' }) },
    clock,
    random: systemRandom,
    memory: new LookupMemory(clock),
    allowPrivateAddresses: false,
    revocation: new RevocationMemory(clock),
    revocationRefreshMs: 60_000,
  };
}
