import type { KeyAlgorithm, KeyRecord, RequestedOrganization } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import { formatPem, makeAuthorityCsr } from '@sallyport/pki';
import { AUTHORITY_OF } from '../gateway/keys.ts';
import { readPrivateKey } from '../gateway/private-keys.ts';
import { keyFilesOf } from '../gateway/seal-keys.ts';
import { type Gateway, openGateway } from './gateway-access.ts';
import { type KeyOptions, keyFacts, keyRecord } from './key-session.ts';
import { csrOfKeyholder } from './keyholder-orders.ts';
import { note, printJson, printTable, printText } from './output.ts';
import { Complaint } from './run.ts';

/** Prints every key, its state and its certificate; ends with 1 if one is quarantined. */
export async function runKeyList(options: KeyOptions): Promise<number> {
  const { layout } = await openGateway(options.config);
  const { records, quarantined } = await keyFilesOf(layout).check();
  const facts = records.map((record) => {
    const reason = quarantined.find((one) => one.keyId === record.keyId)?.reason;
    return { ...keyFacts(record), ...(reason === undefined ? {} : { quarantined: reason }) };
  });
  const unread = quarantined.filter(({ keyId }) => !records.some((one) => one.keyId === keyId));
  if (options.json === true) {
    for (const one of facts) printJson(one);
    for (const { keyId, reason } of unread) printJson({ keyId, quarantined: reason });
  } else {
    printTable(
      facts.map((one) => [
        one.keyId,
        one.class,
        one.domain,
        stateText(one),
        one.algorithm,
        one.notAfter === null ? 'no certificate' : `until ${one.notAfter.slice(0, 10)}`,
        one.fingerprint === null ? '' : `SHA-256 ${one.fingerprint}`,
      ]),
    );
    for (const { keyId, reason } of quarantined) note(`${keyId} is quarantined: ${reason}.`);
  }
  return quarantined.length === 0 ? 0 : 1;
}

function stateText({
  state,
  activateAt,
  isRevoked,
  quarantined,
}: ReturnType<typeof keyFacts> & { readonly quarantined?: string }): string {
  if (quarantined !== undefined) return `${state}, quarantined`;
  if (activateAt !== undefined) return `${state}, active at ${activateAt}`;
  return isRevoked === true ? `${state}, revoked` : state;
}

/** PKCS#10 proves possession by a signature (RFC 2986 section 3), which these cannot make. */
const CANNOT_REQUEST: ReadonlySet<KeyAlgorithm> = new Set([
  'x25519',
  'ml-kem-512',
  'ml-kem-768',
  'ml-kem-1024',
]);

export function canRequest(algorithm: KeyAlgorithm): boolean {
  return !CANNOT_REQUEST.has(algorithm);
}

/** Parts of the subject that a CA outside may want beside the authority's name. */
export interface OrganizationOptions {
  readonly country?: string;
  readonly state?: string;
  readonly locality?: string;
  readonly organization?: string;
  readonly unit?: string;
}

/** @throws Complaint if a part is not one that a certificate can have. */
export function organizationOf(options: OrganizationOptions): RequestedOrganization {
  const { country: c, state: st, locality: l, organization: o, unit: ou } = options;
  if (c !== undefined && !/^[A-Z]{2}$/.test(c)) {
    throw new Complaint('--country takes two capital letters, as DE.');
  }
  for (const part of [st, l, o, ou]) {
    if (part === undefined || (/^[^\p{Cc}]{1,64}$/u.test(part) && part.trim() !== '')) continue;
    throw new Complaint('A part of the subject has from 1 to 64 characters, and no control ones.');
  }
  const parts = Object.entries({ c, st, l, o, ou }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(parts);
}

/** Prints a request for the key's certificate. */
export async function runKeyCsr(
  keyId: string,
  options: KeyOptions & OrganizationOptions,
): Promise<number> {
  const gateway = await openGateway(options.config);
  const record = await keyRecord(gateway, keyId);
  const csr = await csrOf(gateway, record, organizationOf(options));
  if (options.json === true) printJson({ keyId, state: record.state, csr });
  else printText(csr);
  return 0;
}

/** The request in PEM: out of the keyholder, or made here if no gateway is running. */
export async function csrOf(
  gateway: Gateway,
  record: KeyRecord,
  organization: RequestedOrganization,
): Promise<string> {
  const { class: keyClass, algorithm, keyId, state } = record;
  if (keyClass !== 'domain-signing' && keyClass !== 'domain-confidentiality') {
    throw new Complaint(`A ${keyClass} key has no certificate.`);
  }
  if (!canRequest(algorithm)) {
    throw new Complaint(`A ${algorithm} key cannot sign a request for its own certificate.`);
  }
  if (state === 'retired' || state === 'destroyed') {
    throw new Complaint(`The key ${keyId} is ${state}; a certificate for it would be of no use.`);
  }
  const answered = await csrOfKeyholder(gateway, keyId, organization);
  if (answered !== null) return formatPem('CERTIFICATE REQUEST', answered);
  if (record.token !== undefined) {
    throw new Complaint(`The key ${keyId} is on a token, which a running gateway alone asks.`);
  }
  const privateKey = await readPrivateKey(gateway.layout, record);
  const name = AUTHORITY_OF[keyClass];
  const domain = record.domain as Domain;
  const der = makeAuthorityCsr({ name, domain, organization, privateKey });
  return formatPem('CERTIFICATE REQUEST', der);
}
