import { checkAuthorityName } from '@sallyport/domsec';
import type { KeyRecord } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import { type Certificate, formatPemCertificate, validatePath } from '@sallyport/pki';
import { type AuthorityClass, certificateOf } from '../gateway/keys.ts';
import { readOwnCa } from '../gateway/keys-ca.ts';
import { planCertification } from '../gateway/keys-change.ts';
import { readPrivateKey, spkiOf } from '../gateway/private-keys.ts';
import type { Gateway } from './gateway-access.ts';
import type { KeySession } from './key-session.ts';
import { tokenKey } from './keyholder-orders.ts';
import { Complaint } from './run.ts';

/** DS-N1, DS-N2: which authority the names make it, and of which of our domains. */
export function authorityOf(
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
  const ours = config.domains.map(({ name }) => name);
  const [domain] = leaf.mailboxes.flatMap(
    (mailbox) => ours.find((own) => own === mailbox.domain) ?? [],
  );
  if (domain !== undefined) return { keyClass, domain };
  throw new Complaint(
    `${file} names no domain of this gateway (${ours.join(', ')}); it names ${leaf.rfc822Names.join(', ') || 'nothing'}.`,
  );
}

/**
 * What goes along in messages: the path without the certificate itself and without the anchor.
 * `anchors` null: the own CA is the one there is.
 */
export async function chainOf(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  from: {
    readonly session: KeySession;
    readonly keyClass: AuthorityClass;
    readonly anchors: readonly Certificate[] | null;
    /** How the root of another CA is named here. */
    readonly hint: string;
  },
): Promise<readonly Certificate[]> {
  const { gateway, now: time } = from.session;
  const own = from.anchors === null ? await readOwnCa(gateway.layout) : null;
  const anchors = from.anchors ?? (own === null ? [] : [own]);
  const purpose = from.keyClass === 'domain-signing' ? 'email-sign' : 'email-encrypt';
  const found = validatePath({ leaf, intermediates, anchors, time, purpose });
  if (found.kind === 'valid') return found.certificate.path.slice(1, -1);
  const hint = from.anchors === null ? ` (${from.hint})` : '';
  throw new Complaint(`The certificate has no valid path: ${found.reason}${hint}.`);
}

/** Gives a key the certificate that was checked for it. @throws Complaint if it has one. */
export async function certifyKey(
  session: KeySession,
  record: KeyRecord,
  { leaf, chain }: { readonly leaf: Certificate; readonly chain: readonly Certificate[] },
): Promise<KeyRecord> {
  const certified = {
    certificate: formatPemCertificate(leaf.der),
    chain: chain.map((one) => formatPemCertificate(one.der)),
  };
  const [change] = await session.carryOut(planCertification(record, certified, session.now));
  return change.record;
}

/** The SubjectPublicKeyInfo of a key, wherever its private half is. */
export async function publicKeyOf(gateway: Gateway, record: KeyRecord): Promise<Buffer> {
  const certificate = certificateOf(record);
  if (certificate !== null) return certificate.spki;
  if (record.token !== undefined) {
    return Buffer.from((await tokenKey(gateway, record.token)).spki, 'base64');
  }
  return spkiOf(await readPrivateKey(gateway.layout, record));
}
