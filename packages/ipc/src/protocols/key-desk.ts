import { z } from 'zod';
import { defineProtocol } from '../protocol.ts';
import {
  dkimSelectorSchema,
  keyAlgorithmSchema,
  keyClassSchema,
  keyStateSchema,
} from './key-record.ts';
import { keyIdSchema, operatorSchema, timeSchema } from './values.ts';

/** A certificate with its intermediates, in PEM. */
export const MAX_CERTIFICATE_PEM_CHARS = 128 * 1024;
const MAX_RECORDS = 1_000;
const MAX_DOMAINS = 10_000;

const domain = z.string().min(1).max(255);
const pem = z.string().min(1).max(MAX_CERTIFICATE_PEM_CHARS);
const order = { keyId: keyIdSchema, by: operatorSchema };

/** A key after a step, and what else the step changed. */
const keyStepSchema = z.strictObject({
  keyId: keyIdSchema,
  state: keyStateSchema,
  activateAt: timeSchema.nullable(),
  /** Other keys that the step took out of use. */
  former: z.array(z.strictObject({ keyId: keyIdSchema, state: keyStateSchema })).max(100),
});
export type KeyStepDone = z.infer<typeof keyStepSchema>;

const zoneRecordSchema = z.strictObject({
  /** With its final dot. */
  name: z.string().max(1_024),
  type: z.enum(['MX', 'SRV', 'CNAME', 'TXT', 'SMIMEA', 'CERT', 'TLSA']),
  data: z.string().max(256 * 1024),
  purpose: z.string().max(1_000),
});
/** One line of a zone file. */
export type PublishedRecord = z.infer<typeof zoneRecordSchema>;

/**
 * The socket of the supervisor that runs the keyholder: orders that change keys, for the console.
 * Each is checked by the table of a key's life, and recorded before it takes effect. To destroy a
 * key, and all that needs the CA, is left to the command line.
 */
export const keyDeskProtocol = defineProtocol({
  /** Makes a key pair; `generated` after that. Kept on the token if the key in use is on one. */
  generate: {
    params: z.strictObject({
      domain,
      class: keyClassSchema,
      algorithm: keyAlgorithmSchema,
      /** For class dkim, and there always. */
      selector: dkimSelectorSchema.exactOptional(),
      by: operatorSchema,
    }),
    result: keyStepSchema,
  },
  /** Takes the certificate of a generated key in; name, key, strength and path are checked first. */
  takeCertificate: {
    params: z.strictObject({
      ...order,
      /** The certificate first, then its issuers; no private key. */
      pem,
      /** Roots that the path may end at; left out: the gateway's own CA. */
      anchors: pem.exactOptional(),
    }),
    result: keyStepSchema,
  },
  /** Plans when a pending key comes into use. */
  schedule: { params: z.strictObject({ ...order, at: timeSchema }), result: keyStepSchema },
  /** Takes such a plan back. */
  cancel: { params: z.strictObject(order), result: keyStepSchema },
  /** Puts a key in use at once; the former one goes out of use. */
  activate: { params: z.strictObject(order), result: keyStepSchema },
  /** Takes a key out of use; the last one of its class stays. */
  retire: { params: z.strictObject(order), result: keyStepSchema },
  /** What a domain is to publish in the DNS; null asks for the first domain. */
  zone: {
    params: z.strictObject({ domain: domain.nullable() }),
    result: z.strictObject({
      domain,
      /** All domains of the gateway. */
      domains: z.array(domain).max(MAX_DOMAINS),
      records: z.array(zoneRecordSchema).max(MAX_RECORDS),
      /** MTA-STS policies, for a web server. */
      files: z
        .array(z.strictObject({ url: z.string().max(1_024), text: z.string().max(64 * 1024) }))
        .max(10),
    }),
  },
  /** What the certificate of a key adds to the DNS, before the key is in use as after. */
  linesOf: {
    params: z.strictObject({ keyId: keyIdSchema }),
    result: z.strictObject({ records: z.array(zoneRecordSchema).max(10) }),
  },
});
export type KeyDeskProtocol = typeof keyDeskProtocol;
