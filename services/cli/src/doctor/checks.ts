import type { Check } from './check.ts';
import { auditCheck } from './check-audit.ts';
import { clockCheck, farClockCheck } from './check-clock.ts';
import { dnsCheck } from './check-dns.ts';
import { foldersCheck, secretsCheck } from './check-files.ts';
import { keysCheck, tlsCheck } from './check-keys.ts';
import { policyCheck } from './check-policy.ts';
import { portsCheck } from './check-ports.ts';
import { processesCheck } from './check-processes.ts';
import { reachCheck } from './check-reach.ts';

/** Everything that doctor looks at beside the config file itself, in the order of its report. */
export const CHECKS: readonly Check[] = [
  secretsCheck,
  foldersCheck,
  keysCheck,
  tlsCheck,
  policyCheck,
  auditCheck,
  clockCheck,
  farClockCheck,
  processesCheck,
  portsCheck,
  dnsCheck,
  reachCheck,
];
