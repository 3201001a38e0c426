import { z } from 'zod';
import { durationBetween, hostPortField, httpsUrlField, pathField, restField } from './fields.ts';

const mailboxField = z
  .string()
  .max(320)
  .regex(/^[\x21-\x3b\x3d\x3f-\x7e]{1,64}@[a-zA-Z0-9.-]{1,255}$/, 'an address, in ASCII');

const alertsSchema = z.strictObject({
  mail: z
    .strictObject({
      to: z.array(mailboxField).min(1).max(10).describe('who is told'),
      from: mailboxField.describe('author and reverse-path of the alerts'),
      via: hostPortField.describe(
        'host:port that takes them: the inner MTA, or the relay port of this gateway; the inner MTA still answers when the gateway does not',
      ),
    })
    .optional()
    .describe('alerts by mail'),
  webhook: z
    .strictObject({
      url: httpsUrlField.describe('where alerts are posted to as JSON; redirects are not followed'),
      tokenFile: pathField.optional().describe('its first line goes along as bearer token'),
      anchorsFile: pathField.optional().describe('PEM anchors for its TLS; else the system list'),
    })
    .optional()
    .describe('alerts by HTTPS'),
  queueAge: restField
    .prefault('2h')
    .describe('an alert when a message waits longer in incoming or outgoing'),
  expiryDays: z
    .number()
    .int()
    .min(1)
    .max(365)
    .default(30)
    .describe('an alert so many days before a certificate, agreement or CRL ends'),
  downAfter: durationBetween(1_000, 3_600_000)
    .prefault('1m')
    .describe('an alert when a process does not answer, or cannot do its work, for so long'),
  repeatAfter: restField
    .prefault('1d')
    .describe('an alert that still stands is sent again after this'),
});

/** Health, metrics and alerts of the whole gateway. */
export const monitorSchema = z
  .strictObject({
    listen: z
      .array(hostPortField)
      .min(1)
      .max(4)
      .describe('HTTP in clear for /healthz, /readyz and /metrics: inner addresses only'),
    alerts: alertsSchema.prefault({}).describe('what people are told, and how'),
  })
  .optional()
  .describe('health, metrics and alerts; not run if absent');
