import { z } from 'zod';

const MAX_PEM_CHARS = 64 * 1024;

/** One certificate as an admin pastes it. */
export const pemSchema = z
  .string()
  .max(MAX_PEM_CHARS)
  .regex(/-----BEGIN CERTIFICATE-----/, 'PEM text of a certificate')
  .describe('PEM text of one certificate');
