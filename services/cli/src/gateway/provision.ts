import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { KeyRecord } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import {
  formatPemCertificate,
  generateKeyPairPem,
  issueDomainAuthority,
  issueTlsServer,
  type KeyKind,
  makeRoot,
  parseCertificate,
  type UntrustedCertificate,
} from '@sallyport/pki';
import { generateReaderKey, SPOOL_FOLDERS } from '@sallyport/spool';
import { makePrivateFolder, writeWhole } from './files.ts';
import type { GatewayLayout } from './layout.ts';
import { writePrivateKey } from './seal-keys.ts';
import { fixedAttributes } from './signed-attributes.ts';

const CA_DAYS = 3_650;
const AUTHORITY_DAYS = 825;
const SECRET_BYTES = 32;
/** Certificates are valid a little before now: partners' clocks differ. */
const BACKDATE_MS = 3_600_000;

/** A certificate and its private key, PEM. */
interface IssuedKey {
  readonly certificate: UntrustedCertificate;
  readonly privateKeyPem: string;
}

/** The CA that vouches for one gateway's domain. Its key is used by the command line alone. */
export interface OwnCa extends IssuedKey {
  readonly domain: Domain;
}

function parsed(der: Buffer): UntrustedCertificate {
  const result = parseCertificate(der);
  if (result.kind !== 'certificate') throw new Error(`own certificate: ${result.reason}`);
  return result.value;
}

/** A new self-issued CA that name constraints bind to the domain. */
export function createCa(domain: Domain, kind: KeyKind, now: Date): OwnCa {
  const { privateKeyPem } = generateKeyPairPem(kind);
  const root = makeRoot({
    privateKey: privateKeyPem,
    commonName: `Sallyport CA of ${domain}`,
    domains: [domain],
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    days: CA_DAYS,
  });
  return { domain, certificate: parsed(root), privateKeyPem };
}

/** Keeps the CA key under a passphrase; the certificate lies beside it in clear. */
export async function saveCa(layout: GatewayLayout, ca: OwnCa, passphrase: string): Promise<void> {
  await makePrivateFolder(layout.ca);
  const sealed = createPrivateKey(ca.privateKeyPem).export({
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes-256-cbc',
    passphrase,
  });
  await writeWhole(join(layout.ca, 'ca-key.pem'), String(sealed), 0o600);
  await writeWhole(join(layout.ca, 'ca.pem'), formatPemCertificate(ca.certificate.der), 0o644);
}

export interface Authorities {
  readonly signing: UntrustedCertificate;
  readonly confidentiality: UntrustedCertificate;
}

/** Makes the two authorities of a domain and puts their keys into the key folder. */
export async function createAuthorities(options: {
  readonly layout: GatewayLayout;
  readonly ca: OwnCa;
  readonly domain: Domain;
  readonly kind: KeyKind;
  /** Where partners will find the CRL of the CA. */
  readonly crlUrls?: readonly string[];
  readonly now: Date;
}): Promise<Authorities> {
  const { layout, ca, domain, kind, crlUrls = [], now } = options;
  const issue = (name: 'domain-signing-authority' | 'domain-confidentiality-authority') => {
    const { privateKeyPem, spki } = generateKeyPairPem(kind);
    const notBefore = new Date(now.getTime() - BACKDATE_MS);
    const issuer = { certificate: ca.certificate, privateKey: ca.privateKeyPem };
    const der = issueDomainAuthority({
      name,
      domain,
      spki,
      issuer,
      notBefore,
      days: AUTHORITY_DAYS,
      crlUrls,
    });
    return { certificate: parsed(der), privateKeyPem };
  };
  const signing = issue('domain-signing-authority');
  const confidentiality = issue('domain-confidentiality-authority');
  await makePrivateFolder(layout.keys);
  const stamp = now.toISOString().slice(0, 10);
  const common = { domain, algorithm: kind, state: 'active', chain: [] } as const;
  await saveKey(layout, signing, {
    ...common,
    keyId: `dsa-${domain}-${stamp}`.slice(0, 64),
    class: 'domain-signing',
    signedAttributes: fixedAttributes(signing.certificate, confidentiality.certificate),
    now,
  });
  await saveKey(layout, confidentiality, {
    ...common,
    keyId: `dca-${domain}-${stamp}`.slice(0, 64),
    class: 'domain-confidentiality',
    signedAttributes: null,
    now,
  });
  return { signing: signing.certificate, confidentiality: confidentiality.certificate };
}

type KeyFacts = Pick<
  KeyRecord,
  'keyId' | 'class' | 'domain' | 'algorithm' | 'state' | 'signedAttributes'
> & { readonly chain: readonly string[]; readonly now: Date };

async function saveKey(layout: GatewayLayout, key: IssuedKey, facts: KeyFacts): Promise<void> {
  const { now, chain, ...record } = facts;
  const privateKeyFile = await writePrivateKey(layout, record, key.privateKeyPem);
  const full: KeyRecord = {
    ...record,
    certificate: formatPemCertificate(key.certificate.der),
    chain: [...chain],
    privateKeyFile,
    createdAt: now.toISOString(),
    activatedAt: now.toISOString(),
  };
  await writeWhole(
    join(layout.keys, `${record.keyId}.json`),
    `${JSON.stringify(full, null, 2)}\n`,
    0o600,
  );
}

/** A TLS certificate for the gateway's host out of its own CA, as two PEM files. */
export async function createTlsFiles(options: {
  readonly ca: OwnCa;
  readonly hostName: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly now: Date;
}): Promise<void> {
  const { ca, hostName, now } = options;
  const { privateKeyPem, spki } = generateKeyPairPem('ec-p256');
  const der = issueTlsServer({
    commonName: hostName,
    dnsNames: [hostName],
    spki,
    issuer: { certificate: ca.certificate, privateKey: ca.privateKeyPem },
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    days: AUTHORITY_DAYS,
  });
  await writeWhole(options.keyFile, privateKeyPem, 0o600);
  const chain = formatPemCertificate(der) + formatPemCertificate(ca.certificate.der);
  await writeWhole(options.certificateFile, chain, 0o644);
}

/** The folders and the keys that are the gateway's own business: spool readers, log, rejection. */
export async function createInnerKeys(layout: GatewayLayout): Promise<void> {
  const { spool, audit, policy, index, capabilities, harvested, pausedDestinations } = layout;
  const state = [dirname(pausedDestinations), layout.mtaStsPolicies];
  for (const folder of [spool, audit, policy, index, capabilities, harvested, ...state]) {
    await makePrivateFolder(folder);
  }
  for (const folder of SPOOL_FOLDERS) await makePrivateFolder(join(layout.spool, folder));
  const { spoolKeys } = layout;
  for (const [publicFile, privateFile] of [
    [spoolKeys.workerPublic, spoolKeys.workerPrivate],
    [spoolKeys.egressPublic, spoolKeys.egressPrivate],
  ] as const) {
    const pair = generateReaderKey();
    await writeWhole(privateFile, pair.privateKeyPem, 0o600);
    await writeWhole(publicFile, pair.publicKeyPem, 0o644);
  }
  const log = generateKeyPairSync('ed25519').privateKey;
  await writeWhole(layout.logKey, String(log.export({ format: 'pem', type: 'pkcs8' })), 0o600);
  await makePrivateFolder(layout.keys);
  const secret = `${randomBytes(SECRET_BYTES).toString('hex')}\n`;
  await writeWhole(join(layout.keys, 'rejection-secret'), secret, 0o600);
}

/** Base DNs of the directory: the domain's labels as RFC 2247 has them. */
export function baseDnOf(domain: string): string {
  return domain
    .split('.')
    .map((label) => `dc=${label}`)
    .join(',');
}
