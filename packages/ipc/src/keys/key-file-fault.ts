import { z } from 'zod';

/** A file of the key folder that is not as it must be; the message names it and says why. */
export class KeyFileFault extends Error {}

/** Why a file of the key folder could not be read, without a byte of what it holds. */
export function keyFileReason(error: unknown): string {
  if (error instanceof KeyFileFault) return error.message;
  if (error instanceof z.ZodError) return z.prettifyError(error);
  // A parser's own message may quote what it read.
  if (error instanceof SyntaxError) return 'is no JSON';
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return `cannot be read${code}`;
}
