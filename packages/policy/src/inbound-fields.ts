import { z } from 'zod';
import { inboundAuthenticationFields } from './dmarc.ts';
import { inboundLabelFields } from './domsec-fields.ts';
import { pemSchema } from './pem-field.ts';

const MAX_ANCHORS = 200;

/** What a rule says of mail from a partner. */
export const inboundSchema = z.strictObject({
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
        .max(MAX_ANCHORS)
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
