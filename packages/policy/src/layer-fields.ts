import { parseDomain } from '@sallyport/mail';
import { z } from 'zod';

const MAX_LIST = 200;
const MAX_DOMAINS = 50;

/** Fields of one section, in a layer: checked once they are part of a record. */
const fieldsOf = (section: string) =>
  z.record(z.string(), z.unknown()).optional().describe(`fields of partners[].${section}`);

/** The gateway's layer: what every record, `default` too, begins with. */
export const baseSchema = z
  .strictObject({
    outbound: fieldsOf('outbound'),
    inbound: fieldsOf('inbound'),
    tls: fieldsOf('tls'),
    trust: fieldsOf('trust'),
  })
  .optional()
  .describe(
    'the gateway’s own words, with which every record begins; a field is taken from user, partner, domain or base, the first that says it',
  );

/** A domain, or `*.` and a domain; in the form in which domains are compared. */
export const domainPatternSchema = z
  .string()
  .transform((text, context): string => {
    const wildcard = text.startsWith('*.');
    const domain = parseDomain(wildcard ? text.slice(2) : text);
    if (domain === null) {
      context.addIssue({ code: 'custom', message: `not a domain: ${text.slice(0, 80)}` });
      return z.NEVER;
    }
    return wildcard ? `*.${domain}` : domain;
  })
  .describe('a domain, or *.domain for everything below it');

/** The layer of domains of ours. Not TLS: that goes by recipient domain alone (TR-7). */
export const domainsSchema = z
  .array(
    z.strictObject({
      names: z.array(domainPatternSchema).min(1).max(MAX_LIST).describe('domains of ours'),
      outbound: fieldsOf('outbound'),
      inbound: fieldsOf('inbound'),
      trust: fieldsOf('trust'),
    }),
  )
  .max(MAX_DOMAINS)
  .optional()
  .describe(
    'what differs for mail of some of our own domains: by author outward, recipient inward',
  );

const addressPatternSchema = z
  .string()
  .max(320)
  .transform((text, context): string => {
    const at = text.lastIndexOf('@');
    const domain = parseDomain(text.slice(at + 1));
    if (at < 1 || domain === null) {
      context.addIssue({ code: 'custom', message: `not an address: ${text.slice(0, 80)}` });
      return z.NEVER;
    }
    return `${text.slice(0, at).toLowerCase()}@${domain}`;
  })
  .describe('an address; * stands for anything in front of the @');

/**
 * People of a partner. What they get, not what is taken from them: an author's address is the word
 * of whoever sends, and must not choose a weaker rule.
 */
export function usersSchema<Outbound extends z.ZodType>(outbound: Outbound) {
  return z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'lower-case letters, digits and -')
          .describe('names the rule in decisions, without naming the person'),
        match: z.array(addressPatternSchema).min(1).max(MAX_LIST).describe('whose addresses'),
        outbound,
      }),
    )
    .max(MAX_LIST)
    .optional()
    .describe('what differs for some people of the partner, in what we send them');
}
