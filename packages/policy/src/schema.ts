import { z } from 'zod';
import { agreementSchema } from './agreement.ts';
import { filterSchema } from './filter-fields.ts';
import { inboundSchema } from './inbound-fields.ts';
import { baseSchema, domainPatternSchema, domainsSchema, usersSchema } from './layer-fields.ts';
import { DEFAULT_SECTIONS, withInheritance, writtenAt } from './layers.ts';
import { checkOutbound, outboundSchema } from './outbound-fields.ts';
import { tlsSchema } from './tls-fields.ts';
import { type TrustPolicy, trustSchema } from './trust-fields.ts';

const MAX_PARTNERS = 10_000;
const MAX_LIST = 200;

const partnerSchema = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(200)
      .refine((name) => name.isWellFormed(), 'no Unicode text')
      .describe('the partner as people call it'),
    domains: z.array(domainPatternSchema).min(1).max(MAX_LIST).describe('its mail domains'),
    agreement: agreementSchema.optional().describe('the relying-party agreement'),
    outbound: outboundSchema.prefault({}).describe('what we send'),
    inbound: inboundSchema.prefault({}).describe('what we take'),
    tls: tlsSchema.prefault({}).describe('the way to it, by recipient domain'),
    trust: trustSchema.prefault({}).describe('whom we believe'),
    users: usersSchema(
      outboundSchema
        .prefault({})
        .describe('fields of partners[].outbound; the others are as for the partner'),
    ),
  })
  .superRefine((partner, context) => {
    checkOutbound(partner.outbound, context);
    for (const [index, user] of (partner.users ?? []).entries()) {
      checkOutbound(user.outbound, context, ['users', index]);
    }
    const names = (partner.users ?? []).map(({ name }) => name);
    const twice = firstDouble(names);
    if (twice !== null) {
      context.addIssue({ code: 'custom', path: ['users'], message: `name twice: ${twice}` });
    }
  });

/** The whole policy: one numbered version is one of these. */
export const policyDocumentSchema = z.strictObject({
  base: baseSchema,
  domains: domainsSchema,
  partners: z
    .array(partnerSchema)
    .max(MAX_PARTNERS)
    .default([])
    .describe('everyone we agreed with'),
  default: z
    .strictObject({
      outbound: outboundSchema
        .prefault(DEFAULT_SECTIONS.outbound)
        .describe('what everyone else gets'),
      inbound: inboundSchema
        .prefault(DEFAULT_SECTIONS.inbound)
        .describe('what we take from everyone else'),
      tls: tlsSchema.prefault(DEFAULT_SECTIONS.tls).describe('the way to everyone else'),
      trust: trustSchema.prefault({}).describe('whom we believe of everyone else'),
    })
    .superRefine((rule, context) => checkOutbound(rule.outbound, context))
    .prefault({})
    .describe('everyone without a record'),
  filters: z
    .strictObject({
      outward: filterSchema.prefault({}).describe('what leaves'),
      inward: filterSchema.prefault({}).describe('what comes in'),
    })
    .prefault({})
    .describe('the first content filter'),
});

type PlainDocument = z.infer<typeof policyDocumentSchema>;

/** A policy in which every record has all that it inherits. */
export type PolicyDocument = PlainDocument & {
  /** How it holds for mail of domains of ours that have an entry under `domains`. */
  readonly variants?: readonly {
    readonly names: readonly string[];
    readonly policy: PlainDocument;
  }[];
};
export type PartnerPolicy = PolicyDocument['partners'][number];
export type OutboundPolicy = PartnerPolicy['outbound'];
export type InboundPolicy = PartnerPolicy['inbound'];
export type TlsPolicy = PartnerPolicy['tls'];
export type { TrustPolicy };
export type FilterRule = PolicyDocument['filters']['outward'];

interface Invalid {
  readonly kind: 'invalid';
  readonly faults: readonly { path: string; reason: string }[];
}

/** Records with inheritance are made for each entry under `domains`. */
const MAX_RECORDS = 50_000;

/** Parses a policy document; every fault has its path and reason. */
export function parsePolicyDocument(
  value: unknown,
): { readonly kind: 'ok'; readonly policy: PolicyDocument } | Invalid {
  const plain = parseFor(value, null);
  if (plain.kind === 'invalid') return plain;
  const { domains, partners } = plain.policy;
  if (domains === undefined) return plain;
  if ((domains.length + 1) * (partners.length + 1) > MAX_RECORDS) {
    const reason = `more than ${MAX_RECORDS} records, counted for each entry`;
    return { kind: 'invalid', faults: [{ path: 'domains', reason }] };
  }
  const variants: { names: readonly string[]; policy: PlainDocument }[] = [];
  for (const [index, { names }] of domains.entries()) {
    const variant = parseFor(value, index);
    if (variant.kind === 'invalid') return variant;
    variants.push({ names, policy: variant.policy });
  }
  return { kind: 'ok', policy: { ...plain.policy, variants } };
}

function parseFor(
  value: unknown,
  domain: number | null,
): { readonly kind: 'ok'; readonly policy: PlainDocument } | Invalid {
  const result = policyDocumentSchema.safeParse(withInheritance(value, domain));
  if (!result.success) {
    const faults = result.error.issues.map((issue) => ({
      path: writtenAt(value, domain, issue.path.join('.')),
      reason: issue.message,
    }));
    // What is wrong in a layer is wrong in every record that inherits it.
    const seen = new Set<string>();
    const isFirst = (fault: object): boolean => {
      const key = JSON.stringify(fault);
      return !seen.has(key) && seen.add(key) !== undefined;
    };
    return { kind: 'invalid', faults: faults.filter(isFirst) };
  }
  const { partners, domains } = result.data;
  const doubles = [
    ['partners', 'domain', partners.flatMap((partner) => partner.domains)],
    // Rules are named by it in decisions, records and the choice of trust.
    ['partners', 'name', partners.map((partner) => partner.name)],
    ['domains', 'domain', (domains ?? []).flatMap(({ names }) => names)],
  ] as const;
  for (const [path, what, names] of doubles) {
    const twice = firstDouble(names);
    if (twice !== null) {
      return { kind: 'invalid', faults: [{ path, reason: `${what} twice: ${twice}` }] };
    }
  }
  return { kind: 'ok', policy: result.data };
}

function firstDouble(names: readonly string[]): string | null {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return null;
}
