import { z } from 'zod';
import { agreementSchema } from './agreement.ts';
import { algorithmFields, floorFaults } from './algorithms.ts';
import { inboundAuthenticationFields } from './dmarc.ts';
import { inboundLabelFields, outboundLayerFields } from './domsec-fields.ts';
import { filterSchema } from './filter-fields.ts';
import { baseSchema, domainPatternSchema, domainsSchema, usersSchema } from './layer-fields.ts';
import { DEFAULT_SECTIONS, withInheritance, writtenAt } from './layers.ts';
import { pemSchema } from './pem-field.ts';
import { tlsSchema } from './tls-fields.ts';
import { type TrustPolicy, trustSchema } from './trust-fields.ts';

const MAX_PARTNERS = 10_000;
const MAX_LIST = 200;

const durationSchema = z
  .string()
  .regex(/^\d{1,5}(s|m|h|d)$/, 'a number with s, m, h or d, for example 15m')
  .describe('a length of time, for example 15m');

/** Milliseconds of `15m`, `2h`, `5d`. */
export function durationMs(text: string): number {
  const unit = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[text.at(-1) ?? ''] ?? 0;
  return Number.parseInt(text, 10) * unit;
}

const DOORS = [
  'pinned',
  'smimea',
  'cert',
  'ldap',
  'ldap-srv',
  'http-srv',
  'trial',
  'harvested',
] as const;

const doorSchema = z
  .enum(DOORS, { error: `certificates are found by ${DOORS.join(', ')}` })
  .describe('a way to find a certificate');

/**
 * What the admin gave first, then what DNSSEC can prove, then what costs more (CD-4). What was only
 * seen in mail counts where the rule names it.
 */
const DEFAULT_DISCOVERY = DOORS.filter((door) => door !== 'harvested');

const outboundSchema = z.strictObject({
  sign: z.enum(['domain', 'none']).default('domain').describe('whose signature outgoing mail gets'),
  signNoneReason: z
    .string()
    .min(10)
    .max(500)
    .optional()
    .describe(
      'why encrypted mail leaves unsigned; demanded with sign: none and encryption (DS-E5)',
    ),
  profile: z
    .enum(['domsec', 'compat'])
    .default('domsec')
    .describe('domsec: RFC 3183 layers; compat: one clear-signed multipart/signed'),
  encrypt: z
    .enum(['required', 'when-possible', 'none'])
    .default('required')
    .describe('whether the message must be encrypted'),
  to: z
    .array(z.enum(['domain', 'user']))
    .min(1)
    .max(2)
    .default(['domain'])
    .describe(
      'whose certificate, in order of preference: the domain authority or the person; only what is named here is taken for the other',
    ),
  ...algorithmFields,
  protectHeaders: z
    .boolean()
    .default(true)
    .describe('put the header fields inside the signature too (RFC 9788)'),
  headerConfidentiality: z
    .enum(['baseline', 'shy', 'none'])
    .default('baseline')
    .describe(
      'what encrypted mail shows outside: baseline hides Subject, shy names and time zone too, none nothing',
    ),
  binaryInside: z
    .boolean()
    .default(false)
    .describe('write inner layers in binary: smaller, but OpenSSL and others cannot read it'),
  ...outboundLayerFields,
  otherwise: z
    .enum(['hold', 'refuse'])
    .default('hold')
    .describe('what happens when the rule cannot be met'),
  discovery: z
    .array(doorSchema)
    .max(16)
    .default([...DEFAULT_DISCOVERY])
    .describe('where certificates are looked for, in this order'),
  lookupFailure: z
    .strictObject({
      wait: durationSchema.default('15m').describe('how long to wait for a broken directory'),
      // biome-ignore lint/suspicious/noThenProperty: the word of the contract
      then: z.enum(['send-signed', 'hold']).default('send-signed').describe('what to do then'),
    })
    .optional()
    .describe('only with encrypt: when-possible'),
});

const inboundSchema = z.strictObject({
  signature: z
    .enum(['domain-required', 'any-required', 'when-present'])
    .default('domain-required')
    .describe('which signature must be there and valid'),
  encryption: z
    .enum(['required', 'when-present'])
    .default('required')
    .describe('whether it must arrive encrypted'),
  tls: z
    .strictObject({
      level: z.enum(['none', 'encrypt']).default('none').describe('what the client must use'),
      clientName: z
        .string()
        .max(255)
        .optional()
        .describe('DNS name that the certificate of the client must bear; demands TLS as well'),
      clientAnchors: z
        .array(pemSchema)
        .min(1)
        .max(MAX_LIST)
        .optional()
        .describe(
          'who may vouch for that certificate; clientAnchorsFile of the config if left out',
        ),
    })
    .refine(({ clientName, clientAnchors }) => clientName !== undefined || !clientAnchors, {
      path: ['clientAnchors'],
      error: 'only with clientName: an anchor alone would let in everybody whom it certifies',
    })
    .default({ level: 'none' })
    .describe(
      'what the sending gateway must do for TLS; refused where it does not, whatever otherwise says',
    ),
  deliver: z
    .enum(['clear', 'signed', 'as-received'])
    .default('clear')
    .describe('what the inner recipient gets'),
  ...inboundLabelFields,
  ...inboundAuthenticationFields,
  otherwise: z
    .enum(['refuse', 'hold', 'flag'])
    .default('refuse')
    .describe('what happens when the rule is not met'),
  legacyAlgorithms: z
    .enum(['refuse', 'accept'])
    .default('refuse')
    .describe('whether SHA-1 signatures and 3DES content count; the verdict names them either way'),
});

const partnerSchema = z
  .strictObject({
    name: z.string().min(1).max(200).describe('the partner as people call it'),
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

interface Issues {
  addIssue(issue: { code: 'custom'; path: (string | number)[]; message: string }): void;
}

function checkOutbound(
  outbound: z.infer<typeof outboundSchema>,
  context: Issues,
  under: readonly (string | number)[] = [],
): void {
  const fault = (field: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [...under, 'outbound', field], message });
  };
  if (outbound.lookupFailure !== undefined && outbound.encrypt !== 'when-possible') {
    fault('lookupFailure', 'only with encrypt: when-possible; required mail waits or is held');
  }
  for (const { field, reason } of floorFaults(outbound)) fault(field, reason);
  // DS-E5: anyone who holds a public DCA certificate can fake encrypted mail.
  const silent = outbound.sign === 'none' && outbound.encrypt !== 'none';
  if (silent && outbound.signNoneReason === undefined) {
    fault('signNoneReason', 'encryption without signature proves no origin: give the reason');
  }
  if (new Set(outbound.to).size !== outbound.to.length) fault('to', 'named twice');
}

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
