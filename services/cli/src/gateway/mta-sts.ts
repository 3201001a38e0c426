import { createHash } from 'node:crypto';
import type { ZoneFacts } from './dns-records.ts';

/** A week: RFC 8461 section 3.2 wants weeks, and allows less for trying out. */
const MAX_AGE_SECONDS = 604_800;
/** RFC 8461 section 3.1 allows 32. */
const ID_CHARACTERS = 20;

/** The text of `https://mta-sts.DOMAIN/.well-known/mta-sts.txt` (RFC 8461 section 3.2); null for mode none. */
export function formatMtaStsPolicy({
  gatewayName,
  publish,
}: Pick<ZoneFacts, 'gatewayName' | 'publish'>): string | null {
  if (publish.mtaSts === 'none') return null;
  const lines = [
    'version: STSv1',
    `mode: ${publish.mtaSts}`,
    `mx: ${gatewayName}`,
    `max_age: ${MAX_AGE_SECONDS}`,
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

/** RFC 8461 section 3.1: letters and digits; another text has another one. */
export function mtaStsId(policy: string): string {
  return createHash('sha256').update(policy).digest('hex').slice(0, ID_CHARACTERS);
}
