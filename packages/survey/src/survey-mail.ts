import { isPublicAddress, locateMx, type MailHost } from '@sallyport/lookup';
import type { Domain } from '@sallyport/mail';
import {
  type HostSource,
  openSession,
  type SmtpSession,
  type TlsAnchors,
  type TlsRule,
} from '@sallyport/transport';
import { dnssecOf, SURVEY_TIMEOUTS, type SurveyedAddress, surveyTlsa } from './survey-tlsa.ts';
import type { OwnTls, SurveyedHost, SurveyedMail, SurveyPorts } from './survey-types.ts';

const MAX_HOSTS = 5;
/** For all sessions with one host: one that drips its replies must not hold up what others say. */
const HOST_MS = 35_000;

/** Where the domain takes mail, and what TLS its first hosts offer on the way in. Nothing is sent. */
export async function surveyMail(domain: Domain, ports: SurveyPorts): Promise<SurveyedMail> {
  const route = await locateMx(domain, ports.lookup);
  switch (route.kind) {
    case 'mx': {
      const hostSource = route.secure ? 'secure-mx' : 'insecure-mx';
      const hosts = await Promise.all(
        route.hosts
          .slice(0, MAX_HOSTS)
          .map(async (host) => await surveyHost(host, { domain, hostSource }, ports)),
      );
      const count = route.hosts.length;
      const reason =
        count > MAX_HOSTS
          ? `only the first ${MAX_HOSTS} of its ${count} hosts were looked at`
          : null;
      return { kind: 'mx', dnssec: dnssecOf(route.secure, ports), reason, hosts };
    }
    case 'null-mx':
      return empty('null-mx', 'the domain says that it takes no mail (RFC 7505)');
    case 'domain-unknown':
      return empty('domain-unknown', route.reason);
    case 'failure':
      return empty('unavailable', `DNS: ${route.reason}`);
  }
}

function empty(kind: Exclude<SurveyedMail['kind'], 'mx'>, reason: string): SurveyedMail {
  return { kind, dnssec: 'unknown', reason, hosts: [] };
}

async function surveyHost(
  host: MailHost,
  { domain, hostSource }: { readonly domain: Domain; readonly hostSource: HostSource },
  ports: SurveyPorts,
): Promise<SurveyedHost> {
  const place = { host: host.name, port: ports.smtpPort, nexthopDomain: domain, hostSource };
  const { name, preference } = host;
  const address = addressOf(host, ports);
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ports.hostMs ?? HOST_MS);
  const first = async <T>(look: Promise<T>, otherwise: T): Promise<T> =>
    await Promise.race([look, late.then(() => otherwise)]);
  const [tls, tlsa] = await Promise.all([
    first(probeTls({ name, address }, domain, ports), noTls('unreachable', LATE)),
    first(surveyTlsa(address, place, ports), {
      dnssec: 'unknown',
      records: [],
      failure: null,
      check: 'unknown',
      sentence: LATE,
    }),
  ]).finally(() => clearTimeout(timer));
  const addresses = host.addresses.map((one) => one.address);
  return { name, preference, addresses, dnssec: dnssecOf(host.secure, ports), tls, tlsa };
}

const LATE = 'it did not come to an end in time';

/** The address to connect to, or why there is none: a stranger's MX may name a host of our own (SSRF). */
function addressOf({ addresses }: MailHost, ports: SurveyPorts): SurveyedAddress {
  const [first] = addresses;
  if (first === undefined) return { kind: 'none', reason: 'the host has no address' };
  const allowed = addresses.find(
    ({ address }) => ports.lookup.allowPrivateAddresses || isPublicAddress(address),
  );
  return allowed === undefined
    ? { kind: 'none', reason: 'its address is not public (lookup.allowPrivateAddresses)' }
    : { kind: 'address', address: allowed.address };
}

type HostTls = SurveyedHost['tls'];

/** First as the level `secure` would, for the name of the host; then, if that fails, as `encrypt`. */
async function probeTls(
  host: { readonly name: string; readonly address: SurveyedAddress },
  domain: Domain,
  ports: SurveyPorts,
): Promise<HostTls> {
  if (host.address.kind === 'none') return noTls('unreachable', host.address.reason);
  const target = {
    host: host.name,
    address: host.address.address,
    port: ports.smtpPort,
    nexthopDomain: domain,
  };
  const settings = {
    ehloName: ports.ehloName,
    timeouts: SURVEY_TIMEOUTS,
    contexts: ports.contexts,
  };
  const probe = async (tlsRule: TlsRule) => await openSession({ ...target, tlsRule }, settings);
  const version = { minVersion: 'TLSv1.2' } as const;
  const strict = await probe({
    level: 'secure',
    ...provenBy(host.name, domain, ports.tlsOf?.(domain) ?? null),
    ...version,
  });
  if (strict.kind === 'open') {
    await strict.session.wire.quit(SURVEY_TIMEOUTS.quitMs);
    return {
      outcome: 'verified',
      ...shown(strict.session),
      sentence: strict.session.tlsSentence,
    };
  }
  if (strict.fault === 'tls-not-offered') return noTls('none', strict.sentence);
  const loose = await probe({ level: 'encrypt', ...version });
  if (loose.kind === 'open') {
    await loose.session.wire.quit(SURVEY_TIMEOUTS.quitMs);
    return { outcome: 'unverified', ...shown(loose.session), sentence: strict.sentence };
  }
  const isTls = loose.fault === 'tls-handshake-failed';
  return noTls(isTls ? 'none' : 'unreachable', loose.sentence);
}

/**
 * Names and anchors that a certificate is held to: as egress does where the domain has a record, else
 * whatever `secure` could be made to take.
 */
export function provenBy(
  host: string,
  domain: Domain,
  own: OwnTls | null,
): { readonly match: readonly string[]; readonly anchors: TlsAnchors } {
  const byDomain = [domain, `.${domain}`];
  if (own === null) return { match: [host, ...byDomain], anchors: 'system' };
  const { level, match, anchors } = own;
  if (match.length > 0) return { match, anchors };
  return { match: level === 'verify' ? [host] : byDomain, anchors };
}

function noTls(outcome: 'none' | 'unreachable', sentence: string): HostTls {
  return { outcome, version: null, cipher: null, fingerprint: null, chain: [], sentence };
}

function shown({
  tls,
  peerChain = [],
}: SmtpSession): Pick<HostTls, 'version' | 'cipher' | 'fingerprint' | 'chain'> {
  return {
    version: tls?.version ?? null,
    cipher: tls?.cipher ?? null,
    fingerprint: tls?.peerFingerprint ?? null,
    chain: peerChain.map((der) => der.toString('base64')),
  };
}
