import { fitsKeyClass, type KeyRecord } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import {
  type Certificate,
  formatPem,
  formatPemCertificate,
  generateKeyPairPem,
  issueDomainAuthority,
  type KeyKind,
  makeCsr,
  parseCertificate,
  validatePath,
} from '@sallyport/pki';
import {
  AUTHORITY_OF,
  type AuthorityClass,
  addPendingKey,
  certificateOf,
  readPrivateKey,
  writeKeyRecord,
} from '../gateway/keys.ts';
import { openOwnCaKey, readOwnCa } from '../gateway/keys-ca.ts';
import { readSecret } from './ask-secret.ts';
import { type Gateway, openGateway } from './gateway-access.ts';
import { activate, type KeyOptions, keyDomain, keyRecords, openKeySession } from './key-session.ts';
import { note, print, printJson, printTable, printText } from './output.ts';
import { Complaint } from './run.ts';

const AUTHORITY_DAYS = 825;
/** Certificates are valid a little before now: partners' clocks differ. */
const BACKDATE_MS = 3_600_000;

/** Prints every key, its state and its certificate. */
export async function runKeyList(options: KeyOptions): Promise<number> {
  const facts = (await keyRecords(await openGateway(options.config))).map((record) => {
    const certificate = certificateOf(record);
    const { keyId, domain, state, algorithm } = record;
    return {
      keyId,
      class: record.class,
      domain,
      state,
      algorithm,
      notAfter: certificate?.notAfter.toISOString() ?? null,
      fingerprint: certificate?.fingerprint ?? null,
    };
  });
  if (options.json === true) for (const one of facts) printJson(one);
  else {
    printTable(
      facts.map((one) => [
        one.keyId,
        one.class,
        one.domain,
        one.state,
        one.algorithm,
        one.notAfter === null ? 'no certificate' : `until ${one.notAfter.slice(0, 10)}`,
        one.fingerprint === null ? '' : `SHA-256 ${one.fingerprint}`,
      ]),
    );
  }
  return 0;
}

/** PKCS#10 proves possession by a signature (RFC 2986 section 3), which these cannot make. */
const CANNOT_REQUEST: ReadonlySet<KeyKind> = new Set([
  'x25519',
  'ml-kem-512',
  'ml-kem-768',
  'ml-kem-1024',
]);

export interface KeyGenerateOptions extends KeyOptions {
  readonly for: AuthorityClass;
  readonly domain?: string;
  readonly algorithm: KeyKind;
  readonly selfIssue?: boolean;
  readonly passphraseFile?: string;
  readonly activate?: boolean;
}

/** Makes a pending key pair, with a certificate of the own CA or a request for a CA outside. */
export async function runKeyGenerate(options: KeyGenerateOptions): Promise<number> {
  if (options.activate === true && options.selfIssue !== true) {
    throw new Complaint('Only a key with a certificate can be activated: give --self-issue too.');
  }
  if (!fitsKeyClass(options.algorithm, options.for)) {
    throw new Complaint(`A key of the kind ${options.algorithm} cannot serve ${options.for}.`);
  }
  if (CANNOT_REQUEST.has(options.algorithm) && options.selfIssue !== true) {
    throw new Complaint(
      `A key of the kind ${options.algorithm} cannot sign a request for its own certificate: give --self-issue.`,
    );
  }
  const session = await openKeySession(options);
  const { gateway, records } = session;
  const domain = keyDomain(gateway, options.domain);
  const issuer = options.selfIssue === true ? await openCa(gateway, options.passphraseFile) : null;
  const now = new Date();
  const pair = generateKeyPairPem(options.algorithm);
  const certificate =
    issuer === null ? null : issue({ ...options, domain, spki: pair.spki, issuer, now });
  const folder = gateway.layout.keys;
  const { privateKeyPem } = pair;
  const { algorithm } = options;
  let record = await addPendingKey({
    folder,
    records,
    class: options.for,
    domain,
    algorithm,
    privateKeyPem,
    now,
  });
  if (certificate !== null) {
    record = { ...record, certificate: formatPemCertificate(certificate.der) };
    await writeKeyRecord(folder, record);
  }
  await session.record('key-generated', record, certificate?.fingerprint);
  if (options.activate === true) record = await activate(session, record.keyId);
  if (options.json === true) printJson({ keyId: record.keyId, state: record.state });
  else if (certificate === null) {
    note(
      `${record.keyId} is ${record.state}; have this request signed, then: sallyport key import.`,
    );
    printText(await csrOf(folder, record));
  } else print(`${record.keyId} is ${record.state}.`);
  return 0;
}

interface Issuer {
  readonly certificate: Certificate;
  readonly privateKey: Awaited<ReturnType<typeof readPrivateKey>>;
}

async function openCa(gateway: Gateway, passphraseFile: string | undefined): Promise<Issuer> {
  const certificate = await readOwnCa(gateway.layout);
  if (certificate === null)
    throw new Complaint('This gateway has no CA of its own: leave --self-issue out.');
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

function issue(request: {
  readonly for: AuthorityClass;
  readonly domain: Domain;
  readonly spki: Buffer;
  readonly issuer: Issuer;
  readonly now: Date;
}): Certificate {
  const { domain, spki, issuer, now } = request;
  const notBefore = new Date(now.getTime() - BACKDATE_MS);
  const name = AUTHORITY_OF[request.for];
  const parsed = parseCertificate(
    issueDomainAuthority({ name, domain, spki, issuer, notBefore, days: AUTHORITY_DAYS }),
  );
  if (parsed.kind !== 'certificate') throw new Error(`own certificate: ${parsed.reason}`);
  const leaf = parsed.value;
  // The CA is bound to its domains, and it ends: partners would refuse what it may not issue.
  const anchors = [issuer.certificate];
  const valid = validatePath({ leaf, intermediates: [], anchors, time: now, purpose: 'any' });
  if (valid.kind === 'valid') return leaf;
  throw new Complaint(`The own CA cannot issue this certificate: ${valid.reason}.`);
}

/** Prints a request for the key's certificate. */
export async function runKeyCsr(keyId: string, options: KeyOptions): Promise<number> {
  const gateway = await openGateway(options.config);
  const record = (await keyRecords(gateway)).find((one) => one.keyId === keyId);
  if (record === undefined) throw new Complaint(`There is no key ${keyId}.`);
  printText(await csrOf(gateway.layout.keys, record));
  return 0;
}

async function csrOf(folder: string, record: KeyRecord): Promise<string> {
  if (record.class !== 'domain-signing' && record.class !== 'domain-confidentiality') {
    throw new Complaint(`A ${record.class} key has no certificate.`);
  }
  if (CANNOT_REQUEST.has(record.algorithm)) {
    throw new Complaint(`A ${record.algorithm} key cannot sign a request for its own certificate.`);
  }
  const cn = AUTHORITY_OF[record.class];
  const privateKey = await readPrivateKey(folder, record);
  return formatPem(
    'CERTIFICATE REQUEST',
    makeCsr({ subject: { cn }, privateKey, emails: [`${cn}@${record.domain}`] }),
  );
}

/** Puts a key that has its certificate in use. */
export async function runKeyActivate(
  keyId: string,
  options: KeyOptions & { readonly beside?: boolean },
): Promise<number> {
  const beside = options.beside === true;
  const session = await openKeySession(options);
  const record = session.records.find((one) => one.keyId === keyId);
  if (record === undefined) throw new Complaint(`There is no key ${keyId}.`);
  if (record.state === 'destroyed') throw new Complaint(`The key ${keyId} is destroyed.`);
  if (beside && record.class !== 'domain-signing') {
    throw new Complaint('Only signing keys work side by side; mail is encrypted to one.');
  }
  print(`${keyId} is ${(await activate(session, keyId, { beside })).state}.`);
  return 0;
}
