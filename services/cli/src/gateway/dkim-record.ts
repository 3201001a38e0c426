import { createPublicKey } from 'node:crypto';
import type { KeyRecord } from '@sallyport/ipc';

const DAY_MS = 86_400_000;
/** Mail waits for days on its way, and is looked at when it arrives. */
const RETIRED_STAYS_DAYS = 14;
/** RFC 1035 section 3.3: one character string of a TXT record. */
const MAX_STRING = 255;

/** The DKIM keys that verifiers shall find: before they sign, while they do, and until their mail has arrived. */
export function dkimToPublish(
  records: readonly KeyRecord[],
  of: { readonly domain: string; readonly now: Date },
): readonly KeyRecord[] {
  return records.filter(({ class: keyClass, domain, state, retiredAt }) => {
    if (keyClass !== 'dkim' || domain !== of.domain) return false;
    if (state === 'generated' || state === 'active') return true;
    if (state !== 'retired' || retiredAt === undefined) return false;
    return of.now.getTime() - Date.parse(retiredAt) < RETIRED_STAYS_DAYS * DAY_MS;
  });
}

/** Where the record of a key stands (RFC 6376 section 3.6.2.1), with its final dot. */
export function dkimName({ dkimSelector, domain }: KeyRecord): string {
  return `${dkimSelector}._domainkey.${domain}.`;
}

/** The TXT record of a key as a zone file has it (RFC 6376 section 3.6.1). */
export function dkimData(record: KeyRecord): string {
  const text = `v=DKIM1; k=${kindOf(record)}; h=sha256; p=${publishedKey(record)}`;
  const strings: string[] = [];
  for (let at = 0; at < text.length; at += MAX_STRING) {
    strings.push(`"${text.slice(at, at + MAX_STRING)}"`);
  }
  return strings.join(' ');
}

function kindOf({ algorithm }: KeyRecord): 'rsa' | 'ed25519' {
  return algorithm === 'ed25519' ? 'ed25519' : 'rsa';
}

/** RSA as SubjectPublicKeyInfo; of Ed25519 the 32 octets alone (RFC 8463 section 4). */
function publishedKey(record: KeyRecord): string {
  const spki = record.dkimPublicKey ?? '';
  if (kindOf(record) === 'rsa') return spki;
  const key = createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
}
