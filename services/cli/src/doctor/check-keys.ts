import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { KeyClass, KeyRecord } from '@sallyport/ipc';
import { isCredential } from '../gateway/check-secrets.ts';
import { certificateOf } from '../gateway/keys.ts';
import { readRevocations } from '../gateway/own-crl.ts';
import { keyFilesOf } from '../gateway/seal-keys.ts';
import type { Check, Patient } from './check.ts';
import { type Finding, fault, ok, reasonOf, warning } from './finding.ts';

const DAY_MS = 86_400_000;
const SOON_DAYS = 30;
const CRL_SOON_DAYS = 14;

const NEEDED = [
  ['domain-signing', 'nothing can be signed for it'],
  ['domain-confidentiality', 'nothing that partners encrypt to it can be opened'],
] as const satisfies readonly (readonly [KeyClass, string])[];

/** Domain keys: all open, all there, none about to end; and the CRL of the own CA. */
export const keysCheck: Check = {
  area: 'keys',
  asksOthers: false,
  look: async (patient) => {
    const { layout, config, now } = patient;
    const isAway = await isSealAway(layout);
    const files = keyFilesOf(layout);
    const { records, quarantined } = await (isAway ? files.records() : files.check());
    const findings: Finding[] = isAway ? [SEAL_AWAY] : [];
    const broken = quarantined.map(({ keyId, reason }) =>
      fault(
        'key-quarantined',
        `The key ${keyId} cannot be used: ${reason}.`,
        'Put its file, or what it is sealed under, back from the backup.',
      ),
    );
    findings.push(...broken);
    const isBroken = new Set(quarantined.map(({ keyId }) => keyId));
    const active = records.filter(({ state, keyId }) => state === 'active' && !isBroken.has(keyId));
    for (const { name } of config.domains) findings.push(...missingKeys(name, active));
    for (const record of active) findings.push(...endOfKey(record, now));
    findings.push(...(await crlFindings(patient)));
    return findings.length > 0 ? findings : [ok('keys', soundSentence(active))];
  },
};

/** A key on a token is used by the keyholder alone: a PIN that is tried twice may lock it. */
function soundSentence(active: readonly KeyRecord[]): string {
  const onToken = active.filter(({ token }) => token !== undefined).length;
  if (onToken === 0) return `${active.length} keys are in use; all open.`;
  return `${active.length} keys are in use; those in files open, and ${onToken} on a token were not tried.`;
}

const SEAL_AWAY = warning(
  'key-seal-away',
  'Whether the private keys open is not known: systemd hands over what they are sealed under only while the keyholder runs.',
  'Look again once it runs: systemctl start sallyport-keyholder.',
);

async function isSealAway({ seal }: Patient['layout']): Promise<boolean> {
  const path = seal.kind === 'credential' ? seal.credentialFile : seal.passphraseFile;
  return isCredential(path) && (await stat(path).catch(() => null)) === null;
}

function missingKeys(domain: string, active: readonly KeyRecord[]): readonly Finding[] {
  return NEEDED.flatMap(([keyClass, effect]) =>
    active.some((one) => one.domain === domain && one.class === keyClass)
      ? []
      : [
          fault(
            'key-missing',
            `${domain} has no active key of class ${keyClass}: ${effect}.`,
            `sallyport key generate, then key activate, for ${domain}`,
          ),
        ],
  );
}

function endOfKey(record: KeyRecord, now: Date): readonly Finding[] {
  const certificate = certificateOf(record);
  if (certificate === null) return [];
  const { notAfter, notBefore } = certificate;
  const what = `The certificate of the key ${record.keyId}`;
  return lifeOf({ what, notBefore, notAfter, advice: 'sallyport key rollover' }, now);
}

interface Life {
  readonly what: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly advice: string;
}

function lifeOf({ what, notBefore, notAfter, advice }: Life, now: Date): readonly Finding[] {
  const days = Math.floor((notAfter.getTime() - now.getTime()) / DAY_MS);
  const end = notAfter.toISOString().slice(0, 10);
  if (notBefore > now) {
    const sentence = `${what} is not valid before ${notBefore.toISOString()}.`;
    return [
      fault(
        'certificate-not-yet',
        sentence,
        'Look at the clock of this host, then at the certificate.',
      ),
    ];
  }
  if (notAfter <= now) return [fault('certificate-ended', `${what} ended on ${end}.`, advice)];
  if (days > SOON_DAYS) return [];
  return [warning('certificate-ends', `${what} ends on ${end}, in ${days} days.`, advice)];
}

async function crlFindings({ layout, now }: Patient): Promise<readonly Finding[]> {
  const list = await readRevocations(layout).catch((error: unknown) => reasonOf(error));
  if (list === null) return [];
  if (typeof list === 'string') {
    const sentence = `What the own CA has revoked cannot be read: ${list}.`;
    return [warning('crl-unreadable', sentence, 'Restore ca/revocations.json from the backup.')];
  }
  const leftDays = (Date.parse(list.nextUpdate) - now.getTime()) / DAY_MS;
  if (leftDays > CRL_SOON_DAYS) return [];
  const over = leftDays <= 0;
  const sentence = `The revocation list of your CA ${over ? 'was' : 'is'} good until ${list.nextUpdate}.`;
  const advice = 'sallyport key crl, where the key of the CA is';
  return [over ? fault('crl-ended', sentence, advice) : warning('crl-ends', sentence, advice)];
}

/** TLS certificates that servers of the gateway show: valid, with their key, with the right name. */
export const tlsCheck: Check = {
  area: 'tls',
  asksOthers: false,
  look: async (patient) => {
    const { config, now } = patient;
    const shown = [
      { of: 'ingress', name: config.gateway.name, files: config.ingress.tls },
      { of: 'directory', name: null, files: config.directory?.tls },
      { of: 'egress', name: null, files: config.egress.tls },
      { of: 'console', name: hostOf(config.console?.publicUrl), files: config.console?.tls },
    ];
    const findings: Finding[] = [];
    for (const { of, name, files } of shown) {
      if (files !== undefined) findings.push(...(await tlsFindings({ of, name, ...files }, now)));
    }
    return findings.length > 0
      ? findings
      : [ok('tls', 'All TLS certificates fit their keys and names.')];
  },
};

function hostOf(url: string | undefined): string | null {
  return url === undefined ? null : new URL(url).hostname;
}

async function tlsFindings(
  of: { of: string; name: string | null; certificateFile: string; keyFile: string },
  now: Date,
): Promise<readonly Finding[]> {
  const what = `The TLS certificate of ${of.of} (${of.certificateFile})`;
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(await readFile(of.certificateFile));
  } catch (error) {
    return [
      fault(
        'tls-unreadable',
        `${what} cannot be read: ${reasonOf(error)}.`,
        'Put a PEM chain there.',
      ),
    ];
  }
  const findings: Finding[] = [];
  const key = await readFile(of.keyFile).catch(reasonOf);
  if (typeof key === 'string' && (isCredential(of.keyFile) || key === 'EACCES')) {
    findings.push(
      warning(
        'tls-key-away',
        `Whether the key of ${of.of} fits is not known: ${of.keyFile} cannot be read here (${key}).`,
        'Look again as root, while its unit runs: systemd hands it over only then.',
      ),
    );
  }
  try {
    // One that is missing without such a reason is told with the config.
    if (typeof key !== 'string' && !certificate.checkPrivateKey(createPrivateKey(key))) {
      findings.push(
        fault(
          'tls-mismatch',
          `${what} is not of the key in ${of.keyFile}.`,
          'Put the key there that belongs to it.',
        ),
      );
    }
  } catch {
    findings.push(
      fault(
        'tls-mismatch',
        `${of.keyFile} holds no private key.`,
        'Put the key of the certificate there, as PEM.',
      ),
    );
  }
  if (of.name !== null && certificate.checkHost(of.name) === undefined) {
    findings.push(
      warning(
        'tls-name',
        `${what} is not for the name ${of.name}.`,
        of.of === 'console'
          ? 'Get one for the name in console.publicUrl.'
          : 'Get one for the name that MX records point to.',
      ),
    );
  }
  const life = { what, notBefore: certificate.validFromDate, notAfter: certificate.validToDate };
  return [
    ...findings,
    ...lifeOf({ ...life, advice: 'Put the next one there, then restart.' }, now),
  ];
}
