import type { Report } from '../doctor/check.ts';
import { examine } from '../doctor/examine.ts';
import type { Finding } from '../doctor/finding.ts';
import { leave } from '../doctor/leave.ts';
import { print, printJson } from './output.ts';

export interface DoctorOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly offline?: boolean;
}

/**
 * Looks at everything that the gateway needs, and ends the process: exit code 1 if something keeps the
 * gateway from its work.
 */
export async function runDoctor(options: DoctorOptions): Promise<never> {
  const reports = await examine({ ...options, now: new Date() });
  const count = (level: Finding['level']): number =>
    reports.flatMap(({ findings }) => findings).filter((one) => one.level === level).length;
  const faults = count('fault');
  if (options.json === true) {
    const findings = reports.flatMap(({ area, findings: some }) =>
      some.map((one) => ({ area, ...one })),
    );
    printJson({ ok: faults === 0, findings });
  } else {
    for (const report of reports) tell(report);
    print(`${plural(faults, 'fault')}, ${plural(count('warning'), 'warning')}.`);
  }
  return await leave(faults === 0 ? 0 : 1);
}

const WORDS: Readonly<Record<Finding['level'], string>> = {
  ok: 'ok     ',
  warning: 'WARNING',
  fault: 'FAULT  ',
};

function tell({ area, findings }: Report): void {
  for (const { level, sentence, advice } of findings) {
    print(`${WORDS[level]}  ${area}: ${sentence}`);
    if (advice !== null) print(`         → ${advice}`);
  }
}

function plural(count: number, word: string): string {
  return `${count === 0 ? 'no' : count} ${word}${count === 1 ? '' : 's'}`;
}
