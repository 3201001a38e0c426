import { z } from 'zod';
import { dayField } from './day-field.ts';
import { pemSchema } from './pem-field.ts';
import { requirementsSchema } from './requirement-fields.ts';

const MAX_LIST = 200;

const exceptionSchema = z.strictObject({
  subject: z.string().min(1).max(1000).describe('the certificate name the exception is for'),
  reason: z.string().min(10).max(500).describe('what was agreed'),
  until: dayField.describe('last day it holds'),
});

/** Whom we believe of one partner, in which direction, and how hard we look. */
export const trustSchema = z.strictObject({
  anchors: z
    .array(pemSchema)
    .max(MAX_LIST)
    .default([])
    .describe('S/MIME trust anchors, for both directions'),
  encryptAnchors: z
    .array(pemSchema)
    .max(MAX_LIST)
    .optional()
    .describe('anchors for what we encrypt to, in place of anchors'),
  signAnchors: z
    .array(pemSchema)
    .max(MAX_LIST)
    .optional()
    .describe("anchors for the partner's signatures, in place of anchors"),
  pinned: z
    .array(pemSchema)
    .max(MAX_LIST)
    .default([])
    .describe('certificates that an admin approved; they need no path'),
  keyChange: z
    .enum(['approve', 'follow'])
    .default('approve')
    .describe(
      'another certificate than the pinned one: approve waits until an admin pins it, follow uses it if it has a path; either is an event',
    ),
  revocation: z
    .enum(['hard', 'soft', 'off'])
    .default('soft')
    .describe(
      'hard: nothing is used unless it is shown not to be revoked; soft: what cannot be found out is recorded; off: nobody looks; always recorded',
    ),
  smimea: z
    .enum(['accept', 'path'])
    .default('accept')
    .describe(
      'whether SMIMEA under DNSSEC is proof enough (RFC 8162); path demands an anchor as well',
    ),
  certificates: z
    .strictObject({
      encrypt: requirementsSchema.optional().describe('those that we encrypt to'),
      sign: requirementsSchema.optional().describe("those of the partner's signers"),
    })
    .default({})
    .describe('what its certificates must be like beside that'),
  senderLookup: z
    .enum(['off', 'compare', 'require'])
    .default('off')
    .describe(
      "look for the signer's certificate by outbound.discovery too: compare records match, mismatch or not found; require takes nothing but a match",
    ),
  exceptions: z.array(exceptionSchema).max(MAX_LIST).default([]).describe('DS-N6 exceptions'),
});

export type TrustPolicy = z.infer<typeof trustSchema>;

/** What a certificate is for: what we encrypt to, or who signed. */
export type TrustDirection = 'encrypt' | 'sign';

/** PEM of the anchors that count in a direction (TM-1). */
export function anchorsFor(trust: TrustPolicy, direction: TrustDirection): readonly string[] {
  const own = direction === 'encrypt' ? trust.encryptAnchors : trust.signAnchors;
  return own ?? trust.anchors;
}

const LOOKUP = ['off', 'compare', 'require'] as const;

/** The strictest of what several partners demand. */
export function strictestSenderLookup(trusts: readonly TrustPolicy[]): TrustPolicy['senderLookup'] {
  const ranks = trusts.map(({ senderLookup }) => LOOKUP.indexOf(senderLookup));
  return LOOKUP[Math.max(0, ...ranks)] ?? 'off';
}
