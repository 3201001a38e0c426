import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '@sallyport/disk';
import type { Domain } from '@sallyport/mail';
import {
  type Certificate,
  composeDomainAuthority,
  parseCertificate,
  parsePemCertificates,
  type UnsignedStructure,
  type UntrustedCertificate,
  validatePath,
} from '@sallyport/pki';
import { AUTHORITY_OF, type AuthorityClass } from './keys.ts';
import type { GatewayLayout } from './layout.ts';

const AUTHORITY_DAYS = 825;
/** Certificates are valid a little before now: partners' clocks differ. */
const BACKDATE_MS = 3_600_000;

/** The own CA with its key opened. */
export interface OwnCaIssuer {
  readonly certificate: UntrustedCertificate;
  readonly privateKey: KeyObject | string;
}

/** The certificate of the gateway's own CA; null if it has none. */
export async function readOwnCa(layout: GatewayLayout): Promise<Certificate | null> {
  try {
    const [parsed] = parsePemCertificates(await readFile(join(layout.ca, 'ca.pem'), 'utf8'));
    return parsed?.kind === 'certificate' ? parsed.value : null;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  }
}

/** The CA's private key; null if the passphrase is wrong. */
export async function openOwnCaKey(
  layout: GatewayLayout,
  passphrase: string,
): Promise<KeyObject | null> {
  const key = await readFile(join(layout.ca, 'ca-key.pem'));
  try {
    return createPrivateKey({ key, passphrase });
  } catch {
    return null; // OpenSSL tells a wrong passphrase from a damaged file by luck only
  }
}

/** A certificate of the own CA for one authority of a domain, as far as it goes without the CA's key. */
export function composeByOwnCa(request: {
  readonly keyClass: AuthorityClass;
  readonly domain: Domain;
  readonly spki: Buffer;
  readonly issuer: OwnCaIssuer;
  readonly crlUrls: readonly string[];
  readonly now: Date;
}): UnsignedStructure {
  const { keyClass, domain, spki, issuer, crlUrls, now } = request;
  const notBefore = new Date(now.getTime() - BACKDATE_MS);
  const name = AUTHORITY_OF[keyClass];
  const days = AUTHORITY_DAYS;
  return composeDomainAuthority({ name, domain, spki, issuer, notBefore, days, crlUrls });
}

/**
 * Checks a certificate of the own CA as a partner would.
 *
 * @returns why partners would refuse it: the CA is bound to its domains, and it ends. Null if they take it.
 */
export function checkOwnCertificate(
  der: Buffer,
  { issuer, now }: { readonly issuer: OwnCaIssuer; readonly now: Date },
): string | null {
  const parsed = parseCertificate(der);
  if (parsed.kind !== 'certificate') throw new Error(`own certificate: ${parsed.reason}`);
  const leaf = parsed.value;
  const anchors = [issuer.certificate];
  const valid = validatePath({ leaf, intermediates: [], anchors, time: now, purpose: 'any' });
  return valid.kind === 'valid' ? null : valid.reason;
}
