import { METRIC_SERVERS } from '@sallyport/log';
import { z } from 'zod';

const DAY_MS = 86_400_000;

const path = z.string().min(1);
const hostPort = z.strictObject({ host: z.string(), port: z.int().min(0).max(65_535) });
const milliseconds = z
  .int()
  .min(1)
  .max(365 * DAY_MS);

/** What the supervisor writes for the monitor. Paths are absolute. */
export const monitorOptionsSchema = z.strictObject({
  gatewayName: z.string().min(1).max(255).describe('whose alerts these are'),
  listen: z.array(hostPort).min(1).max(4).describe('HTTP; port 0 takes a free one'),
  roles: z
    .array(
      z.strictObject({
        role: z.enum(METRIC_SERVERS).describe('a process of this gateway'),
        socket: path.describe('its health socket'),
      }),
    )
    .max(METRIC_SERVERS.length)
    .describe('whom to ask'),
  healthSocket: path.optional().describe('Unix socket that tells how the monitor itself is'),
  policyFolder: path.describe('policy versions: what of the partners ends'),
  crlFile: path.describe('CRL of our CA, DER; it may be absent'),
  stateFolder: path.describe('which alerts were sent; deleting it sends those that stand again'),
  alerts: z
    .strictObject({
      mail: z
        .strictObject({
          to: z.array(z.string()).min(1).max(10).describe('who is told'),
          from: z.string().describe('author and reverse-path'),
          via: hostPort.describe('who takes them'),
        })
        .nullable()
        .describe('alerts by mail'),
      webhook: z
        .strictObject({
          url: z.url({ protocol: /^https$/ }).describe('where to post to'),
          tokenFile: path.nullable().describe('its first line is the bearer token'),
          anchorsFile: path.nullable().describe('PEM anchors; null for the system list'),
        })
        .nullable()
        .describe('alerts by HTTPS'),
      queueAgeMs: milliseconds.describe('age of a waiting message that is an alert'),
      expiryDays: z.int().min(1).max(365).describe('days before an end that is an alert'),
      downAfterMs: milliseconds.describe('how long a process may be away or unable'),
      repeatAfterMs: milliseconds.describe('when an alert that stands is sent again'),
      everyMs: milliseconds.default(15_000).describe('how often it is looked'),
    })
    .describe('what people are told, and how'),
});
export type MonitorOptions = z.output<typeof monitorOptionsSchema>;
export type AlertOptions = MonitorOptions['alerts'];
