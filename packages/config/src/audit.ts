import { z } from 'zod';
import { durationBetween, httpsUrlField, pathField } from './fields.ts';

const SYSLOG_TLS_PORT = 6514; // RFC 5425 section 4.1

const anchorsField = pathField.optional().describe('PEM anchors for its TLS; else the system list');

const shipTargetSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('file').describe('a file on another disk or host, mounted here'),
    path: pathField.describe(
      'must be there: a file gets a line for each head, a folder a file for each head',
    ),
  }),
  z.strictObject({
    kind: z.literal('syslog').describe('a syslog server over TLS'),
    host: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[^\s/]+$/)
      .describe('its name, which its certificate must have'),
    port: z.int().min(1).max(65_535).default(SYSLOG_TLS_PORT).describe('its TLS port'),
    anchorsFile: anchorsField,
  }),
  z.strictObject({
    kind: z.literal('https').describe('a web server that takes JSON by POST'),
    url: httpsUrlField.describe('where to post to; redirects are not followed'),
    tokenFile: pathField.optional().describe('its first line goes along as bearer token'),
    anchorsFile: anchorsField,
  }),
]);

/** What happens to the audit log beside being written. */
export const auditSchema = z.strictObject({
  ship: z
    .array(shipTargetSchema)
    .max(8)
    .default([])
    .describe('where copies of the newest signed head go, so that a cut of the log is found'),
  every: durationBetween(1_000, 86_400_000)
    .prefault('1m')
    .describe('how often it is looked whether there is a new head'),
  keepFor: durationBetween(86_400_000, 36_500 * 86_400_000)
    .optional()
    .describe(
      'segments of the log whose events are all older give way to the root over them; left out, all stay. Not shorter than mail may wait or be held',
    ),
});
