import { AUTHORITY_NAMES, type AuthorityRole, checkAuthorityName } from '@sallyport/domsec';
import type { adviseProtocol, CallResult, TrustCheck } from '@sallyport/ipc';
import { type Mailbox, sameMailbox } from '@sallyport/mail';
import {
  type Certificate,
  formatName,
  type RevocationEvidence,
  type ValidatedCertificate,
} from '@sallyport/pki';
import {
  type AppliedPartner,
  anchorsFor,
  type CertificateFacts,
  checkRequirements,
  type TrustDirection,
} from '@sallyport/policy';
import { certificatesOf } from '../shared/policy-certificates.ts';
import { describeCertificate, nameOf, withinAnswer } from './describe-certificate.ts';

type Trust = Pick<CallResult<typeof adviseProtocol, 'trust'>, 'door' | 'proof' | 'path' | 'checks'>;

interface Asked {
  readonly mailbox: Mailbox;
  readonly applied: AppliedPartner;
  readonly role: 'confidentiality' | 'signing';
  readonly now: Date;
}

const MAX_PATH = 20;

/** The path of a certificate that may be used, and what was looked at when it was judged. */
export function trustOf(facts: CertificateFacts, asked: Asked): Trust {
  if (facts.kind !== 'found') return { door: null, proof: null, path: [], checks: [] };
  const { certificate, door, proof = 'path' } = facts;
  const path = withinAnswer(
    certificate.path.slice(0, MAX_PATH).map((one) => ({
      certificate: describeCertificate(one),
      revocation: revocationOf(one, certificate.revocation),
    })),
  );
  return { door, proof, path, checks: checksOf(certificate, proof, asked) };
}

function revocationOf(one: Certificate, { mode, certificates }: RevocationEvidence): string {
  if (mode === 'off') return 'not checked: the rule says off';
  const found = certificates.find(({ certificate }) => certificate.fingerprint === one.fingerprint);
  if (found === undefined) return 'not checked: it is the anchor';
  const { status } = found;
  switch (status.kind) {
    case 'good':
      return `good, by ${status.source.kind.toUpperCase()} of ${status.source.thisUpdate.toISOString()}`;
    case 'revoked':
      return `revoked on ${status.at.toISOString()}: ${status.reason}`;
    default:
      return `not known: ${status.reason}`;
  }
}

function checksOf(validated: ValidatedCertificate, proof: string, asked: Asked): TrustCheck[] {
  const { certificate: leaf } = validated;
  const { applied, role, now } = asked;
  const direction: TrustDirection = role === 'signing' ? 'sign' : 'encrypt';
  const key = leaf.checkKey();
  const isInTime = leaf.notBefore <= now && now <= leaf.notAfter;
  return [
    namingCheck(leaf, asked),
    {
      field: 'validity',
      value: `${leaf.notBefore.toISOString()} to ${leaf.notAfter.toISOString()}`,
      asked: `valid at ${now.toISOString()}`,
      outcome: isInTime ? 'met' : 'not-met',
    },
    {
      field: 'publicKey',
      value: key.kind === 'ok' ? key.description : key.reason,
      asked: 'RSA of 2048 bits or more, or an accepted curve',
      outcome: key.kind === 'ok' ? 'met' : 'not-met',
    },
    usageCheck(leaf, direction),
    {
      field: 'extendedKeyUsage',
      value: leaf.extendedKeyUsage?.map(nameOf).join(', ') ?? 'none, so any purpose',
      asked: 'e-mail protection or any purpose (RFC 8550 section 4.4.4)',
      outcome: 'met',
    },
    anchorCheck(validated, proof, direction, applied),
    ...requirementChecks(validated, direction, applied),
    revocationCheck(validated, applied),
  ];
}

const AUTHORITY: Readonly<Record<Asked['role'], AuthorityRole>> = {
  confidentiality: 'confidentiality',
  signing: 'domain',
};

function namingCheck(leaf: Certificate, { mailbox, role }: Asked): TrustCheck {
  const authority = AUTHORITY[role];
  const value = [formatName(leaf.subjectName), ...leaf.rfc822Names].join(', ');
  if (leaf.mailboxes.some((one) => sameMailbox(one, mailbox))) {
    const address = `${mailbox.localPart}@${mailbox.domain}`;
    return { field: 'subject names', value, asked: `the address ${address}`, outcome: 'met' };
  }
  const named = checkAuthorityName(leaf, authority);
  const asked = `${AUTHORITY_NAMES[authority]} of ${mailbox.domain} (RFC 3183 section 3.1.1), or an exception`;
  const outcome = named.kind === 'ok' ? 'met' : 'not-asked';
  return { field: 'subject names', value, asked, outcome };
}

const USAGES = {
  encrypt: ['keyEncipherment', 'keyAgreement'],
  sign: ['digitalSignature', 'nonRepudiation'],
} as const;

function usageCheck({ keyUsage }: Certificate, direction: TrustDirection): TrustCheck {
  const wanted = USAGES[direction];
  const isMet = keyUsage === null || wanted.some((usage) => keyUsage.has(usage));
  return {
    field: 'keyUsage',
    value: keyUsage === null ? 'none, so any use' : [...keyUsage].join(', '),
    asked: wanted.join(' or '),
    outcome: isMet ? 'met' : 'not-met',
  };
}

function anchorCheck(
  { path }: ValidatedCertificate,
  proof: string,
  direction: TrustDirection,
  { trust }: AppliedPartner,
): TrustCheck {
  const anchor = path.at(-1);
  const field = 'issuer and path';
  if (proof === 'pinned') {
    const value = path[0]?.fingerprint ?? '';
    return { field, value, asked: 'a certificate of trust.pinned', outcome: 'met' };
  }
  const count = certificatesOf(anchorsFor(trust, direction)).length;
  return {
    field,
    value: path.map((one) => formatName(one.subjectName)).join(' ← '),
    asked:
      proof === 'dnssec'
        ? 'DNSSEC names it (RFC 8162)'
        : `a path to one of ${count} anchors of the partner; it ends at ${anchor?.fingerprint.slice(0, 16) ?? ''}`,
    outcome: 'met',
  };
}

function requirementChecks(
  { path }: ValidatedCertificate,
  direction: TrustDirection,
  { trust }: AppliedPartner,
): TrustCheck[] {
  const rule = trust.certificates[direction];
  if (rule === undefined) {
    const field = `trust.certificates.${direction}`;
    return [{ field, value: '', asked: 'nothing beside RFC 5280', outcome: 'not-asked' }];
  }
  const checked = checkRequirements(path, rule);
  return Object.entries(rule).map(([name, value]) => {
    const isUnmet = checked.kind === 'unmet' && checked.field.startsWith(name);
    return {
      field: `trust.certificates.${direction}.${name}`,
      value: isUnmet ? checked.reason : '',
      asked: JSON.stringify(value).slice(0, 1_000),
      outcome: isUnmet ? 'not-met' : 'met',
    };
  });
}

function revocationCheck(
  { revocation: { mode, certificates } }: ValidatedCertificate,
  { trust }: AppliedPartner,
): TrustCheck {
  const unknown = certificates.find(({ status }) => status.kind === 'unknown')?.status;
  const value =
    mode === 'off'
      ? 'not checked'
      : unknown?.kind === 'unknown'
        ? `not known: ${unknown.reason}`
        : 'not revoked';
  return {
    field: 'revocation',
    value,
    asked: trust.revocation,
    outcome: mode === 'off' ? 'not-asked' : unknown === undefined ? 'met' : 'let-pass',
  };
}
