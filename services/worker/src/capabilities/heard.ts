import { createHash } from 'node:crypto';
import { type CertificateReference, formatCapability } from '@sallyport/cms';
import type { LayerSigner, OpenedMessage, Verdict } from '@sallyport/domsec';
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
  const { opened, verdict } = message;
  if (verdict.signature !== 'valid') return [];
  return opened.layers.flatMap((layer, index) => {
    const report = verdict.layers[index];
    if (layer.kind !== 'signed' || report?.kind !== 'signed' || report.state !== 'valid') return [];
    if (report.mapping !== 'ok' && report.mapping !== 'exception') return [];
    const { role } = report;
    if (role !== 'domain' && role !== 'originator') return [];
    return layer.signers.flatMap((signer, at) =>
      report.signers[at]?.state === 'valid' ? fromSigner(signer, role, message) : [],
    );
  });
}

function fromSigner(
  signer: LayerSigner,
  role: Entry['role'],
  { queueId, originators, policy }: HeardIn,
): Heard[] {
  const { certificate, capabilities, signingTime, encryptionKeyPreference } = signer;
  if (certificate === null || capabilities === null || signingTime === null) return [];
  // What a broken digest lets somebody forge must not weaken what we send.
  if (signer.legacy.length > 0) return [];
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
