import type { traceStepSchema } from '@sallyport/ipc';
import type { z } from 'zod';
import { printTable } from './output.ts';

type TraceStep = z.infer<typeof traceStepSchema>;

/** A discovery trace as aligned lines: door, outcome, question, server, reason. */
export function printSteps(steps: readonly TraceStep[]): void {
  printTable(
    steps.map(({ door, outcome, query, server, reason, tookMs }) => [
      door,
      outcome,
      `${tookMs.toFixed(0)} ms`,
      server === undefined ? query : `${query} at ${server}`,
      reason,
    ]),
  );
}
