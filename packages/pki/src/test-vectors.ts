import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parseCertificate, type UntrustedCertificate } from './certificate.ts';
import type { PathResult } from './path.ts';
import { parsePemCertificates } from './pem.ts';

/** What the tests on third-party vectors share: where they are, and a tally of right and wrong. */

export const root = join(import.meta.dirname, '../../../../shared/vectors/x509');
export const skip = existsSync(root) ? false : 'third-party vectors are not in ../shared/vectors';

/** `valid`, or why not. */
export type Outcome = { readonly isValid: boolean; readonly why: string };

export function outcome(result: PathResult): Outcome {
  return result.kind === 'valid'
    ? { isValid: true, why: 'valid' }
    : { isValid: false, why: `${result.code}: ${result.reason}` };
}

export interface Tally {
  right: number;
  falseAccepts: string[];
  falseRejects: string[];
  details: string[];
}

export function newTally(): Tally {
  return { right: 0, falseAccepts: [], falseRejects: [], details: [] };
}

export function count(tally: Tally, id: string, shouldBeValid: boolean, found: Outcome): void {
  if (shouldBeValid === found.isValid) {
    tally.right += 1;
    return;
  }
  (found.isValid ? tally.falseAccepts : tally.falseRejects).push(id);
  tally.details.push(`${id}: ${found.why}`);
}

export function print(t: TestContext, suite: string, tally: Tally): void {
  const { right, falseAccepts, falseRejects, details } = tally;
  const run = right + falseAccepts.length + falseRejects.length;
  t.diagnostic(
    `${suite}: ${right} of ${run} right, ${falseAccepts.length} false accepts, ${falseRejects.length} false rejects`,
  );
  for (const line of details) t.diagnostic(`  ${line}`);
}

/** The one certificate in a PEM or DER file; a string is why it cannot be read. */
export function certificateIn(file: string): UntrustedCertificate | string {
  const bytes = readFileSync(file);
  const [parsed = parseCertificate(bytes)] = parsePemCertificates(bytes.toString('latin1'));
  return parsed.kind === 'malformed' ? parsed.reason : parsed.value;
}
