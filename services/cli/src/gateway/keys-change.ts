import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { ifGone } from '@sallyport/disk';
import {
  type KeyClass,
  type KeyLifeFault,
  type KeyRecord,
  type KeyState,
  type KeyStep,
  stepKey,
} from '@sallyport/ipc';
import type { Certificate } from '@sallyport/pki';
import { certificateOf, writeKeyRecord } from './keys.ts';
import type { GatewayLayout } from './layout.ts';
import { keyFilesOf } from './seal-keys.ts';
import { fixedAttributes } from './signed-attributes.ts';

/** One step of one key: what is recorded, and then written. */
export interface KeyChange {
  readonly from: KeyState | null;
  readonly step: KeyStep;
  /** The key after the step. */
  readonly record: KeyRecord;
}

/** Why nothing was done. */
interface KeyRefusal {
  readonly fault: KeyLifeFault | 'key-unknown' | 'key-certificate-expired' | 'key-last-active';
  readonly sentence: string;
}

export type KeyPlan = { readonly changes: readonly [KeyChange, ...KeyChange[]] } | KeyRefusal;

interface PlanInput {
  readonly records: readonly KeyRecord[];
  readonly keyId: string;
  readonly now: Date;
}

function find({ records, keyId }: PlanInput): KeyRecord | KeyRefusal {
  const record = records.find((one) => one.keyId === keyId);
  return record ?? { fault: 'key-unknown', sentence: `There is no key ${keyId}.` };
}

function step(record: KeyRecord, name: KeyStep, now: Date): KeyChange | KeyRefusal {
  const moved = stepKey(record, name, now);
  if (moved.kind === 'refused') return moved;
  return { from: record.state, step: name, record: moved.record };
}

/**
 * What an activation changes: the key comes into use, the former one goes out. A confidentiality key
 * still decrypts then, a signing key rests. `beside`: the former ones stay, and all sign every
 * message (RFC 3183 section 3.1.2).
 */
export function planActivation(input: PlanInput & { readonly beside: boolean }): KeyPlan {
  const { records, now } = input;
  const record = find(input);
  if ('fault' in record) return record;
  const change = step(record, 'activate', now);
  if ('fault' in change) return change;
  const certificate = certificateOf(record);
  if (certificate !== null && !isValidAt(certificate, now)) {
    const when =
      certificate.notAfter <= now
        ? `ended on ${certificate.notAfter.toISOString()}`
        : `begins on ${certificate.notBefore.toISOString()}`;
    const sentence = `The certificate of the key ${record.keyId} ${when}.`;
    return { fault: 'key-certificate-expired', sentence };
  }
  const active = { ...change, record: withAttributes(change.record, records) };
  const changes: [KeyChange, ...KeyChange[]] = [active];
  for (const former of input.beside ? [] : othersInUse(records, record)) {
    const retired = step(former, 'retire', now);
    if ('fault' in retired) return retired;
    changes.push(retired);
  }
  return { changes };
}

function isValidAt({ notBefore, notAfter }: Certificate, now: Date): boolean {
  return notBefore <= now && now < notAfter;
}

function othersInUse(records: readonly KeyRecord[], key: KeyRecord): readonly KeyRecord[] {
  return records.filter(
    (one) =>
      one.keyId !== key.keyId &&
      one.state === 'active' &&
      one.class === key.class &&
      one.domain === key.domain,
  );
}

function withAttributes(record: KeyRecord, records: readonly KeyRecord[]): KeyRecord {
  const certificate = certificateOf(record);
  if (record.class !== 'domain-signing' || certificate === null) return record;
  const encryption = activeCertificate(records, 'domain-confidentiality', record.domain);
  return { ...record, signedAttributes: fixedAttributes(certificate, encryption) };
}

/** The certificate in use for a class and domain. */
function activeCertificate(
  records: readonly KeyRecord[],
  keyClass: KeyClass,
  domain: string,
): Certificate | null {
  const found = records.find(
    (one) => one.class === keyClass && one.domain === domain && one.state === 'active',
  );
  return found === undefined ? null : certificateOf(found);
}

/**
 * A key goes out of use; the only one that is in use stays, or mail would wait for ever. Without a
 * DKIM key it goes on, unsigned by DKIM.
 */
export function planRetirement(input: PlanInput): KeyPlan {
  const record = find(input);
  if ('fault' in record) return record;
  const change = step(record, 'retire', input.now);
  if ('fault' in change) return change;
  const isNeeded = record.state === 'active' && record.class !== 'dkim';
  if (isNeeded && othersInUse(input.records, record).length === 0) {
    const sentence = `The key ${record.keyId} is the only one in use for ${record.class} of ${record.domain}; activate another first: sallyport key rollover.`;
    return { fault: 'key-last-active', sentence };
  }
  return { changes: [change] };
}

/** A step that needs nothing but its key: `destroy`, `reopen`. */
export function planStep(input: PlanInput, name: 'destroy' | 'reopen'): KeyPlan {
  const record = find(input);
  if ('fault' in record) return record;
  const change = step(record, name, input.now);
  return 'fault' in change ? change : { changes: [change] };
}

/** A key gets its certificate. */
export function planCertification(
  record: KeyRecord,
  certified: { readonly certificate: string; readonly chain: readonly string[] },
  now: Date,
): KeyPlan {
  const change = step(record, 'certify', now);
  if ('fault' in change) return change;
  const { certificate } = certified;
  const chain = [...certified.chain];
  return { changes: [{ ...change, record: { ...change.record, certificate, chain } }] };
}

/**
 * Writes what was planned, in its order: the key that comes into use is on disk before the former
 * one goes, so at no moment is there none.
 */
export async function applyChanges(
  layout: GatewayLayout,
  changes: readonly KeyChange[],
  records: readonly KeyRecord[],
): Promise<void> {
  for (const { record, step: name } of changes) {
    await writeKeyRecord(layout.keys, name === 'destroy' ? await destroy(layout, record) : record);
  }
  const encryption = changes.find(
    ({ step: name, record }) => name === 'activate' && record.class === 'domain-confidentiality',
  );
  if (encryption !== undefined) await preferNewKey(layout, records, encryption.record);
}

// RFC 8551 section 2.5.3: what we sign must ask partners to encrypt to the key in use.
async function preferNewKey(
  layout: GatewayLayout,
  records: readonly KeyRecord[],
  { domain, ...active }: KeyRecord,
): Promise<void> {
  const encryption = certificateOf({ domain, ...active });
  for (const record of records) {
    const signing = certificateOf(record);
    const isActiveSigner =
      record.class === 'domain-signing' && record.state === 'active' && record.domain === domain;
    if (!isActiveSigner || signing === null) continue;
    const signedAttributes = fixedAttributes(signing, encryption);
    await writeKeyRecord(layout.keys, { ...record, signedAttributes });
  }
}

/**
 * Overwrites the private key and takes its file away, before its record says so: a record that is
 * ahead of the file would leave the key behind.
 */
async function destroy(layout: GatewayLayout, record: KeyRecord): Promise<KeyRecord> {
  const path = keyFilesOf(layout).pathOf(record);
  const { privateKeyFile: _, ...kept } = record;
  if (path !== null) await overwriteAndRemove(path);
  return kept;
}

// Disks that copy on write keep the old blocks: the seal's secret is what makes them useless.
async function overwriteAndRemove(path: string): Promise<void> {
  const file = await open(path, 'r+').catch(ifGone(null));
  if (file === null) return; // an earlier order got this far
  try {
    const { size } = await file.stat();
    await file.write(randomBytes(size), 0, size, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await rm(path);
}
