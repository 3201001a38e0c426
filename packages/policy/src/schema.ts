import { parseDomain } from '@sallyport/mail';
import { z } from 'zod';
import { algorithmFields, floorFaults } from './algorithms.ts';
import { inboundLabelFields, outboundLayerFields } from './domsec-fields.ts';

const MAX_PARTNERS = 10_000;
const MAX_LIST = 200;
const MAX_PEM_CHARS = 64 * 1024;

const durationSchema = z
  .string()
  .regex(/^\d{1,5}(s|m|h|d)$/, 'a number with s, m, h or d, for example 15m')
  .describe('a length of time, for example 15m');

/** Milliseconds of `15m`, `2h`, `5d`. */
export function durationMs(text: string): number {
  const unit = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[text.at(-1) ?? ''] ?? 0;
  return Number.parseInt(text, 10) * unit;
}

const domainPatternSchema = z
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

const pemSchema = z
  .string()
  .max(MAX_PEM_CHARS)
  .regex(/-----BEGIN CERTIFICATE-----/, 'PEM text of a certificate')
  .describe('PEM text of one certificate');

const doorSchema = z
  .enum(['pinned', 'ldap-srv'], {
    error: 'this version finds certificates by pinned and ldap-srv',
  })
  .describe('a way to find a certificate');

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
    .describe('whose certificate, in order of preference'),
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
  discovery: z.array(doorSchema).max(8).default([]).describe('where certificates are looked for'),
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
      clientName: z.string().max(255).optional().describe('name in the client certificate'),
    })
    .default({ level: 'none' })
    .describe('what the sending gateway must do for TLS'),
  deliver: z
    .enum(['clear', 'signed', 'as-received'])
    .default('clear')
    .describe('what the inner recipient gets'),
  ...inboundLabelFields,
  otherwise: z
    .enum(['refuse', 'hold', 'flag'])
    .default('refuse')
    .describe('what happens when the rule is not met'),
  legacyAlgorithms: z
    .enum(['refuse', 'accept'])
    .default('refuse')
    .describe('whether SHA-1 signatures and 3DES content count; the verdict names them either way'),
});

const tlsSchema = z.strictObject({
  level: z
    .enum(['none', 'may', 'encrypt', 'secure'], {
      error: 'this version knows none, may, encrypt and secure',
    })
    .default('secure')
    .describe('Postfix meanings: secure checks chain and name'),
  match: z
    .array(z.string().min(1).max(255))
    .max(MAX_LIST)
    .default([])
    .describe('names the server certificate may carry; .x means everything below x'),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('oldest TLS allowed'),
  anchors: z
    .union([z.literal('system'), z.array(pemSchema).min(1).max(MAX_LIST)])
    .default('system')
    .describe('who may vouch for the server certificate'),
});

const exceptionSchema = z.strictObject({
  subject: z.string().min(1).max(1000).describe('the certificate name the exception is for'),
  reason: z.string().min(10).max(500).describe('what was agreed'),
  until: z.iso.date().describe('last day it holds'),
});

const trustSchema = z.strictObject({
  anchors: z.array(pemSchema).max(MAX_LIST).default([]).describe('S/MIME trust anchors'),
  pinned: z.array(pemSchema).max(MAX_LIST).default([]).describe('certificates given by an admin'),
  revocation: z
    .enum(['off'], {
      error: 'this version does not check revocation: write off, which is recorded',
    })
    .default('off')
    .describe('revocation mode, always recorded'),
  exceptions: z.array(exceptionSchema).max(MAX_LIST).default([]).describe('DS-N6 exceptions'),
});

const agreementSchema = z.strictObject({
  id: z.string().min(1).max(100).describe('the number of the agreement'),
  asserts: z.string().max(1000).describe('what a domain signature asserts under it'),
  validUntil: z.iso.date().describe('last day it holds'),
  contact: z.string().max(320).describe('whom to ask'),
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
  })
  .superRefine((partner, context) => checkOutbound(partner.outbound, context));

interface Issues {
  addIssue(issue: { code: 'custom'; path: string[]; message: string }): void;
}

function checkOutbound(outbound: z.infer<typeof outboundSchema>, context: Issues): void {
  const fault = (field: string, message: string): void => {
    context.addIssue({ code: 'custom', path: ['outbound', field], message });
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
  if (outbound.to.includes('user')) {
    fault('to', 'this version encrypts to domain certificates; write to: [domain]');
  }
}

const filterSchema = z.strictObject({
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

/** The whole policy: one numbered version is one of these. */
export const policyDocumentSchema = z.strictObject({
  partners: z
    .array(partnerSchema)
    .max(MAX_PARTNERS)
    .default([])
    .describe('everyone we agreed with'),
  default: z
    .strictObject({
      outbound: outboundSchema
        .prefault({ profile: 'compat', encrypt: 'none' })
        .describe('what everyone else gets'),
      inbound: inboundSchema
        .prefault({ signature: 'when-present', encryption: 'when-present', otherwise: 'flag' })
        .describe('what we take from everyone else'),
      tls: tlsSchema.prefault({ level: 'may' }).describe('the way to everyone else'),
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

export type PolicyDocument = z.infer<typeof policyDocumentSchema>;
export type PartnerPolicy = PolicyDocument['partners'][number];
export type OutboundPolicy = PartnerPolicy['outbound'];
export type InboundPolicy = PartnerPolicy['inbound'];
export type TlsPolicy = PartnerPolicy['tls'];
export type TrustPolicy = PartnerPolicy['trust'];
export type FilterRule = PolicyDocument['filters']['outward'];

/** Parses a policy document; every fault has its path and reason. */
export function parsePolicyDocument(
  value: unknown,
):
  | { readonly kind: 'ok'; readonly policy: PolicyDocument }
  | { readonly kind: 'invalid'; readonly faults: readonly { path: string; reason: string }[] } {
  const result = policyDocumentSchema.safeParse(value);
  if (!result.success) {
    const faults = result.error.issues.map((issue) => ({
      path: issue.path.join('.'),
      reason: issue.message,
    }));
    return { kind: 'invalid', faults };
  }
  const twice = firstDouble(result.data.partners.flatMap((partner) => partner.domains));
  if (twice !== null) {
    return { kind: 'invalid', faults: [{ path: 'partners', reason: `domain twice: ${twice}` }] };
  }
  // Rules are named by it in decisions, records and the choice of trust.
  const sameName = firstDouble(result.data.partners.map((partner) => partner.name));
  if (sameName !== null) {
    return { kind: 'invalid', faults: [{ path: 'partners', reason: `name twice: ${sameName}` }] };
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
