import type { KeyRecord } from '@sallyport/ipc';
import type { Certificate } from '@sallyport/pki';
import { writeWhole } from './files.ts';
import { certificateOf, readKeyRecords, writeKeyRecord } from './keys.ts';
import type { GatewayLayout } from './layout.ts';
import { fixedAttributes } from './signed-attributes.ts';

/** The keys whose state an activation changed. */
export interface Activation {
  readonly active: KeyRecord;
  readonly retired: readonly KeyRecord[];
}

/**
 * Puts a key with a certificate in use and takes the former one out: a confidentiality key still
 * decrypts, a signing key rests. The new one is written first, so at no moment is there none.
 * `beside`: the former ones stay in use, and all sign every message (RFC 3183 section 3.1.2).
 */
export async function activateKey(
  layout: GatewayLayout,
  keyId: string,
  how: { readonly now: Date; readonly beside: boolean },
): Promise<Activation | null> {
  const { now } = how;
  const folder = layout.keys;
  const records = await readKeyRecords(folder);
  const record = records.find((one) => one.keyId === keyId);
  const certificate = record === undefined ? null : certificateOf(record);
  if (record === undefined || certificate === null) return null;
  const former = records.filter(
    (one) =>
      !how.beside &&
      one.keyId !== keyId &&
      one.state === 'active' &&
      one.class === record.class &&
      one.domain === record.domain,
  );
  const active: KeyRecord = {
    ...record,
    state: 'active',
    signedAttributes:
      record.class === 'domain-signing'
        ? fixedAttributes(
            certificate,
            activeCertificate(records, 'domain-confidentiality', record.domain),
          )
        : null,
    activatedAt: now.toISOString(),
  };
  await writeKeyRecord(folder, active);
  const retired = former.map(
    (one): KeyRecord => ({
      ...one,
      state: one.class === 'domain-confidentiality' ? 'decrypt-only' : 'retired',
    }),
  );
  for (const one of retired) await writeKeyRecord(folder, one);
  if (record.class === 'domain-confidentiality')
    await preferNewKey(folder, records, active, certificate);
  await publishActive(layout);
  return { active, retired };
}

// RFC 8551 section 2.5.3: what we sign must ask partners to encrypt to the key in use.
async function preferNewKey(
  folder: string,
  records: readonly KeyRecord[],
  active: KeyRecord,
  confidentiality: Certificate,
): Promise<void> {
  for (const record of records) {
    const signing = certificateOf(record);
    const isActiveSigner =
      record.class === 'domain-signing' &&
      record.state === 'active' &&
      record.domain === active.domain;
    if (!isActiveSigner || signing === null) continue;
    await writeKeyRecord(folder, {
      ...record,
      signedAttributes: fixedAttributes(signing, confidentiality),
    });
  }
}

/** The certificate in use for a class and domain. */
export function activeCertificate(
  records: readonly KeyRecord[],
  keyClass: KeyRecord['class'],
  domain: string,
): Certificate | null {
  const found = records.find(
    (one) => one.class === keyClass && one.domain === domain && one.state === 'active',
  );
  return found === undefined ? null : certificateOf(found);
}

/** Publishes every certificate in use under the names that partners ask for (CD-4, CD-8). */
async function publishActive(layout: GatewayLayout): Promise<void> {
  const records = await readKeyRecords(layout.keys);
  const entries = records.flatMap((record) => {
    const certificate = record.state === 'active' ? certificateOf(record) : null;
    const [cn] = certificate?.commonNames ?? [];
    if (certificate === null || cn === undefined) return [];
    const ofDomain = record.class === 'domain-confidentiality' ? [record.domain] : [];
    const mail = [`${cn}@${record.domain}`, ...ofDomain];
    return [{ cn, mail, userCertificate: [certificate.der.toString('base64')] }];
  });
  await writeWhole(layout.published, `${JSON.stringify({ entries }, null, 2)}\n`, 0o644);
}
