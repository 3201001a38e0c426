import { readFile } from 'node:fs/promises';
import { type Certificate, type OwnRevocationReason, parsePemCertificates } from '@sallyport/pki';
import { certificateOf, writeKeyRecord } from '../gateway/keys.ts';
import { CRL_DAYS, crlUrlsOf, issueOwnCrl, readRevocations } from '../gateway/own-crl.ts';
import { publishAuthorities } from '../gateway/published-certificates.ts';
import { type KeyOptions, type KeySession, withKeySession } from './key-session.ts';
import { note, print, printJson } from './output.ts';
import { openOwnCa, signByOwnCa } from './own-ca.ts';
import { Complaint } from './run.ts';

const MAX_CRL_DAYS = 400;

export interface KeyCrlOptions extends KeyOptions {
  readonly days?: string;
  readonly passphraseFile?: string;
}

export interface KeyRevokeOptions extends KeyCrlOptions {
  readonly reason: OwnRevocationReason;
}

interface Revocation {
  readonly certificate: Certificate;
  readonly reason: OwnRevocationReason;
  readonly keyId: string | null;
}

/** Revokes a certificate that the own CA issued, of a key or in a file, and publishes the next CRL. */
export async function runKeyRevoke(name: string, options: KeyRevokeOptions): Promise<number> {
  const days = daysOf(options);
  return await withKeySession(options, async (session) => {
    const found = await certificateNamed(session, name);
    const { certificate, keyId } = found;
    const known = (await readRevocations(session.gateway.layout))?.revoked ?? [];
    if (known.some((one) => one.fingerprint === certificate.fingerprint)) {
      throw new Complaint(`The certificate of ${name} is revoked already.`);
    }
    await issue(session, options, { days, revoke: { ...found, reason: options.reason } });
    if (keyId === null) return 0;
    const record = (await session.records()).find((one) => one.keyId === keyId);
    if (record !== undefined) {
      await writeKeyRecord(session.gateway.layout.keys, { ...record, isRevoked: true });
    }
    await publishAuthorities(session.gateway.layout, session.now);
    return 0;
  });
}

/** Issues the next CRL of the own CA, with nothing more on it, before the last one ends. */
export async function runKeyCrl(options: KeyCrlOptions): Promise<number> {
  const days = daysOf(options);
  return await withKeySession(options, async (session) => {
    await issue(session, options, { days, revoke: null });
    return 0;
  });
}

function daysOf({ days }: KeyCrlOptions): number {
  if (days === undefined) return CRL_DAYS;
  const number = /^\d{1,3}$/.test(days) ? Number(days) : 0;
  if (number >= 1 && number <= MAX_CRL_DAYS) return number;
  throw new Complaint(`--days takes a number from 1 to ${MAX_CRL_DAYS}.`);
}

async function certificateNamed(
  session: KeySession,
  name: string,
): Promise<Omit<Revocation, 'reason'>> {
  const records = await session.records();
  const record = records.find((one) => one.keyId === name);
  if (record === undefined) {
    const certificate = await certificateIn(name);
    const owner = records.find(
      (one) => certificateOf(one)?.fingerprint === certificate.fingerprint,
    );
    return owner === undefined
      ? { certificate, keyId: null }
      : await certificateNamed(session, owner.keyId);
  }
  const certificate = certificateOf(record);
  if (certificate === null) throw new Complaint(`The key ${name} has no certificate.`);
  if (record.state === 'active') {
    throw new Complaint(
      `The key ${name} is in use, and partners would refuse all it signs or mail to it; replace it first: sallyport key rollover --now.`,
    );
  }
  return { certificate, keyId: name };
}

async function certificateIn(file: string): Promise<Certificate> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) throw new Complaint(`There is no key and no file ${file}.`);
  const [parsed] = parsePemCertificates(text);
  if (parsed?.kind === 'certificate') return parsed.value;
  throw new Complaint(`${file} holds no certificate in PEM.`);
}

async function issue(
  session: KeySession,
  options: KeyCrlOptions,
  order: { readonly days: number; readonly revoke: Revocation | null },
): Promise<void> {
  const { gateway, now } = session;
  const issuer = await openOwnCa(gateway, options.passphraseFile);
  const { days, revoke } = order;
  if (revoke !== null) {
    const { certificate, reason, keyId } = revoke;
    if (!certificate.issuer.equals(issuer.certificate.subject)) {
      throw new Complaint('The certificate is of another CA; ask that one to revoke it.');
    }
    await session.record({
      kind: 'certificate-revoked',
      ...(keyId === null ? {} : { keyId }),
      fingerprint: certificate.fingerprint,
      serial: certificate.serial.toString('hex'),
      reason,
    });
  }
  const list = await issueOwnCrl(gateway.layout, {
    issuer,
    now,
    days,
    sign: (list) => signByOwnCa(session, { operation: 'sign-crl', unsigned: list }),
    ...(revoke === null ? {} : { revoke }),
  });
  const { crlNumber, nextUpdate, revoked } = list;
  await session.record({ kind: 'crl-issued', crlNumber, entries: revoked.length, nextUpdate });
  const file = gateway.layout.publishedCrl;
  if (options.json === true) printJson({ file, crlNumber, entries: revoked.length, nextUpdate });
  else
    print(
      `CRL ${crlNumber} with ${revoked.length} entries is in ${file}; the next is due by ${nextUpdate}.`,
    );
  if (crlUrlsOf(gateway.config).length === 0) {
    note(
      'Partners cannot find it by themselves: set directory.http.publicUrl in the config, or give it to them.',
    );
  }
}
