import { z } from 'zod';
import { domainField, durationBetween, restField, timeoutField } from './fields.ts';
import { tlsFilesSchema } from './tls-files.ts';

const rateField = z.strictObject({
  messages: z.number().int().min(1).max(1_000_000).describe('so many'),
  per: durationBetween(1_000, 86_400_000).describe('in so much time, evenly spaced'),
});

/** The SMTP client. */
export const egressSchema = z.strictObject({
  port: z.number().int().min(1).max(65_535).default(25).describe('SMTP port of hosts found by MX'),
  sourceAddress: z.string().max(64).optional().describe('local address to connect from'),
  concurrency: z.number().int().min(1).max(1_000).default(40).describe('deliveries at once'),
  perDestination: z.number().int().min(1).max(200).default(20).describe('… to one destination'),
  rate: rateField.optional().describe('most messages to one destination; no bound if left out'),
  destinations: z
    .array(
      z.strictObject({
        domain: domainField.describe('a recipient domain'),
        concurrency: z.number().int().min(1).max(200).optional().describe('deliveries at once'),
        rate: rateField.optional().describe('most messages to it'),
      }),
    )
    .max(10_000)
    .default([])
    .describe('domains that take less, or more, than others'),
  connectTimeout: timeoutField.prefault('30s').describe('time for TCP and TLS'),
  tls: tlsFilesSchema.optional().describe('client certificate shown to partners that ask'),
});

/** When what did not work is tried again. */
export const retrySchema = z.strictObject({
  first: restField.prefault('5m').describe('wait after the first failure; doubles'),
  longest: restField.prefault('1h').describe('longest wait between tries'),
  delayWarning: restField.prefault('4h').describe('when the sender is told of a delay'),
  expiry: restField.prefault('5d').describe('when the message comes back'),
});
