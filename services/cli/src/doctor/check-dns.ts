import { isIP } from 'node:net';
import { createResolver, type Resolver, systemRandom } from '@sallyport/lookup';
import { systemClock } from '@sallyport/mail';
import { checkRecords, type RecordCheck } from '@sallyport/survey';
import { publicationOf } from '../commands/dns.ts';
import { dnsOf } from '../gateway/specs/resolvers.ts';
import type { Check, Patient } from './check.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

const TIMEOUT_MS = 3_000;
/** Without these no mail comes in, or what partners do is not what they should. */
const VITAL: ReadonlySet<RecordCheck['type']> = new Set(['MX', 'A', 'SMIMEA', 'TLSA', 'CERT']);

/** Each resolver answers, what is published is what should be, and DNSSEC counts where it is needed. */
export const dnsCheck: Check = {
  area: 'dns',
  asksOthers: true,
  look: async (patient) => {
    const { servers, trusted } = dnsOf(patient.config);
    const alive = await Promise.all(servers.map((server) => answers(server, patient)));
    const dead = servers.filter((_, index) => alive[index] === false);
    const findings: Finding[] = dead.map(({ host, port }) => {
      const level = dead.length === servers.length ? fault : warning;
      return level(
        'resolver-silent',
        `The resolver ${host}:${port} does not answer.`,
        'Start it, or name another under dns.servers. Mail that needs DNS waits.',
      );
    });
    if (trusted) findings.push(...farResolvers(servers));
    if (dead.length < servers.length) findings.push(...(await recordFindings(patient)));
    return findings.length > 0
      ? findings
      : [ok('dns', 'The resolvers answer, and all records are as they should be.')];
  },
};

function resolverOf(
  servers: readonly { host: string; port: number }[],
  trusted: boolean,
): Resolver {
  return createResolver({
    servers: servers.map(({ host, port }) => ({ address: host, port })),
    trusted,
    timeoutMs: TIMEOUT_MS,
    clock: systemClock,
    random: systemRandom,
  });
}

/** A name without records is an answer, too; SERVFAIL for one name of ours says nothing of others. */
async function answers(
  server: { host: string; port: number },
  { config }: Patient,
): Promise<boolean> {
  const [domain] = config.domains;
  const answer = await resolverOf([server], false).query(domain?.name ?? 'example', 'MX');
  return answer.kind !== 'failure' || !['timeout', 'refused'].includes(answer.reason);
}

/** The AD bit is worth what the way to the resolver is worth (RFC 4035 section 4.9.3). */
function farResolvers(servers: readonly { host: string }[]): readonly Finding[] {
  return servers
    .filter(({ host }) => !(isIP(host) === 4 ? host.startsWith('127.') : host === '::1'))
    .map(({ host }) =>
      warning(
        'resolver-far',
        `dns.trusted believes the resolver ${host}, which is not this host.`,
        'Run a validating resolver on this host, or see that nobody can change what lies between.',
      ),
    );
}

async function recordFindings(patient: Patient): Promise<readonly Finding[]> {
  const { records } = await publicationOf(patient, { now: patient.now });
  const { servers, trusted } = dnsOf(patient.config);
  const checks = await checkRecords(records, { resolver: resolverOf(servers, trusted), trusted });
  const wrong = checks.flatMap(recordFinding);
  const unproven = checks.filter(
    ({ type, status, dnssec }) =>
      (type === 'SMIMEA' || type === 'TLSA') && status === 'ok' && dnssec === 'insecure',
  );
  if (unproven.length > 0) {
    const names = unproven
      .map(({ name }) => name)
      .slice(0, 3)
      .join(', ');
    wrong.push(
      warning(
        'record-unproven',
        `${names}: published without DNSSEC, so partners pass it over.`,
        'Sign the zone.',
      ),
    );
  }
  return wrong;
}

function recordFinding({ name, type, status, expected, seen }: RecordCheck): Finding[] {
  const advice = 'sallyport dns prints the lines to publish; dns --check compares them.';
  switch (status) {
    case 'ok':
      return [];
    case 'failed':
      return [
        warning(
          'record-not-known',
          `${type} of ${name}: the DNS did not say (${seen ?? ''}).`,
          'Ask again later, or look at the servers of the zone.',
        ),
      ];
    case 'extra':
      return [
        warning(
          'record-extra',
          `${type} of ${name} has one that is not ours: ${short(seen)}.`,
          advice,
        ),
      ];
    case 'missing':
    case 'different': {
      const sentence =
        status === 'missing'
          ? `${type} of ${name} is missing.`
          : `${type} of ${name} is ${short(seen)}, not ${short(expected)}.`;
      return [
        VITAL.has(type)
          ? fault(`record-${status}`, sentence, advice)
          : warning(`record-${status}`, sentence, advice),
      ];
    }
  }
}

function short(text: string | null): string {
  return (text ?? '').length > 60 ? `${text?.slice(0, 60)}…` : (text ?? '');
}
