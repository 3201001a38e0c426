import type { CountedStep } from '@sallyport/audit-index';
import { type DescribedCertificate, MAX_DESCRIBED, type ReceivedTlsReport } from '@sallyport/ipc';
import type { PolicyDocument } from '@sallyport/policy';
import { policyInForce } from './active-policy.ts';
import type { DeskPorts } from './desk.ts';
import type { KeysDesk } from './keys.ts';
import type { Described } from './look.ts';
import { orAway } from './refused.ts';
import { upToDate } from './up-to-date.ts';

const DAY_MS = 86_400_000;
/** A call and its answer are a frame of a megabyte each, and the answer is the longer one. */
const MAX_DESCRIBED_CHARS = 200_000;
/** Certificates of partners whose ends are kept in mind: a certificate does not change. */
const MAX_KNOWN = 20_000;

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
  const known: KnownEnds = new Map();
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
    endings: async () => await endingsOf(ports, keys, known),
  };
}

async function endingsOf(ports: DeskPorts, keys: KeysDesk, known: KnownEnds): Promise<Endings> {
  const missing: Endings['missing'][number][] = [];
  const own = await ownEndings(keys);
  if (own === null) missing.push('own-keys');
  const policy = await policyInForce(ports);
  if (policy === null) missing.push('policy');
  const certificates = policy === null ? [] : await certificateEndings(ports, policy, known);
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

/** The last second of a day in UTC: midnight would read as the next one. */
function endOf(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + DAY_MS - 1_000).toISOString();
}

/** Subject and end by the PEM of a certificate; null for one that cannot be read. */
type KnownEnds = Map<string, Pick<DescribedCertificate, 'subject' | 'notAfter'> | null>;

async function certificateEndings(
  { sockets }: DeskPorts,
  policy: PolicyDocument,
  known: KnownEnds,
): Promise<Ending[] | null> {
  const certificates = policy.partners.flatMap(certificatesOf);
  const pems = [...new Set(certificates.map(({ pem }) => pem))];
  if (known.size + pems.length > MAX_KNOWN) known.clear();
  const learn = async (part: readonly string[]): Promise<void> => {
    const { certificates: all } = await sockets.advise.call('describe', {
      certificates: [...part],
    });
    const [first, ...others] = part;
    if (first !== undefined && others.length === 0) known.set(first, soonestOf(all));
    else if (all.length === part.length && part.every(isOne)) {
      for (const [at, pem] of part.entries()) known.set(pem, soonestOf(all.slice(at, at + 1)));
    } else for (const pem of part) await learn([pem]);
  };
  return await orAway(async () => {
    for (const part of partsOf(pems.filter((pem) => !known.has(pem)))) await learn(part);
    return certificates.flatMap(({ what, whose, pem }) => {
      const found = known.get(pem) ?? null;
      return found === null ? [] : [{ what, whose, name: found.subject, until: found.notAfter }];
    });
  });
}

/** A text may hold several certificates; the answer does not say which one is of which text. */
function isOne(pem: string): boolean {
  return pem.split('-----BEGIN').length === 2;
}

function soonestOf(all: readonly Described[]) {
  const ends = all.flatMap((one) => (one.kind === 'certificate' ? [one.value] : []));
  const [soonest] = ends.sort((a, b) => a.notAfter.localeCompare(b.notAfter));
  return soonest === undefined ? null : { subject: soonest.subject, notAfter: soonest.notAfter };
}

function certificatesOf({ name: whose, trust }: Partner) {
  const { anchors, encryptAnchors = [], signAnchors = [] } = trust;
  const roots = new Set([...anchors, ...encryptAnchors, ...signAnchors]);
  return [
    ...trust.pinned.map((pem) => ({ what: 'pinned' as const, whose, pem })),
    ...[...roots].map((pem) => ({ what: 'anchor' as const, whose, pem })),
  ];
}

/** As many as one call can ask for. */
function* partsOf(pems: readonly string[]): Generator<string[]> {
  let part: string[] = [];
  let chars = 0;
  for (const pem of pems) {
    const isFull = part.length === MAX_DESCRIBED || chars + pem.length > MAX_DESCRIBED_CHARS;
    if (isFull && part.length > 0) {
      yield part;
      [part, chars] = [[], 0];
    }
    part.push(pem);
    chars += pem.length;
  }
  if (part.length > 0) yield part;
}
