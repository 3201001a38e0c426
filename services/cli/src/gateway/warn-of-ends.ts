import type { Logger } from '@sallyport/log';
import { certificateOf, readKeyRecords } from './keys.ts';
import type { GatewayLayout } from './layout.ts';
import { readRevocations } from './own-crl.ts';

const DAY_MS = 86_400_000;
const CERTIFICATE_DAYS = 30;
const CRL_DAYS_LEFT = 14;

/** Logs what ends soon: certificates of keys in use, and the CRL of the own CA. */
export async function warnOfEnds(layout: GatewayLayout, logger: Logger, now: Date): Promise<void> {
  for (const record of await readKeyRecords(layout.keys)) {
    const end = record.state === 'active' ? certificateOf(record)?.notAfter : undefined;
    if (end === undefined || end.getTime() - now.getTime() > CERTIFICATE_DAYS * DAY_MS) continue;
    const advice = 'make its successor: sallyport key rollover';
    logger.warn('certificate.ends-soon', {
      keyId: record.keyId,
      notAfter: end.toISOString(),
      advice,
    });
  }
  const list = await readRevocations(layout);
  if (list === null) return;
  if (Date.parse(list.nextUpdate) - now.getTime() > CRL_DAYS_LEFT * DAY_MS) return;
  const advice = 'issue the next one: sallyport key crl';
  logger.warn('crl.ends-soon', { nextUpdate: list.nextUpdate, advice });
}
