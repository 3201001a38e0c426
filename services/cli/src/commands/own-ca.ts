import type { Domain } from '@sallyport/mail';
import { type Certificate, formatPemCertificate } from '@sallyport/pki';
import type { AuthorityClass } from '../gateway/keys.ts';
import { issueByOwnCa, type OwnCaIssuer, openOwnCaKey, readOwnCa } from '../gateway/keys-ca.ts';
import { crlUrlsOf } from '../gateway/own-crl.ts';
import { readSecret } from './ask-secret.ts';
import type { Gateway } from './gateway-access.ts';
import { Complaint } from './run.ts';

/** Opens the own CA with its passphrase. @throws Complaint if there is none, or it does not open. */
export async function openOwnCa(
  gateway: Gateway,
  passphraseFile: string | undefined,
): Promise<OwnCaIssuer> {
  const certificate = await readOwnCa(gateway.layout);
  if (certificate === null) throw new Complaint('This gateway has no CA of its own.');
  const source = {
    file: passphraseFile,
    option: '--passphrase-file',
    what: 'Passphrase of the CA key',
    isNew: false,
  };
  const privateKey = await openOwnCaKey(gateway.layout, await readSecret(source));
  if (privateKey === null)
    throw new Complaint('The CA key does not open with this passphrase; nothing was done.');
  return { certificate, privateKey };
}

/** A certificate of the own CA, as a key record has it. @throws Complaint if partners would refuse it. */
export function certifyByOwnCa(
  gateway: Gateway,
  issuer: OwnCaIssuer,
  request: {
    readonly keyClass: AuthorityClass;
    readonly domain: Domain;
    readonly spki: Buffer;
    readonly now: Date;
  },
): { readonly certificate: string; readonly chain: readonly []; readonly parsed: Certificate } {
  const parsed = issueByOwnCa({ ...request, issuer, crlUrls: crlUrlsOf(gateway.config) });
  if ('refusal' in parsed) {
    throw new Complaint(`The own CA cannot issue this certificate: ${parsed.refusal}.`);
  }
  return { certificate: formatPemCertificate(parsed.der), chain: [], parsed };
}
