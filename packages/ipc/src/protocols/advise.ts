import { z } from 'zod';
import { defineProtocol } from '../protocol.ts';
import { describedCertificateSchema, trustCheckSchema } from './advise-certificate.ts';
import { tlsReportsMethod } from './advise-reports.ts';
import {
  levelFindingSchema,
  mailFindingSchema,
  mtaStsFindingSchema,
  recordCheckSchema,
  surveyResultSchema,
  zoneRowSchema,
} from './advise-survey.ts';
import { base64Schema, forwardPathSchema, reversePathSchema } from './values.ts';

/** A call is one frame of a megabyte. */
export const MAX_SIMULATED_BYTES = 512 * 1024;
export const MAX_DRAFT_CHARS = 256 * 1024;
export const MAX_DESCRIBED = 40;
export const MAX_CHECKED_RECORDS = 500;
const MAX_CERTIFICATE_BYTES = 64 * 1024;

const domain = z.string().min(1).max(255);
const inPem = z.string().max(2 * MAX_CERTIFICATE_BYTES);

/** One step of a search for certificates: what was asked, of whom, what came, what it means. */
export const traceStepSchema = z.strictObject({
  door: z.string(),
  query: z.string(),
  server: z.string().exactOptional(),
  outcome: z.enum(['found', 'nothing', 'usable', 'unusable', 'failed', 'skipped']),
  reason: z.string(),
  tookMs: z.number(),
});

const traced = { steps: z.array(traceStepSchema).max(1_000) };

/** What console and cli ask of worker advise. It writes nothing. */
export const adviseProtocol = defineProtocol({
  locate: {
    params: z.strictObject({
      address: forwardPathSchema,
      /** What it is to do; `confidentiality` if left out. */
      role: z.enum(['confidentiality', 'signing']).exactOptional(),
    }),
    result: z.strictObject({
      ...traced,
      certificates: z.array(z.base64()),
      /** How the certificate came to be trusted; null if none can be used. */
      found: z
        .strictObject({
          door: z.string(),
          owner: z.string(),
          proof: z.string(),
          revocation: z.strictObject({ mode: z.string(), status: z.string(), reason: z.string() }),
        })
        .nullable(),
    }),
  },
  /** The certificate of an address with its path, and each field that counted when it was judged. */
  trust: {
    params: z.strictObject({
      address: forwardPathSchema,
      role: z.enum(['confidentiality', 'signing']),
    }),
    result: z.strictObject({
      ...traced,
      door: z.string().nullable(),
      proof: z.string().nullable(),
      /** From the end entity to the anchor; empty if none can be used. */
      path: z
        .array(z.strictObject({ certificate: describedCertificateSchema, revocation: z.string() }))
        .max(MAX_DESCRIBED),
      checks: z.array(trustCheckSchema).max(100),
    }),
  },
  /** What stands in certificates; `certificates` is DER in base64 or PEM with several. */
  describe: {
    params: z.strictObject({ certificates: z.array(inPem).max(MAX_DESCRIBED) }),
    result: z.strictObject({
      certificates: z
        .array(
          z.discriminatedUnion('kind', [
            z.strictObject({ kind: z.literal('certificate'), value: describedCertificateSchema }),
            z.strictObject({ kind: z.literal('malformed'), reason: z.string() }),
          ]),
        )
        .max(MAX_DESCRIBED),
    }),
  },
  /** What a domain publishes, by the policy in force. */
  survey: { params: z.strictObject({ domain }), result: surveyResultSchema },
  /** Connects to the hosts of a domain; nothing is sent. */
  probe: {
    params: z.strictObject({ domain }),
    result: z.strictObject({
      mail: mailFindingSchema,
      mtaSts: mtaStsFindingSchema,
      /** By host, what it showed, its own certificate first. */
      chains: z
        .array(
          z.strictObject({
            host: z.string(),
            certificates: z.array(describedCertificateSchema).max(10),
          }),
        )
        .max(16),
      levels: z.array(levelFindingSchema).max(16),
    }),
  },
  dnsCheck: {
    params: z.strictObject({ rows: z.array(zoneRowSchema).max(MAX_CHECKED_RECORDS) }),
    result: z.strictObject({ checks: z.array(recordCheckSchema).max(5_000) }),
  },
  tlsReports: tlsReportsMethod,
  simulate: {
    params: z.strictObject({
      from: reversePathSchema,
      to: forwardPathSchema,
      /** The message itself; left out: as if it were short, unsigned and clean. */
      message: base64Schema(MAX_SIMULATED_BYTES).exactOptional(),
      /** JSON of a policy to decide by in place of the one in force. */
      policy: z.string().max(MAX_DRAFT_CHARS).exactOptional(),
    }),
    result: z.strictObject({
      ...traced,
      decision: z.string(),
      rule: z.string(),
      sentence: z.string(),
      /** How it would be encrypted and who chose that; null if it would not be. */
      algorithms: z
        .strictObject({
          content: z.string(),
          contentSource: z.string(),
          keyTransport: z.string(),
          keyTransportSource: z.string(),
        })
        .nullable(),
      /** What it would be encrypted to; null if it would not be. */
      certificate: z
        .strictObject({
          fingerprint: z.string(),
          door: z.string(),
          owner: z.string(),
          proof: z.string(),
          revocation: z.string(),
        })
        .nullable(),
      /** By which it was decided; null for a draft. */
      policyVersion: z.int().nullable(),
      /** What was taken for granted. */
      remarks: z.array(z.string()),
    }),
  },
});
