import { parseQueueId, type QueueId } from '@sallyport/mail';
import { z } from 'zod';

/** The clear part of a queue file is never longer; a writer is refused, a reader calls it corrupt. */
export const MAX_HEADER_BYTES = 512 * 1024;

/** What the SMTP session knew about its client (RFC 5321 section 4.4, RFC 3848). */
export const clientFactsSchema = z.strictObject({
  address: z.string(),
  port: z.number().int(),
  helo: z.string(),
  tls: z
    .strictObject({
      version: z.string(),
      cipher: z.string(),
      clientCertificate: z.string().nullable(),
      clientAuthorized: z.boolean(),
      clientChain: z.array(z.string()).exactOptional(),
    })
    .nullable(),
  login: z.string().nullable(),
  listener: z.enum(['partner', 'submission', 'relay']),
  /** Left out: the client spoke to us itself. Else `tls` is the front's. */
  front: z
    .strictObject({
      address: z.string(),
      clientKnown: z.boolean(),
      authservId: z.string().exactOptional(),
    })
    .exactOptional(),
});

export type ClientFacts = Readonly<z.infer<typeof clientFactsSchema>>;

/** One recipient with what RFC 3461 section 4 lets the client say about it. */
export const forwardPathSchema = z.strictObject({
  path: z.string(),
  notify: z.array(z.enum(['NEVER', 'SUCCESS', 'FAILURE', 'DELAY'])).exactOptional(),
  orcpt: z.string().exactOptional(),
});

const headerFields = {
  version: z.literal(1),
  id: z.custom<QueueId>((value) => typeof value === 'string' && parseQueueId(value) !== null),
  createdAt: z.iso.datetime(),
  origin: z.enum(['outward', 'inward', 'gateway']),
  reversePath: z.string(),
  forwardPaths: z.array(forwardPathSchema),
  client: clientFactsSchema.nullable(),
  /** DS-G1: why the originator is taken to be authentic; null where nobody had to be. */
  evidence: z.string().nullable(),
  dsn: z.strictObject({
    ret: z.enum(['FULL', 'HDRS']).exactOptional(),
    envid: z.string().exactOptional(),
  }),
  smtpUtf8: z.boolean(),
  eightBit: z.boolean(),
  requireTls: z.boolean(),
  extra: z.record(z.string(), z.unknown()),
};

/** The envelope of a queue file: in clear, bound to the sealed body. */
export const queueFileHeaderSchema = z.strictObject(headerFields);
type ParsedFields = z.infer<typeof queueFileHeaderSchema>;
type ParsedPath = z.infer<typeof forwardPathSchema>;

/** The type of `forwardPathSchema`. */
export interface QueuedForwardPath extends Readonly<Omit<ParsedPath, 'notify'>> {
  readonly notify?: readonly NonNullable<ParsedPath['notify']>[number][];
}

/** The type of `queueFileHeaderSchema`. */
export interface QueueFileHeader extends Readonly<Omit<ParsedFields, 'forwardPaths'>> {
  readonly forwardPaths: readonly QueuedForwardPath[];
}

/** The processes that open what others have sealed. */
export const SPOOL_READERS = ['worker', 'egress'] as const;
export type SpoolReader = (typeof SPOOL_READERS)[number];

const sealSchema = z.strictObject({
  reader: z.enum(SPOOL_READERS),
  keyId: z.string().regex(/^[0-9a-f]{16}$/),
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
});

/** To whom a file is sealed; `nonce` makes its key its own even if all else were the same. */
export type Seal = Readonly<z.infer<typeof sealSchema>>;

const storedHeaderSchema = z.strictObject({ ...headerFields, seal: sealSchema });

/**
 * The header bytes of a new file.
 *
 * @throws RangeError if they are more than `MAX_HEADER_BYTES`; ZodError if a field is not as declared.
 */
export function encodeHeader(header: QueueFileHeader, seal: Seal): Buffer {
  const stored = storedHeaderSchema.parse({ ...header, seal });
  const bytes = Buffer.from(JSON.stringify(stored));
  if (bytes.length > MAX_HEADER_BYTES) {
    throw new RangeError(`queue file header of ${bytes.length} bytes is over ${MAX_HEADER_BYTES}`);
  }
  return bytes;
}

export type ParsedHeader =
  | { readonly kind: 'header'; readonly header: QueueFileHeader; readonly seal: Seal }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Reads header bytes back; unknown and missing fields are malformed. */
export function parseHeader(bytes: Buffer): ParsedHeader {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return { kind: 'malformed', reason: 'header is not JSON' };
  }
  const parsed = storedHeaderSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue === undefined ? '' : issue.path.join('.');
    return { kind: 'malformed', reason: `header field "${where}" is not as declared` };
  }
  const { seal, ...header } = parsed.data;
  return { kind: 'header', header, seal };
}
