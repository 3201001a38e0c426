import { z } from 'zod';

const MAX_LIST = 200;

const oidSchema = z
  .string()
  .max(128)
  .regex(/^[012](\.(0|[1-9]\d*))+$/, 'an object identifier, for example 1.3.6.1.4.1.99999.1')
  .describe('object identifier of a security policy');

/** What of RFC 3183 outgoing mail must have or gets, beside the domain signature. */
export const outboundLayerFields = {
  review: z
    .enum(['none', 'required'])
    .default('none')
    .describe(
      'required: only mail with a valid review signature is released (RFC 3183 section 3.4)',
    ),
  reviewers: z
    .array(z.string().min(1).max(1000))
    .max(MAX_LIST)
    .default([])
    .describe(
      "review authorities that count beside those of the author's domain: address, subject, dns: or sha256:",
    ),
  originatorInfo: z
    .enum(['lists', 'always', 'never'])
    .default('lists')
    .describe(
      'when encrypted mail names our own encryption certificate: in mail list handling, as RFC 3183 section 5 has it, always, or never, for gpgsm, which cannot read such mail',
    ),
};

/** What incoming mail may say in its security labels. */
export const inboundLabelFields = {
  labels: z
    .strictObject({
      recognised: z
        .array(oidSchema)
        .max(MAX_LIST)
        .describe('security policies whose labels, or whose equivalents, are taken'),
    })
    .optional()
    .describe(
      'if set, mail with a security label of another policy is not taken (RFC 2634 section 3.1.2)',
    ),
};

export type LabelRule = { readonly recognised: readonly string[] };

/** The strictest of two: what only one of them recognises is not. */
export function stricterLabels(
  a: LabelRule | undefined,
  b: LabelRule | undefined,
): { recognised: string[] } | undefined {
  if (a === undefined || b === undefined) {
    const only = a ?? b;
    return only === undefined ? undefined : { recognised: [...only.recognised] };
  }
  return { recognised: a.recognised.filter((oid) => b.recognised.includes(oid)) };
}
