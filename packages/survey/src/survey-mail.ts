import { locateMx, type MailHost } from '@sallyport/lookup';
import type { Domain } from '@sallyport/mail';
import { type HostSource, openSession, type SmtpSession, type TlsRule } from '@sallyport/transport';
import { dnssecOf, SURVEY_TIMEOUTS, surveyTlsa } from './survey-tlsa.ts';
import type { SurveyedHost, SurveyedMail, SurveyPorts } from './survey-types.ts';

const MAX_HOSTS = 5;
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
      return { kind: 'mx', dnssec: dnssecOf(route.secure, ports), reason: null, hosts };
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
  const target = { host: host.name, port: ports.smtpPort, nexthopDomain: domain, hostSource };
  const [tls, tlsa] = await Promise.all([
    probeTls(host, domain, ports),
    surveyTlsa(host, target, ports),
  ]);
  const { name, preference } = host;
  const addresses = host.addresses.map(({ address }) => address);
  return { name, preference, addresses, dnssec: dnssecOf(host.secure, ports), tls, tlsa };
}

type HostTls = SurveyedHost['tls'];

/** First as the level `secure` would, for the name of the host; then, if that fails, as `encrypt`. */
async function probeTls(host: MailHost, domain: Domain, ports: SurveyPorts): Promise<HostTls> {
  const [first] = host.addresses;
  if (first === undefined) return noTls('unreachable', 'the host has no address');
  const target = {
    host: host.name,
    address: first.address,
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
    match: [host.name, domain, `.${domain}`],
    anchors: 'system',
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
