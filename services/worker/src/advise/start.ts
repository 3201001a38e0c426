import { adviseProtocol, IpcRefused, MAX_DESCRIBED, serveSocket } from '@sallyport/ipc';
import { type Domain, type Mailbox, parseDomain, parseMailbox } from '@sallyport/mail';
import { summariseRevocation } from '@sallyport/pki';
import { type AppliedPartner, outwardRuleFor } from '@sallyport/policy';
import { PolicyReader } from '@sallyport/policy-store/read';
import { checkRecords, type SurveyPorts } from '@sallyport/survey';
import { newestReports, TlsContexts } from '@sallyport/transport';
import { KnownCapabilities } from '../capabilities/known-capabilities.ts';
import type { AdviseOptions } from '../options.ts';
import { type LocatedCertificate, locateForRecipient } from '../outward/certificates.ts';
import { createLookupPorts } from '../shared/lookup-ports.ts';
import type { Runtime, Started } from '../shared/runtime.ts';
import { describeTexts } from './describe-certificate.ts';
import { locateSigner } from './locate-signer.ts';
import { simulate } from './simulate.ts';
import { anchorsIn, probe, survey, tlsIn } from './survey.ts';
import { trustOf } from './trust.ts';

/** Role advise: says what would happen and why; touches no mail and no key. */
export async function startAdvise(options: AdviseOptions, runtime: Runtime): Promise<Started> {
  const { clock, logger } = runtime;
  const policy = new PolicyReader(options.policyFolder, clock);
  const lookup = await createLookupPorts(options, clock, runtime.metrics);
  const capabilities = new KnownCapabilities(options.capabilitiesFolder);
  const own = new Set(options.domains.map((domain) => domain.name));
  const ruleOf = async (address: string): Promise<AppliedPartner> => {
    const { domain, localPart } = mailboxOf(address);
    return outwardRuleFor((await policy.current()).policy, domain, localPart);
  };
  const locate = async (address: string, role: 'confidentiality' | 'signing') => {
    const applied = await ruleOf(address);
    const mailbox = mailboxOf(address);
    const now = clock.now();
    const located: Pick<LocatedCertificate, 'facts' | 'trace'> =
      role === 'signing'
        ? await locateSigner({ sender: mailbox, applied, ports: lookup, now })
        : await locateForRecipient(mailbox, asEncrypting(applied), lookup, now);
    return { located, asked: { mailbox, applied, role, now } };
  };
  const surveyPorts = async (): Promise<SurveyPorts> => {
    const { policy: document } = await policy.current();
    return {
      lookup,
      contexts: new TlsContexts(null),
      ehloName: options.gatewayName,
      smtpPort: options.smtpPort,
      trustsDnssec: options.dns.trusted,
      anchorsFor: (domain) => anchorsIn(document, domain),
      tlsOf: (domain) => tlsIn(document, domain),
    };
  };
  const server = await serveSocket({
    path: options.listen,
    protocol: adviseProtocol,
    logger,
    handlers: {
      locate: async ({ address, role = 'confidentiality' }) =>
        answerOf((await locate(address, role)).located),
      trust: async ({ address, role }) => {
        const { located, asked } = await locate(address, role);
        const steps = located.trace.map((step) => ({ ...step }));
        return { steps, ...trustOf(located.facts, asked) };
      },
      describe: ({ certificates }) =>
        Promise.resolve({ certificates: describeTexts(certificates, MAX_DESCRIBED) }),
      survey: async ({ domain }) => await survey(domainOf(domain), await surveyPorts()),
      probe: async ({ domain }) => await probe(domainOf(domain), await surveyPorts()),
      dnsCheck: async ({ rows }) => ({
        checks: (
          await checkRecords(rows, { resolver: lookup.resolver, trusted: options.dns.trusted })
        )
          .slice(0, MAX_CHECKS)
          .map((check) => ({ ...check, seen: cutSeen(check.seen) })),
      }),
      tlsReports: async (page) =>
        options.tlsReportsFolder === undefined
          ? { reports: [], before: null }
          : await newestReports(options.tlsReportsFolder, page),
      simulate: async (params) =>
        await simulate(params, { policy, lookup, capabilities, ownDomains: own, clock }),
    },
  });
  return { close: async () => await server.close() };
}

const MAX_CHECKS = 2_000;
const MAX_SEEN_CHARS = 16_000;

/** A record of somebody else may be of any length. */
function cutSeen(seen: string | null): string | null {
  return seen === null ? null : seen.slice(0, MAX_SEEN_CHARS);
}

function domainOf(name: string): Domain {
  const domain = parseDomain(name);
  if (domain === null) throw new IpcRefused(null, 'not a domain');
  return domain;
}

function mailboxOf(address: string): Mailbox {
  const mailbox = parseMailbox(address);
  if (mailbox === null) throw new IpcRefused('mailbox-syntax', 'not an address');
  return mailbox;
}

/** Whoever asks for the certificate wants to know, whether the rule encrypts or not. */
function asEncrypting(applied: AppliedPartner): AppliedPartner {
  if (applied.outbound.encrypt !== 'none') return applied;
  return { ...applied, outbound: { ...applied.outbound, encrypt: 'when-possible' } };
}

function answerOf({ facts, trace }: Pick<LocatedCertificate, 'facts' | 'trace'>) {
  const steps = trace.map((step) => ({ ...step }));
  if (facts.kind !== 'found') return { steps, certificates: [], found: null };
  const { certificate, door, owner = 'domain', proof = 'path' } = facts;
  const revocation = { ...summariseRevocation(certificate.revocation) };
  const found = { door, owner, proof, revocation };
  return { steps, certificates: [certificate.certificate.der.toString('base64')], found };
}
