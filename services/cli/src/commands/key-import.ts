import type { KeyObject } from 'node:crypto';
import { type KeyRecord, keyAlgorithmOf } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';
import type { AuthorityClass } from '../gateway/keys.ts';
import { newKeyId, spkiOf, storePrivateKey } from '../gateway/private-keys.ts';
import { type KeyFile, readCertificates, readKeyFile, readKeyPairs } from '../message/key-file.ts';
import { readSecret } from './ask-secret.ts';
import { authorityOf, certifyKey, chainOf, publicKeyOf } from './key-certificate.ts';
import { checkKind } from './key-generate.ts';
import { type KeyOptions, type KeySession, keyFacts, withKeySession } from './key-session.ts';
import { activate } from './key-steps.ts';
import { tokenKey } from './keyholder-orders.ts';
import { print, printJson } from './output.ts';
import { Complaint } from './run.ts';

export interface KeyImportOptions extends KeyOptions {
  readonly key?: string;
  readonly anchors?: string;
  readonly passphraseFile?: string;
  readonly activate?: boolean;
}

/** Takes a certificate in: name, key, strength and path are checked before anything is written. */
export async function runKeyImport(spec: string, options: KeyImportOptions): Promise<number> {
  const file = await readKeyFile(spec, async (path) => {
    const source = { file: options.passphraseFile, option: '--passphrase-file', isNew: false };
    return await readSecret({ ...source, what: `Password of ${path}` });
  });
  return await withKeySession(options, async (session) => {
    const [leaf, ...others] = leafFirst(file);
    if (leaf === undefined) throw new Complaint(`${file.file} holds no certificate.`);
    const { keyClass, domain } = authorityOf(leaf, session.gateway, file.file);
    const anchors = options.anchors === undefined ? null : await readCertificates(options.anchors);
    const hint = 'name the root of an outside CA with --anchors';
    const chain = await chainOf(leaf, others, { session, keyClass, anchors, hint });
    const found = { session, file, leaf, chain, keyClass, domain, spec: options.key };
    let record = (await certifyOwn(found)) ?? (await importKey(found));
    if (options.activate === true) record = await activate(session, record.keyId);
    if (options.json === true) printJson(keyFacts(record));
    else print(`${record.keyId} has its certificate and is ${record.state}.`);
    return 0;
  });
}

/** PKCS#12 has no order: the certificate of a key that lies beside it is the one that is meant. */
function leafFirst({ certificates, keys }: KeyFile): readonly Certificate[] {
  const leaf = certificates.find((one) => keys.some((key) => isKeyOf(one, key))) ?? certificates[0];
  return leaf === undefined ? [] : [leaf, ...certificates.filter((one) => one !== leaf)];
}

interface Found {
  readonly session: KeySession;
  readonly file: KeyFile;
  readonly leaf: Certificate;
  readonly chain: readonly Certificate[];
  readonly keyClass: AuthorityClass;
  readonly domain: Domain;
  /** Where the private key is, if it was not made here: a file, or a key of the token. */
  readonly spec: string | undefined;
}

/** Certifies the key that was made here for this certificate; null if there is none. */
async function certifyOwn({ session, leaf, chain, ...found }: Found): Promise<KeyRecord | null> {
  for (const record of await session.records()) {
    const isOther = record.class !== found.keyClass || record.domain !== found.domain;
    if (isOther || record.state === 'destroyed') continue;
    if (!leaf.spki.equals(await publicKeyOf(session.gateway, record))) continue;
    return await certifyKey(session, record, { leaf, chain });
  }
  return null;
}

/** Takes in a key that was made elsewhere, together with its certificate. */
async function importKey(found: Found): Promise<KeyRecord> {
  const { session, leaf, chain, keyClass, domain } = found;
  const { algorithm, place } = found.spec?.startsWith('pkcs11:')
    ? await keyOnToken(found, found.spec)
    : await keyInFile(found);
  checkKind(algorithm, keyClass);
  const facts = { class: keyClass, domain, algorithm, now: session.now };
  const keyId = newKeyId({ ...facts, records: await session.records() });
  const { layout } = session.gateway;
  const record = await storePrivateKey({
    layout,
    keyId,
    place,
    certificate: leaf,
    chain,
    ...facts,
  });
  const [change] = await session.carryOut({ changes: [{ from: null, step: 'certify', record }] });
  return change.record;
}

async function keyOnToken({ session, leaf }: Found, uri: string) {
  const { algorithm, spki } = await tokenKey(session.gateway, uri);
  if (!leaf.spki.equals(Buffer.from(spki, 'base64'))) {
    throw new Complaint('The key on the token is not the key of the certificate.');
  }
  return { algorithm, place: { token: uri } };
}

async function keyInFile({ file, leaf, spec }: Found) {
  const keys =
    spec === undefined ? file.keys : (await readKeyPairs(spec)).map((pair) => pair.privateKey);
  if (keys.length === 0) {
    throw new Complaint(
      'No key of this gateway that waits for a certificate fits this one; name its private key with --key.',
    );
  }
  const key = keys.find((one) => isKeyOf(leaf, one));
  if (key === undefined) {
    const where = spec === undefined ? file.file : spec.split(':')[0];
    throw new Complaint(`The key in ${where} is not the key of the certificate.`);
  }
  const algorithm = keyAlgorithmOf(key);
  if (algorithm === null) {
    throw new Complaint(
      'The key must be RSA of 2048, 3072 or 4096 bits, P-256, P-384, P-521, Ed25519, X25519, ML-DSA or ML-KEM.',
    );
  }
  const privateKeyPem = String(key.export({ format: 'pem', type: 'pkcs8' }));
  return { algorithm, place: { privateKeyPem } };
}

function isKeyOf(certificate: Certificate, key: KeyObject): boolean {
  return spkiOf(key).equals(certificate.spki);
}
