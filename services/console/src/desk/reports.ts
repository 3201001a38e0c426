import type { CountedStep } from '@sallyport/audit-index';
import { type DescribedCertificate, MAX_DESCRIBED, type ReceivedTlsReport } from '@sallyport/ipc';
import type { PolicyDocument } from '@sallyport/policy';
import { PolicyUnavailable, readActivePolicy } from '@sallyport/policy-store/read';
import type { DeskPorts } from './desk.ts';
import type { KeysDesk } from './keys.ts';
import { orAway } from './refused.ts';
import { upToDate } from './up-to-date.ts';

const DAY_MS = 86_400_000;
/** Certificates of partners that are looked into for one list. */
const MAX_PARTNER_CERTIFICATES = 400;

export interface TlsReportPage {
  readonly reports: readonly ReceivedTlsReport[];
  /** Cursor of the next page; null after the oldest. */
  readonly before: string | null;
}

/** How mail went out, a step a day; and the same of the whole time by level. */
export interface Posture {
  readonly since: string;
  readonly until: string;
  readonly steps: readonly CountedStep[];
  readonly total: Readonly<Record<string, number>>;
}

/** Something that ends. */
export interface Ending {
  readonly what: 'own-certificate' | 'pinned' | 'anchor' | 'agreement' | 'exception';
  /** A key of ours, or a partner's name. */
  readonly whose: string;
  /** Subject of the certificate, number of the agreement, subject of the exception. */
  readonly name: string;
  /** RFC 3339: it holds until then. */
  readonly until: string;
}

export interface Endings {
  /** What ends first comes first. */
  readonly endings: readonly Ending[];
  /** Which parts could not be looked at now. */
  readonly missing: readonly ('own-keys' | 'policy' | 'partner-certificates')[];
}

/** What tells how things went and what will end. It changes nothing. */
export interface ReportsDesk {
  tlsReports(page: { readonly limit: number; readonly before?: string }): Promise<TlsReportPage>;
  posture(days: number): Promise<Posture>;
  endings(): Promise<Endings>;
}

export function createReportsDesk(ports: DeskPorts, keys: KeysDesk): ReportsDesk {
  const { sockets, clock, index } = ports;
  return {
    tlsReports: async (page) => await sockets.advise.call('tlsReports', page),
    posture: async (days) => {
      await upToDate(index);
      const until = clock.now();
      const midnight = Math.floor(until.getTime() / DAY_MS) * DAY_MS;
      const since = new Date(midnight - (days - 1) * DAY_MS);
      const steps = index.counts({ since, until, stepMs: DAY_MS, by: 'tls' });
      const total: Record<string, number> = {};
      for (const { counts } of steps) {
        for (const [level, count] of Object.entries(counts)) {
          total[level] = (total[level] ?? 0) + count;
        }
      }
      return { since: since.toISOString(), until: until.toISOString(), steps, total };
    },
    endings: async () => await endingsOf(ports, keys),
  };
}

async function endingsOf(ports: DeskPorts, keys: KeysDesk): Promise<Endings> {
  const missing: Endings['missing'][number][] = [];
  const own = await ownEndings(keys);
  if (own === null) missing.push('own-keys');
  const policy = await policyInForce(ports);
  if (policy === null) missing.push('policy');
  const certificates = policy === null ? [] : await certificateEndings(ports, policy);
  if (certificates === null) missing.push('partner-certificates');
  const agreed = policy === null ? [] : policy.partners.flatMap(agreementEndings);
  const endings = [...(own ?? []), ...agreed, ...(certificates ?? [])];
  return { endings: endings.sort((a, b) => a.until.localeCompare(b.until)), missing };
}

async function ownEndings(keys: KeysDesk): Promise<Ending[] | null> {
  const list = await orAway(async () => await keys.list());
  if (list === null) return null;
  return list.keys.flatMap(({ keyId, state, certificate }) =>
    certificate === null || !(state === 'active' || state === 'pending')
      ? []
      : [
          {
            what: 'own-certificate' as const,
            whose: keyId,
            name: certificate.subject,
            until: certificate.notAfter,
          },
        ],
  );
}

async function policyInForce({ options, clock }: DeskPorts): Promise<PolicyDocument | null> {
  try {
    return (await readActivePolicy(options.folders.policy, clock.now())).policy;
  } catch (error) {
    if (error instanceof PolicyUnavailable) return null;
    throw error;
  }
}

type Partner = PolicyDocument['partners'][number];

function agreementEndings({ name: whose, agreement, trust }: Partner): Ending[] {
  const exceptions = trust.exceptions.map(
    ({ subject, until }): Ending => ({
      what: 'exception',
      whose,
      name: subject,
      until: endOf(until),
    }),
  );
  if (agreement === undefined) return exceptions;
  const { id, validUntil } = agreement;
  return [{ what: 'agreement', whose, name: id, until: endOf(validUntil) }, ...exceptions];
}

/** The end of a day in UTC. */
function endOf(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + DAY_MS).toISOString();
}

interface PartnerCertificate {
  readonly what: 'pinned' | 'anchor';
  readonly whose: string;
  readonly pem: string;
}

async function certificateEndings(
  { sockets }: DeskPorts,
  policy: PolicyDocument,
): Promise<Ending[] | null> {
  const certificates = policy.partners
    .flatMap(({ name: whose, trust }): PartnerCertificate[] => {
      const { anchors, encryptAnchors = [], signAnchors = [] } = trust;
      const roots = new Set([...anchors, ...encryptAnchors, ...signAnchors]);
      return [
        ...trust.pinned.map((pem) => ({ what: 'pinned' as const, whose, pem })),
        ...[...roots].map((pem) => ({ what: 'anchor' as const, whose, pem })),
      ];
    })
    .slice(0, MAX_PARTNER_CERTIFICATES);
  return await orAway(async () => {
    const endings: Ending[] = [];
    for (let at = 0; at < certificates.length; at += MAX_DESCRIBED) {
      const part = certificates.slice(at, at + MAX_DESCRIBED);
      const answer = await sockets.advise.call('describe', {
        certificates: part.map(({ pem }) => pem),
      });
      for (const [index, { what, whose }] of part.entries()) {
        const found = answer.certificates[index];
        if (found?.kind === 'certificate') endings.push(ending({ what, whose }, found.value));
      }
    }
    return endings;
  });
}

function ending(
  of: Pick<Ending, 'what' | 'whose'>,
  { subject, notAfter }: DescribedCertificate,
): Ending {
  return { ...of, name: subject, until: notAfter };
}
