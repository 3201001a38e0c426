import { z } from 'zod';

const MAX_LIST = 200;

/** The first content filter, of one direction. */
export const filterSchema = z.strictObject({
  refuseNames: z
    .array(z.string().min(1).max(100))
    .max(MAX_LIST)
    .default(['*.exe', '*.scr', '*.com', '*.bat', '*.cmd', '*.pif', '*.js', '*.vbs'])
    .describe('attachment names that are refused; * stands for anything'),
  holdNames: z.array(z.string().min(1).max(100)).max(MAX_LIST).default([]).describe('… held'),
  refuseTypes: z
    .array(z.string().min(1).max(100))
    .max(MAX_LIST)
    .default(['application/x-msdownload'])
    .describe('MIME types that are refused; * stands for anything'),
  holdTypes: z.array(z.string().min(1).max(100)).max(MAX_LIST).default([]).describe('… held'),
  maxSizeBytes: z.number().int().positive().optional().describe('longest message let through'),
  virus: z.enum(['refuse', 'hold']).default('refuse').describe('what a find leads to'),
  scannerDown: z.enum(['wait', 'hold']).default('wait').describe('what a dead scanner leads to'),
});
