import { type Domain, parseDomain } from '@sallyport/mail';
import { z } from 'zod';

/** A domain name in any form a person may type; kept as lower-case A-labels. */
export const domainField = z.string().transform((text, context): Domain => {
  const domain = parseDomain(text);
  if (domain !== null) return domain;
  context.addIssue({ code: 'custom', message: `not a domain: ${text.slice(0, 80)}` });
  return z.NEVER;
});

/** `host:port` or `[v6]:port`. */
export const hostPortField = z.string().transform((text, context) => {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? 0);
  if (match !== null && port > 0 && port < 65_536) {
    return { host: match[1] ?? match[2] ?? '', port };
  }
  context.addIssue({ code: 'custom', message: 'write host:port, for example 127.0.0.1:25' });
  return z.NEVER;
});

/** A path; a relative one is relative to the folder of the config file. */
export const pathField = z.string().min(1).max(4096);

/** Where something is posted to; what is told apart by a fragment or names a person has no place in it. */
export const httpsUrlField = z
  .string()
  .max(2_000)
  .regex(/^https:\/\/[^\s@#]+$/)
  .refine((text) => URL.canParse(text), { error: 'no URL' });

/** `30s`, `15m`, `4h`, `5d`; milliseconds once parsed. */
const durationField = z
  .string()
  .regex(/^\d{1,6}(s|m|h|d)$/, 'a number with s, m, h or d, for example 15m')
  .transform((text) => {
    const unit = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[text.at(-1) ?? ''] ?? 0;
    return Number.parseInt(text, 10) * unit;
  });

const DAY_MS = 86_400_000;

/** A duration from `min` to `max` milliseconds; timers take no more than 24 days. */
export function durationBetween(min: number, max: number) {
  const seconds = (ms: number): string => `${ms / 1_000} s`;
  return durationField.refine((ms) => ms >= min && ms <= max, {
    error: `from ${seconds(min)} to ${seconds(max)}`,
  });
}

/** A deadline that a timer keeps. */
export const timeoutField = durationBetween(1_000, DAY_MS);
/** An age or a rest of queued mail. */
export const restField = durationBetween(1_000, 365 * DAY_MS);

/** An address or a CIDR block, IPv4 or IPv6. */
export const networkField = z
  .string()
  .regex(/^[0-9a-fA-F:.]+(\/\d{1,3})?$/, 'an address or a block, for example 192.0.2.0/24');
