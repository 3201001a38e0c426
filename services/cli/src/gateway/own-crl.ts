import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayConfig } from '@sallyport/config';
import { isSystemError } from '@sallyport/disk';
import {
  type Certificate,
  composeCrl,
  OWN_REVOCATION_REASONS,
  type OwnRevocationReason,
  type UnsignedStructure,
} from '@sallyport/pki';
import { z } from 'zod';
import { writeWhole } from './files.ts';
import type { OwnCaIssuer } from './keys-ca.ts';
import type { GatewayLayout } from './layout.ts';

/** How long a list holds; the CA is offline, so people have to bring its passphrase by then. */
export const CRL_DAYS = 90;
const DAY_MS = 86_400_000;
const MAX_REVOKED = 10_000;

const revocationsSchema = z.strictObject({
  /** Of the last list. */
  crlNumber: z.int().nonnegative(),
  nextUpdate: z.iso.datetime(),
  revoked: z
    .array(
      z.strictObject({
        /** Content octets in hex. */
        serial: z.string().regex(/^([0-9a-f]{2}){1,32}$/),
        fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
        revokedAt: z.iso.datetime(),
        reason: z.enum(OWN_REVOCATION_REASONS),
      }),
    )
    .max(MAX_REVOKED),
});
type Revocations = z.infer<typeof revocationsSchema>;

function revocationsFile(layout: GatewayLayout): string {
  return join(layout.ca, 'revocations.json');
}

/** What the own CA has revoked so far; null if it has issued no list yet. */
export async function readRevocations(layout: GatewayLayout): Promise<Revocations | null> {
  try {
    return revocationsSchema.parse(JSON.parse(await readFile(revocationsFile(layout), 'utf8')));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  }
}

/**
 * Issues the next list of the own CA, with one more certificate on it or none, and publishes it
 * whole. What is revoked is on disk before the list is seen, so no later list forgets it; if the list
 * is not signed, nothing has changed.
 */
export async function issueOwnCrl(
  layout: GatewayLayout,
  order: {
    readonly issuer: OwnCaIssuer;
    readonly now: Date;
    readonly days: number;
    /** Uses the CA's key, and says so to the audit log where there is one. */
    readonly sign: (list: UnsignedStructure) => Promise<Buffer>;
    readonly revoke?: { readonly certificate: Certificate; readonly reason: OwnRevocationReason };
  },
): Promise<Revocations> {
  const { now, revoke } = order;
  const before = await readRevocations(layout);
  const added =
    revoke === undefined
      ? []
      : [
          {
            serial: revoke.certificate.serial.toString('hex'),
            fingerprint: revoke.certificate.fingerprint,
            revokedAt: now.toISOString(),
            reason: revoke.reason,
          },
        ];
  const next: Revocations = revocationsSchema.parse({
    crlNumber: (before?.crlNumber ?? 0) + 1,
    nextUpdate: new Date(now.getTime() + order.days * DAY_MS).toISOString(),
    revoked: [...(before?.revoked ?? []), ...added],
  });
  const list = composeCrl({
    issuer: order.issuer,
    crlNumber: next.crlNumber,
    thisUpdate: now,
    nextUpdate: new Date(next.nextUpdate),
    revoked: next.revoked.map(({ serial, revokedAt, reason }) => ({
      serial: Buffer.from(serial, 'hex'),
      revokedAt: new Date(revokedAt),
      reason,
    })),
  });
  const der = await order.sign(list);
  await writeWhole(revocationsFile(layout), `${JSON.stringify(next, null, 2)}\n`, 0o640);
  await writeWhole(layout.publishedCrl, der, 0o644);
  return next;
}

/** Where the world finds that list, for the certificates that the CA issues; none if nobody said. */
export function crlUrlsOf({ directory }: GatewayConfig): readonly string[] {
  const url = directory?.http.publicUrl;
  return url === undefined ? [] : [crlUrlAt(url)];
}

/** The place of the list on a directory of that address. */
export function crlUrlAt(publicUrl: string): string {
  return `${publicUrl}/crl/ca.crl`;
}
