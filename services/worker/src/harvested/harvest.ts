import type { CertificateReference } from '@sallyport/cms';
import { AUTHORITY_NAMES, type OpenedMessage, type Verdict } from '@sallyport/domsec';
import { isSameOrSubdomain, type Mailbox, type QueueId, sameMailbox } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';
import { outwardRuleFor, type PolicyDocument } from '@sallyport/policy';
import { type BelievedSigner, believedSigners } from '../capabilities/heard.ts';
import type { HarvestedEntry } from './harvested-file.ts';

/** Of one message; more is no mail that people write. */
const MAX_HARVESTED = 16;

/** A certificate that a message brought, and for whom mail may be encrypted to it. */
export interface Harvested {
  readonly mailbox: Mailbox;
  /** `default` where no partner record applies. */
  readonly rule: string;
  readonly certificate: Certificate;
  readonly entry: HarvestedEntry;
}

interface Source {
  readonly queueId: QueueId;
  readonly opened: OpenedMessage;
  readonly verdict: Verdict;
  readonly originators: readonly Mailbox[];
  readonly policy: PolicyDocument;
}

/**
 * The certificates to encrypt to that believed signers of a message speak for: their own, and the
 * one that their signed encryption key preference names (RFC 8551 section 2.5.3). What merely lies
 * in the message beside them nobody signed, so it is left alone.
 */
export function harvestOf(source: Source): readonly Harvested[] {
  const { queueId, originators, policy } = source;
  const found = believedSigners(source).flatMap((believed) => {
    const entry = { signingTime: believed.signingTime.toISOString(), queueId };
    return spokenFor(believed)
      .filter(receivesKeys)
      .flatMap((certificate) =>
        holdersOf(certificate, believed, originators).map((mailbox) => ({
          mailbox,
          rule: outwardRuleFor(policy, mailbox.domain).rule,
          certificate,
          entry: { ...entry, certificate: certificate.der.toString('base64') },
        })),
      );
  });
  return found.slice(0, MAX_HARVESTED);
}

function spokenFor({ signer, certificate, layer }: BelievedSigner): readonly Certificate[] {
  const { encryptionKeyPreference: preference } = signer;
  const preferred =
    preference === null
      ? []
      : layer.certificates.filter((one) => isReferredTo(one, preference)).slice(0, 1);
  return preferred.some(({ fingerprint }) => fingerprint === certificate.fingerprint)
    ? preferred
    : [certificate, ...preferred];
}

function isReferredTo(certificate: Certificate, reference: CertificateReference): boolean {
  if (reference.kind === 'subjectKeyId') {
    return certificate.subjectKeyId?.equals(reference.subjectKeyId) === true;
  }
  const { issuer, serial } = certificate;
  return issuer.equals(reference.issuer) && serial.equals(reference.serial);
}

function receivesKeys({ isCa, keyUsage }: Certificate): boolean {
  if (isCa) return false;
  return keyUsage === null || keyUsage.has('keyEncipherment') || keyUsage.has('keyAgreement');
}

/** An author's own mailbox, or the authority's of each originator's domain. */
function holdersOf(
  certificate: Certificate,
  { role }: BelievedSigner,
  originators: readonly Mailbox[],
): readonly Mailbox[] {
  if (role === 'originator') {
    return originators.filter((author) =>
      certificate.mailboxes.some((one) => sameMailbox(one, author)),
    );
  }
  const localPart = AUTHORITY_NAMES.confidentiality;
  const domains = certificate.mailboxes
    .filter((one) => one.localPart.toLowerCase() === localPart)
    .map(({ domain }) => domain);
  const covered = originators
    .map(({ domain }) => domain)
    .filter((domain) => domains.some((one) => isSameOrSubdomain(domain, one)));
  return [...new Set(covered)].map((domain) => ({ localPart, domain }));
}
