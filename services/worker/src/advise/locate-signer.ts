import { checkAuthorityName, checkNameMapping, namingOptions } from '@sallyport/domsec';
import { locateCertificates, type TraceStep, type Verdict } from '@sallyport/lookup';
import { type Mailbox, sameMailbox } from '@sallyport/mail';
import { type Certificate, parseCertificate, type ValidatedCertificate } from '@sallyport/pki';
import type { AppliedPartner, CertificateFacts, Proof } from '@sallyport/policy';
import type { LookupPorts } from '../shared/lookup-ports.ts';
import { certificatesOf, pinsFor } from '../shared/policy-certificates.ts';
import { judgeTrust, unusableOf } from '../shared/proof.ts';

interface Usable {
  readonly kind: 'usable';
  readonly certificate: ValidatedCertificate;
  readonly proof: Proof;
}

/** Whose signature is looked for, and under which record. */
export interface SignerQuestion {
  readonly sender: Mailbox;
  readonly applied: AppliedPartner;
  readonly ports: LookupPorts;
  readonly now: Date;
}

/**
 * Looks for a certificate that signs for a mailbox: the domain's authority (RFC 3183 section 3.1.1)
 * or the person. It is judged as a signer of incoming mail would be.
 */
export async function locateSigner(
  question: SignerQuestion,
): Promise<{ readonly facts: CertificateFacts; readonly trace: readonly TraceStep[] }> {
  const { sender, applied, ports } = question;
  const { pinned } = applied.trust;
  const located = await locateCertificates<Usable>({
    mailbox: sender,
    role: 'signing',
    doors: applied.outbound.discovery,
    pinned: certificatesOf(pinned).map((certificate) => certificate.der),
    validate: async (der, _, tell) => await check(der, question, tell),
    pathOf: ({ certificate }) => certificate.path.map((one) => one.der),
    ports,
  });
  const { trace } = located;
  switch (located.kind) {
    case 'found': {
      const { certificate, proof } = located.verdict;
      return { facts: { kind: 'found', certificate, door: located.door, proof }, trace };
    }
    case 'unavailable':
      return { facts: { kind: 'unavailable', fault: located.fault }, trace };
    default:
      return { facts: { kind: 'none', unusable: null }, trace };
  }
}

async function check(
  der: Buffer,
  question: SignerQuestion,
  tell: (step: TraceStep) => void,
): Promise<Verdict<Usable>> {
  const { applied, ports, now } = question;
  const parsed = parseCertificate(der);
  if (parsed.kind === 'malformed') {
    return { kind: 'unusable', code: 'untrusted', reason: parsed.reason };
  }
  const leaf = parsed.value;
  const reason = nameFault(leaf, question);
  if (reason !== null) return { kind: 'unusable', code: 'mismatch', reason };
  const { trust } = applied;
  const pinned = pinsFor(trust, 'sign').filter((pin) => nameFault(pin, question) === null);
  const asked = { leaf, intermediates: [], trust, direction: 'sign', pinned, now } as const;
  const trusted = await judgeTrust(asked, ports, tell);
  if (trusted.kind === 'trusted') {
    return { kind: 'usable', certificate: trusted.certificate, proof: trusted.proof };
  }
  return unusableOf(trusted);
}

function nameFault(leaf: Certificate, { sender, applied, now }: SignerQuestion): string | null {
  if (leaf.mailboxes.some((one) => sameMailbox(one, sender))) return null;
  const options = namingOptions([applied.trust], applied.domains, now);
  const mapped = checkNameMapping(leaf, [sender], options);
  if (mapped.kind === 'ok' && mapped.convention === 'exception') return null;
  const named = checkAuthorityName(leaf, 'domain');
  if (named.kind === 'mismatch') return named.reason;
  return mapped.kind === 'mismatch' ? mapped.reason : null;
}
