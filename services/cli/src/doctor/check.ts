import type { Gateway } from '../commands/gateway-access.ts';
import { type Finding, reasonOf, warning } from './finding.ts';

/** The gateway that is looked at, and when. */
export interface Patient extends Gateway {
  readonly now: Date;
}

/** One thing that is looked at. It changes nothing, on disk or elsewhere. */
export interface Check {
  readonly area: string;
  /** False: it asks this host alone. */
  readonly asksOthers: boolean;
  look(patient: Patient): Promise<readonly Finding[]>;
}

/** Findings under the name of their area. */
export interface Report {
  readonly area: string;
  readonly findings: readonly Finding[];
}

const DEADLINE_MS = 20_000;
const MAX_FINDINGS = 200;

/** All checks at once, each with a deadline; one that breaks down is a finding, too. */
export async function runChecks(
  checks: readonly Check[],
  patient: Patient,
  deadlineMs = DEADLINE_MS,
): Promise<readonly Report[]> {
  return await Promise.all(
    checks.map(async ({ area, look }) => {
      const findings = await within(deadlineMs, look(patient)).catch((error: unknown) => [
        warning(
          `${area.replaceAll(' ', '-')}-not-known`,
          `This could not be looked at: ${reasonOf(error)}.`,
          'See to what the other findings say, then look again.',
        ),
      ]);
      return { area, findings: findings.slice(0, MAX_FINDINGS) };
    }),
  );
}

async function within<T>(deadlineMs: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(new Error(`no end within ${deadlineMs / 1_000} s`));
  const timer = setTimeout(late, deadlineMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
