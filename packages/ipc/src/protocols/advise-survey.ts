import { z } from 'zod';

const text = z.string().max(2_000);
const dnssec = z.enum(['secure', 'insecure', 'unknown']);
const many = 300;

const hostSchema = z.strictObject({
  name: text,
  preference: z.number(),
  addresses: z.array(text).max(many),
  dnssec,
  tls: z.strictObject({
    outcome: z.enum(['verified', 'unverified', 'none', 'unreachable']),
    version: text.nullable(),
    cipher: text.nullable(),
    fingerprint: text.nullable(),
    sentence: text,
  }),
  tlsa: z.strictObject({
    dnssec,
    records: z.array(text).max(many),
    failure: text.nullable(),
    check: z.enum(['fits', 'misfit', 'unusable', 'not-applicable', 'unknown']),
    sentence: text,
  }),
});

/** Where a domain takes mail and what TLS its hosts show. */
export const mailFindingSchema = z.strictObject({
  kind: z.enum(['mx', 'null-mx', 'domain-unknown', 'unavailable']),
  dnssec,
  reason: text.nullable(),
  hosts: z.array(hostSchema).max(16),
});

export const mtaStsFindingSchema = z.strictObject({
  state: z.enum(['none', 'policy', 'broken', 'unavailable']),
  id: text.nullable(),
  mode: z.enum(['enforce', 'testing', 'none']).nullable(),
  mx: z.array(text).max(many),
  maxAgeSeconds: z.number().nullable(),
  reason: text,
});

/** What a domain publishes and what is wrong with it; every text is a stranger's. */
export const surveyResultSchema = z.strictObject({
  domain: text,
  time: z.iso.datetime(),
  mail: mailFindingSchema,
  doors: z
    .array(
      z.strictObject({
        door: text,
        outcome: z.enum(['found', 'nothing', 'unavailable']),
        steps: z
          .array(
            z.strictObject({
              door: text,
              query: text,
              server: text.exactOptional(),
              outcome: z.enum(['found', 'nothing', 'usable', 'unusable', 'failed', 'skipped']),
              reason: text,
              tookMs: z.number(),
            }),
          )
          .max(many),
      }),
    )
    .max(16),
  certificates: z
    .array(
      z.strictObject({
        door: text,
        role: z.enum(['confidentiality', 'signing']),
        source: text,
        subject: text,
        addresses: z.array(text).max(many),
        issuer: text,
        key: text,
        notAfter: text,
        daysLeft: z.number(),
        fingerprint: text,
        worth: z.enum([
          'trusted',
          'dnssec',
          'unproven',
          'untrusted',
          'revoked',
          'expired',
          'misnamed',
          'malformed',
        ]),
        reason: text,
        /** To take over as an anchor or a pin. */
        pem: z.string().max(100_000),
      }),
    )
    .max(40),
  statement: z
    .strictObject({
      isBelieved: z.boolean(),
      reason: text,
      expires: text,
      accepts: z.record(text, z.array(text).max(many)),
      demands: z.strictObject({ signature: text, encryption: z.boolean() }),
      tls: z.strictObject({ level: text, minVersion: text }),
      contact: text,
    })
    .nullable(),
  mtaSts: mtaStsFindingSchema,
  tlsRpt: z.strictObject({
    state: z.enum(['none', 'wanted', 'broken', 'unavailable']),
    uris: z.array(text).max(many),
  }),
  remarks: z
    .array(z.strictObject({ severity: z.enum(['fault', 'warning', 'note']), text }))
    .max(many),
});
export type SurveyResult = z.infer<typeof surveyResultSchema>;

/** Whether a TLS level of the policy would let mail through to every host that was looked at. */
export const levelFindingSchema = z.strictObject({
  level: z.enum(['may', 'encrypt', 'fingerprint', 'verify', 'secure', 'dane', 'dane-only']),
  holds: z.enum(['yes', 'no', 'unknown']),
  sentence: text,
});

const recordType = ['MX', 'SRV', 'CNAME', 'TXT', 'SMIMEA', 'CERT', 'TLSA'] as const;

/** A zone line of ours, to be compared with what the world sees. */
export const zoneRowSchema = z.strictObject({
  name: z.string().min(1).max(256),
  type: z.enum(recordType),
  data: z.string().max(16_384),
});

export const recordCheckSchema = z.strictObject({
  name: text,
  type: z.enum([...recordType, 'A']),
  status: z.enum(['ok', 'missing', 'different', 'extra', 'failed']),
  expected: z.string().max(16_384).nullable(),
  seen: z.string().max(16_384).nullable(),
  dnssec,
});
