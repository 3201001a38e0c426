import { createHash } from 'node:crypto';
import { type CertificateReference, formatCapability } from '@sallyport/cms';
import type { LayerSigner, OpenedMessage, SignedLayer, Verdict } from '@sallyport/domsec';
import { type Domain, formatMailbox, type Mailbox, type QueueId } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';
import { outwardRuleFor, type PolicyDocument } from '@sallyport/policy';
import { boundedMailboxes, boundedWords, type Entry, type Place } from './capability-file.ts';

/** What one signer announced, and for which domain it may speak. */
export interface Heard {
  readonly place: Place;
  readonly entry: Entry;
}

/** Authors of one message are of few domains. */
const MAX_DOMAINS = 16;

interface HeardIn {
  readonly queueId: QueueId;
  readonly opened: OpenedMessage;
  readonly verdict: Verdict;
  readonly originators: readonly Mailbox[];
  readonly policy: PolicyDocument;
}

/**
 * What signers of a message announce that it may be believed of: the message counts as signed, the
 * signature verified, the path is valid for the partner, and the name fits every originator (RFC
 * 8551 section 2.7.1). A domain signature speaks for the domains of the originators, that of an
 * author for the author.
 */
export function heardIn(message: HeardIn): readonly Heard[] {
  return believedSigners(message).flatMap((believed) => fromSigner(believed, message));
}

/** A signer of whom a message proves that it stands for the originators, and how. */
export interface BelievedSigner {
  readonly signer: LayerSigner;
  readonly certificate: Certificate;
  readonly signingTime: Date;
  readonly role: Entry['role'];
  readonly layer: SignedLayer;
}

/** The signers of a message that may be believed about themselves; none if it does not count as signed. */
export function believedSigners({
  opened,
  verdict,
}: Pick<HeardIn, 'opened' | 'verdict'>): readonly BelievedSigner[] {
  if (verdict.signature !== 'valid') return [];
  return opened.layers.flatMap((layer, index) => {
    const report = verdict.layers[index];
    if (layer.kind !== 'signed' || report?.kind !== 'signed' || report.state !== 'valid') return [];
    if (report.mapping !== 'ok' && report.mapping !== 'exception') return [];
    const { role } = report;
    if (role !== 'domain' && role !== 'originator') return [];
    return layer.signers.flatMap((signer, at) => {
      const { certificate, signingTime, legacy } = signer;
      const isValid = report.signers[at]?.state === 'valid';
      if (!isValid || certificate === null || signingTime === null) return [];
      // What a broken digest lets somebody forge must not weaken what we send.
      return legacy.length > 0 ? [] : [{ signer, certificate, signingTime, role, layer }];
    });
  });
}

function fromSigner(
  { signer, certificate, signingTime, role }: BelievedSigner,
  { queueId, originators, policy }: HeardIn,
): Heard[] {
  const { capabilities, encryptionKeyPreference } = signer;
  if (capabilities === null) return [];
  const domains = new Set(originators.map(({ domain }) => domain));
  return [...domains].slice(0, MAX_DOMAINS).map((domain) => ({
    place: { domain, rule: outwardRuleFor(policy, domain).rule },
    entry: {
      key: createHash('sha256').update(certificate.spki).digest('hex'),
      certificate: certificate.fingerprint,
      role,
      mailboxes: boundedMailboxes(mailboxesIn(certificate, domain)),
      notAfter: certificate.notAfter.toISOString(),
      signingTime: signingTime.toISOString(),
      queueId,
      capabilities: boundedWords(capabilities.map(formatCapability)),
      keyPreference: encryptionKeyPreference === null ? null : nameOf(encryptionKeyPreference),
    },
  }));
}

function mailboxesIn(certificate: Certificate, domain: Domain): string[] {
  return certificate.mailboxes.filter((one) => one.domain === domain).map(formatMailbox);
}

const MAX_PREFERENCE_CHARS = 4_096;

/** One text for one certificate name; null if it is too long to be kept. */
function nameOf(reference: CertificateReference): string | null {
  const text =
    reference.kind === 'subjectKeyId'
      ? `key ${reference.subjectKeyId.toString('hex')}`
      : `serial ${reference.serial.toString('hex')} of ${reference.issuer.toString('hex')}`;
  return text.length <= MAX_PREFERENCE_CHARS ? text : null;
}

/** True if the preference names this certificate. */
export function prefers(keyPreference: string | null, certificate: Certificate): boolean {
  const { issuer, serial, subjectKeyId } = certificate;
  return (
    keyPreference !== null &&
    (keyPreference === nameOf({ kind: 'issuerAndSerial', issuer, serial }) ||
      (subjectKeyId !== null && keyPreference === nameOf({ kind: 'subjectKeyId', subjectKeyId })))
  );
}
