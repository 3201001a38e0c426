import type { adviseProtocol, CallResult } from '@sallyport/ipc';
import { TLS_LEVELS } from '@sallyport/policy';
import type { SurveyedHost, SurveyedMail } from '@sallyport/survey';

type Level = CallResult<typeof adviseProtocol, 'probe'>['levels'][number];
type Holds = Level['holds'];

interface Finding {
  readonly holds: Holds;
  readonly sentence: string;
}

const RANK: readonly Holds[] = ['no', 'unknown', 'yes'];

/**
 * Which levels of the policy would let mail through to the hosts that were looked at, with what they
 * show today. A level holds if it holds for each host.
 */
export function levelFindings(
  { kind, hosts, reason, dnssec }: SurveyedMail,
  domain: string,
): Level[] {
  return TLS_LEVELS.filter((level) => level !== 'none').map((level) => {
    if (kind !== 'mx' || hosts.length === 0) {
      return { level, holds: 'unknown', sentence: reason ?? 'no host could be looked at' };
    }
    const findings = hosts.map((host) => ofHost(level, host, { dnssec, domain }));
    const worst = findings.reduce((a, b) =>
      RANK.indexOf(b.holds) < RANK.indexOf(a.holds) ? b : a,
    );
    return { level, ...worst };
  });
}

interface Around {
  readonly dnssec: SurveyedMail['dnssec'];
  readonly domain: string;
}

function ofHost(level: Level['level'], host: SurveyedHost, around: Around): Finding {
  const { name, tls, tlsa } = host;
  const isReached = tls.outcome !== 'unreachable';
  if (!isReached) return { holds: 'unknown', sentence: named(name, tls.sentence) };
  switch (level) {
    case 'may':
      return tls.outcome === 'none'
        ? { holds: 'yes', sentence: `${name} would get mail in clear` }
        : shown(host, 'yes');
    case 'encrypt':
      return encrypted(host);
    case 'fingerprint':
      return tls.fingerprint === null
        ? encrypted(host)
        : { holds: 'yes', sentence: `${name}: with the pin of its key, which it shows below` };
    case 'verify':
      if (around.dnssec !== 'secure') {
        const sentence = `the MX of ${around.domain} is not proven by DNSSEC, so no host name can be`;
        return { holds: around.dnssec === 'unknown' ? 'unknown' : 'no', sentence };
      }
      return verified(host);
    case 'secure':
      return verified(host);
    case 'dane':
      return tlsa.check === 'fits' || tlsa.check === 'not-applicable'
        ? { holds: 'yes', sentence: named(name, tlsa.sentence) }
        : daneOnly(host);
    default:
      return daneOnly(host);
  }
}

/** Which host it is about, unless the sentence says so. */
function named(host: string, sentence: string): string {
  return sentence.startsWith(host) ? sentence : `${host}: ${sentence}`;
}

function shown({ name, tls }: SurveyedHost, holds: Holds): Finding {
  return { holds, sentence: `${name}: ${[tls.version, tls.cipher].join(' ')}` };
}

function encrypted(host: SurveyedHost): Finding {
  if (host.tls.outcome !== 'none') return shown(host, 'yes');
  return { holds: 'no', sentence: named(host.name, host.tls.sentence) };
}

/** The certificate verified for the name of the host or of its domain, against the system's anchors. */
function verified({ name, tls }: SurveyedHost): Finding {
  const holds = tls.outcome === 'verified' ? 'yes' : 'no';
  return { holds, sentence: named(name, tls.sentence) };
}

function daneOnly({ name, tlsa }: SurveyedHost): Finding {
  const sentence = named(name, tlsa.sentence);
  if (tlsa.check === 'fits') return { holds: 'yes', sentence };
  return { holds: tlsa.check === 'unknown' ? 'unknown' : 'no', sentence };
}
