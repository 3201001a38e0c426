import type { KeyRecord } from '@sallyport/ipc';
import type { Certificate } from '@sallyport/pki';
import { writeWhole } from './files.ts';
import { AUTHORITY_OF, type AuthorityClass, certificateOf, readKeyRecords } from './keys.ts';
import type { GatewayLayout } from './layout.ts';

const DAY_MS = 86_400_000;
/** Mail waits for days, and its signature is compared with what the domain publishes (TM-4). */
const RETIRED_STAYS_DAYS = 30;

/**
 * The certificates of a domain that partners shall find, the one in use first. For encryption it is
 * that one alone. For signatures also the next one, before it signs, and the one before, until its
 * mail has arrived.
 */
export function certificatesToPublish(
  records: readonly KeyRecord[],
  of: { readonly keyClass: AuthorityClass; readonly domain: string; readonly now: Date },
): readonly Certificate[] {
  const fitting = records.filter(
    (record) => record.class === of.keyClass && record.domain === of.domain,
  );
  const active = fitting.filter(({ state }) => state === 'active');
  const beside =
    of.keyClass === 'domain-signing'
      ? fitting.filter((record) => record.state === 'pending' || isFresh(record, of.now))
      : [];
  return [...active, ...beside]
    .flatMap((record) => certificateOf(record) ?? [])
    .filter(({ notAfter }) => notAfter.getTime() > of.now.getTime());
}

function isFresh({ state, retiredAt, isRevoked }: KeyRecord, now: Date): boolean {
  if (state !== 'retired' || retiredAt === undefined || isRevoked === true) return false;
  return now.getTime() - Date.parse(retiredAt) < RETIRED_STAYS_DAYS * DAY_MS;
}

/**
 * Writes what the directory answers with: each authority under the names that partners ask for, and
 * the confidentiality authority under the domain itself as well (CD-4, CD-8).
 */
export async function publishAuthorities(layout: GatewayLayout, now: Date): Promise<void> {
  const records = await readKeyRecords(layout.keys);
  const domains = [...new Set(records.map((record) => record.domain))];
  const classes = ['domain-confidentiality', 'domain-signing'] as const;
  const entries = domains.flatMap((domain) =>
    classes.flatMap((keyClass) => {
      const found = certificatesToPublish(records, { keyClass, domain, now });
      if (found.length === 0) return [];
      const cn = AUTHORITY_OF[keyClass];
      const ofDomain = keyClass === 'domain-confidentiality' ? [domain] : [];
      const userCertificate = found.map(({ der }) => der.toString('base64'));
      return [{ cn, mail: [`${cn}@${domain}`, ...ofDomain], userCertificate }];
    }),
  );
  await writeWhole(layout.published, `${JSON.stringify({ entries }, null, 2)}\n`, 0o644);
}
