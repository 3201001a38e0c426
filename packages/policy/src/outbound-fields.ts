import { z } from 'zod';
import { algorithmFields, floorFaults } from './algorithms.ts';
import { outboundLayerFields } from './domsec-fields.ts';

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

/** What a rule says of mail to a partner. */
export const outboundSchema = z.strictObject({
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

interface Issues {
  addIssue(issue: { code: 'custom'; path: (string | number)[]; message: string }): void;
}

/** Adds an issue for each pair of fields that contradict each other; `under` leads to the section. */
export function checkOutbound(
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
