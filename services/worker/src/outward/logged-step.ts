import type { TraceStep } from '@sallyport/lookup';

/**
 * A step of a search as the log has it: of what was asked the kind alone. The name of a CERT record and
 * the URL of a certificate store have the recipient's local-part in them: `sallyport cert locate` shows them.
 */
export function loggedStep({ query, ...step }: TraceStep): Omit<TraceStep, 'query'> & {
  readonly asked: string;
} {
  return { ...step, asked: query.split(' ', 1)[0] ?? '' };
}
