import { AUTHORITY_NAMES, checkAuthorityName, checkNameMapping } from '@sallyport/domsec';
import {
  type Candidate,
  type DoorName,
  type LocateRole,
  locateCertificates,
  provePath,
} from '@sallyport/lookup';
import { type Domain, type Mailbox, parseMailbox } from '@sallyport/mail';
import {
  type Certificate,
  formatName,
  formatPemCertificate,
  parseCertificate,
} from '@sallyport/pki';
import type { SurveyedCertificate, SurveyedDoor, SurveyPorts, Worth } from './survey-types.ts';

/** The doors of the domain itself; configured directories and harvested mail are ours. */
const DOORS = ['smimea', 'cert', 'ldap-srv', 'http-srv', 'trial'] as const satisfies DoorName[];
const ROLES = ['confidentiality', 'signing'] as const satisfies LocateRole[];
const DAY_MS = 24 * 3_600_000;

interface FoundBehindDoor {
  readonly door: SurveyedDoor;
  readonly certificates: readonly SurveyedCertificate[];
}

/** Opens every door of a domain for both authorities, to the end: a find does not stop the search. */
export async function surveyDoors(
  domain: Domain,
  ports: SurveyPorts,
): Promise<readonly FoundBehindDoor[]> {
  return await Promise.all(DOORS.map(async (door) => await surveyDoor(door, domain, ports)));
}

async function surveyDoor(
  door: DoorName,
  domain: Domain,
  ports: SurveyPorts,
): Promise<FoundBehindDoor> {
  const found: FoundBehindDoor[] = [];
  for (const role of ROLES) found.push(await searchDoor({ door, role, domain, ports }));
  const steps = found.flatMap((one) => one.door.steps);
  const outcomes = found.map((one) => one.door.outcome);
  const outcome = (['found', 'unavailable', 'nothing'] as const).find((one) =>
    outcomes.includes(one),
  );
  return {
    door: { door, outcome: outcome ?? 'nothing', steps },
    certificates: found.flatMap((one) => one.certificates),
  };
}

interface DoorSearch {
  readonly door: DoorName;
  readonly role: LocateRole;
  readonly domain: Domain;
  readonly ports: SurveyPorts;
}

async function searchDoor(search: DoorSearch): Promise<FoundBehindDoor> {
  const { door, role, domain, ports } = search;
  const mailbox = authorityOf(role, domain);
  const certificates: SurveyedCertificate[] = [];
  const located = await locateCertificates({
    mailbox,
    role,
    doors: [door],
    pinned: [],
    bindings: ['authority', 'domain'],
    validate: async (der, candidate) => {
      const surveyed = await judge(der, candidate, { ...search, mailbox });
      // What stands at the domain itself is seen again in the search for the other authority.
      if (!isOfOther(der, role)) certificates.push(surveyed);
      return { kind: 'unusable', code: surveyed.worth, reason: surveyed.reason };
    },
    ports: ports.lookup,
  });
  const isUnavailable = located.kind === 'unavailable';
  const outcome = certificates.length > 0 ? 'found' : isUnavailable ? 'unavailable' : 'nothing';
  return { door: { door, outcome, steps: located.trace }, certificates };
}

function authorityOf(role: LocateRole, domain: Domain): Mailbox {
  const mailbox = parseMailbox(`${AUTHORITY_NAMES[AUTHORITY_OF[role]]}@${domain}`);
  if (mailbox === null) throw new Error(`no authority address for ${domain}`);
  return mailbox;
}

const AUTHORITY_OF = { signing: 'domain', confidentiality: 'confidentiality' } as const;

function isOfOther(der: Buffer, role: LocateRole): boolean {
  const other = role === 'signing' ? 'confidentiality' : 'signing';
  const parsed = parseCertificate(der);
  return (
    parsed.kind === 'certificate' &&
    checkAuthorityName(parsed.value, AUTHORITY_OF[other]).kind === 'ok'
  );
}

interface JudgedFor extends DoorSearch {
  readonly mailbox: Mailbox;
}

async function judge(
  der: Buffer,
  candidate: Candidate,
  search: JudgedFor,
): Promise<SurveyedCertificate> {
  const { role } = search;
  const { door, source } = candidate;
  const parsed = parseCertificate(der);
  if (parsed.kind !== 'certificate') {
    const unread = { subject: '', addresses: [], issuer: '', key: '', notAfter: '', daysLeft: 0 };
    const { reason } = parsed;
    return { door, role, source, ...unread, fingerprint: '', worth: 'malformed', reason, pem: '' };
  }
  const certificate = parsed.value;
  const now = search.ports.lookup.clock.now();
  const { worth, reason } = await worthOf(certificate, candidate, search);
  return {
    door,
    role,
    source,
    subject: formatName(certificate.subjectName),
    addresses: certificate.rfc822Names,
    issuer: formatName(certificate.issuerName),
    key: keyOf(certificate),
    notAfter: certificate.notAfter.toISOString(),
    daysLeft: Math.floor((certificate.notAfter.getTime() - now.getTime()) / DAY_MS),
    fingerprint: certificate.fingerprint,
    worth,
    reason,
    pem: formatPemCertificate(certificate.der),
  };
}

function keyOf(certificate: Certificate): string {
  const { asymmetricKeyType = 'unknown', asymmetricKeyDetails = {} } = certificate.publicKey();
  const { modulusLength, namedCurve } = asymmetricKeyDetails;
  return [asymmetricKeyType, modulusLength, namedCurve]
    .filter((part) => part !== undefined)
    .join(' ');
}

interface Judged {
  readonly worth: Worth;
  readonly reason: string;
}

async function worthOf(
  certificate: Certificate,
  candidate: Candidate,
  { role, domain, mailbox, ports }: JudgedFor,
): Promise<Judged> {
  const named = checkAuthorityName(certificate, AUTHORITY_OF[role]);
  if (named.kind === 'mismatch') return { worth: 'misnamed', reason: named.reason };
  const mapped = checkNameMapping(certificate, [mailbox], { partnerDomains: [domain] });
  if (mapped.kind === 'mismatch') return { worth: 'misnamed', reason: mapped.reason };
  const now = ports.lookup.clock.now();
  if (now > certificate.notAfter || now < certificate.notBefore) {
    return { worth: 'expired', reason: 'it is not valid at this time' };
  }
  if (candidate.dnssec === true) return { worth: 'dnssec', reason: 'DNSSEC names it (RFC 8162)' };
  const anchors = ports.anchorsFor(domain);
  if (anchors.length === 0) {
    return { worth: 'unproven', reason: 'no trust anchor is configured for this domain' };
  }
  const { result } = await provePath(
    {
      leaf: certificate,
      intermediates: [],
      anchors,
      time: now,
      purpose: role === 'signing' ? 'email-sign' : 'email-encrypt',
      mode: 'soft',
    },
    ports.lookup,
  );
  if (result.kind === 'valid') return { worth: 'trusted', reason: 'it has a path to an anchor' };
  const worth = result.code === 'revoked' ? 'revoked' : 'untrusted';
  return { worth, reason: result.reason };
}
