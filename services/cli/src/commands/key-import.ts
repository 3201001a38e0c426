import { createPublicKey, type KeyObject } from 'node:crypto';
import { checkAuthorityName } from '@sallyport/domsec';
import { fitsKeyClass, type KeyRecord } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import { type Certificate, formatPemCertificate, validatePath } from '@sallyport/pki';
import {
  type AuthorityClass,
  addPendingKey,
  algorithmOf,
  readPrivateKey,
  writeKeyRecord,
} from '../gateway/keys.ts';
import { readOwnCa } from '../gateway/keys-ca.ts';
import { readCertificates, readKeyPairs } from '../message/key-file.ts';
import type { Gateway } from './gateway-access.ts';
import { activate, type KeyOptions, type KeySession, openKeySession } from './key-session.ts';
import { print, printJson } from './output.ts';
import { Complaint } from './run.ts';

export interface KeyImportOptions extends KeyOptions {
  readonly key?: string;
  readonly anchors?: string;
  readonly activate?: boolean;
}

/** Takes a certificate in: name, key and path are checked before anything is written. */
export async function runKeyImport(file: string, options: KeyImportOptions): Promise<number> {
  const session = await openKeySession(options);
  const [leaf, ...others] = await readCertificates(file);
  if (leaf === undefined) throw new Complaint(`${file} holds no certificate.`);
  const { keyClass, domain } = authorityOf(leaf, session.gateway, file);
  const chain = await chainOf(leaf, others, {
    gateway: session.gateway,
    keyClass,
    anchors: options.anchors,
  });
  const pending = await keyOf({ session, leaf, keyClass, domain, spec: options.key });
  let record: KeyRecord = {
    ...pending,
    certificate: formatPemCertificate(leaf.der),
    chain: chain.map((one) => formatPemCertificate(one.der)),
  };
  await writeKeyRecord(session.gateway.layout.keys, record);
  await session.record('key-imported', record, leaf.fingerprint);
  if (options.activate === true) record = await activate(session, record.keyId);
  if (options.json === true)
    printJson({ keyId: record.keyId, state: record.state, fingerprint: leaf.fingerprint });
  else print(`${record.keyId} has its certificate and is ${record.state}.`);
  return 0;
}

/** DS-N1, DS-N2: which authority the names make it, and of which of our domains. */
function authorityOf(
  leaf: Certificate,
  { config }: Gateway,
  file: string,
): { readonly keyClass: AuthorityClass; readonly domain: Domain } {
  const signing = checkAuthorityName(leaf, 'domain');
  const confidentiality = checkAuthorityName(leaf, 'confidentiality');
  if (signing.kind === 'mismatch' && confidentiality.kind === 'mismatch') {
    throw new Complaint(`${file} is no certificate of a domain authority: ${signing.reason}.`);
  }
  const keyClass = signing.kind === 'ok' ? 'domain-signing' : 'domain-confidentiality';
  const ours = config.domains.map((domain) => domain.name as Domain);
  const [domain] = leaf.mailboxes.flatMap(
    (mailbox) => ours.find((own) => own === mailbox.domain) ?? [],
  );
  if (domain !== undefined) return { keyClass, domain };
  throw new Complaint(
    `${file} names no domain of this gateway (${ours.join(', ')}); it names ${leaf.rfc822Names.join(', ') || 'nothing'}.`,
  );
}

/** What goes along in messages: the path without the certificate itself and without the anchor. */
async function chainOf(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  from: {
    readonly gateway: Gateway;
    readonly keyClass: AuthorityClass;
    readonly anchors: string | undefined;
  },
): Promise<readonly Certificate[]> {
  const own = from.anchors === undefined ? await readOwnCa(from.gateway.layout) : null;
  const anchors =
    from.anchors === undefined ? (own === null ? [] : [own]) : await readCertificates(from.anchors);
  const purpose = from.keyClass === 'domain-signing' ? 'email-sign' : 'email-encrypt';
  const found = validatePath({ leaf, intermediates, anchors, time: new Date(), purpose });
  if (found.kind === 'valid') return found.certificate.path.slice(1, -1);
  const hint = from.anchors === undefined ? ' (name the root of an outside CA with --anchors)' : '';
  throw new Complaint(`The certificate has no valid path: ${found.reason}${hint}.`);
}

interface KeyRequest {
  readonly session: KeySession;
  readonly leaf: Certificate;
  readonly keyClass: AuthorityClass;
  readonly domain: Domain;
  readonly spec: string | undefined;
}

/** The record that the certificate is for: one whose key was made here, or a new one for a key given. */
async function keyOf(request: KeyRequest): Promise<KeyRecord> {
  const { session, leaf, keyClass, domain, spec } = request;
  const folder = session.gateway.layout.keys;
  for (const record of session.records) {
    if (record.state === 'destroyed' || record.class !== keyClass || record.domain !== domain)
      continue;
    if (!isKeyOf(leaf, await readPrivateKey(folder, record))) continue;
    if (record.state === 'pending') return record;
    throw new Complaint(`${record.keyId} has this key already and is ${record.state}.`);
  }
  if (spec === undefined) {
    throw new Complaint(
      'No pending key of this gateway fits the certificate; name its private key with --key.',
    );
  }
  const pair = (await readKeyPairs(spec)).find((one) => isKeyOf(leaf, one.privateKey));
  if (pair === undefined)
    throw new Complaint(`The key in ${spec.split(':')[0]} is not the key of the certificate.`);
  const algorithm = algorithmOf(pair.privateKey);
  if (algorithm === null)
    throw new Complaint(
      'The key must be RSA of 2048, 3072 or 4096 bits, P-256, P-384, P-521, Ed25519, X25519, ML-DSA or ML-KEM.',
    );
  if (!fitsKeyClass(algorithm, keyClass))
    throw new Complaint(`A key of the kind ${algorithm} cannot serve ${keyClass}.`);
  const privateKeyPem = String(pair.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const { records } = session;
  return await addPendingKey({
    folder,
    records,
    class: keyClass,
    domain,
    algorithm,
    privateKeyPem,
    now: new Date(),
  });
}

function isKeyOf(certificate: Certificate, key: KeyObject): boolean {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).equals(certificate.spki);
}
