import { z } from 'zod';

const MAX_PEM_CHARS = 64 * 1024;

const BEGIN = /-----BEGIN CERTIFICATE-----/g;
const WHOLE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** One certificate as an admin pastes it. */
export const pemSchema = z
  .string()
  .max(MAX_PEM_CHARS)
  .regex(/-----BEGIN CERTIFICATE-----/, 'PEM text of a certificate')
  // One that lost its end would be passed over when mail is judged.
  .refine((text) => text.match(BEGIN)?.length === text.match(WHOLE)?.length, 'PEM without its end')
  .describe('PEM text of one certificate');
