import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { createResolver, LookupMemory, RevocationMemory, systemRandom } from '@sallyport/lookup';
import { type Domain, parseDomain, systemClock } from '@sallyport/mail';
import { type Certificate, parsePemCertificates } from '@sallyport/pki';
import { anchorsFor, outwardRuleFor, type PolicyDocument } from '@sallyport/policy';
import { readActivePolicy } from '@sallyport/policy-store/read';
import { type SurveyPorts, surveyDomain } from '@sallyport/survey';
import { TlsContexts } from '@sallyport/transport';
import { dnsOf } from '../gateway/specs/resolvers.ts';
import { type Gateway, openGateway } from './gateway-access.ts';
import { note, printJson } from './output.ts';
import { printSurvey } from './print-survey.ts';
import { Complaint } from './run.ts';

const DNS_TIMEOUT_MS = 3_000;
const SMTP_PORT = 25;

export interface SurveyOptions {
  readonly config?: string;
  readonly anchors?: string;
  readonly steps?: boolean;
  readonly json?: boolean;
}

/** Surveys domains one after the other. @returns 1 if a domain has a fault or is no domain. */
export async function runSurvey(names: readonly string[], options: SurveyOptions): Promise<number> {
  const domains = names.map(domainOf);
  const ports = await portsOf(options);
  let code = 0;
  for (const [index, domain] of domains.entries()) {
    if (options.json !== true && process.stderr.isTTY) {
      note(`Looking at ${domain} (${index + 1} of ${domains.length}) …`);
    }
    const survey = await surveyDomain(domain, ports);
    if (options.json === true) printJson(survey);
    else printSurvey(survey, options.steps === true);
    if (survey.remarks.some(({ severity }) => severity === 'fault')) code = 1;
  }
  return code;
}

function domainOf(name: string): Domain {
  const domain = parseDomain(name);
  if (domain === null) throw new Complaint(`${name} is no domain.`);
  return domain;
}

async function portsOf(options: SurveyOptions): Promise<SurveyPorts> {
  const gateway = options.config === undefined ? null : await openGateway(options.config);
  const config = gateway?.config ?? null;
  const clock = systemClock;
  const { servers, trusted } = dnsOf({ dns: config?.dns ?? { servers: [], trusted: false } });
  const resolver = createResolver({
    servers: servers.map(({ host, port }) => ({ address: host, port })),
    trusted,
    timeoutMs: DNS_TIMEOUT_MS,
    clock,
    random: systemRandom,
  });
  const tlsAnchorsFile = config?.lookup.tlsAnchorsFile;
  return {
    lookup: {
      resolver,
      clock,
      random: systemRandom,
      memory: new LookupMemory(clock),
      revocation: new RevocationMemory(clock),
      allowPrivateAddresses: config?.lookup.allowPrivateAddresses ?? false,
      ...(tlsAnchorsFile === undefined
        ? {}
        : { tlsAnchors: [await readFile(tlsAnchorsFile, 'utf8')] }),
    },
    contexts: new TlsContexts(null),
    ehloName: config?.gateway.name ?? hostname(),
    smtpPort: config?.egress.port ?? SMTP_PORT,
    trustsDnssec: trusted,
    anchorsFor: await anchorsOf(options, gateway),
  };
}

/** Anchors of a file count for every domain; without one, those of the policy in force. */
async function anchorsOf(
  options: SurveyOptions,
  gateway: Gateway | null,
): Promise<SurveyPorts['anchorsFor']> {
  if (options.anchors !== undefined) {
    const certificates = parse(await readFile(options.anchors, 'utf8'));
    if (certificates.length === 0) throw new Complaint(`${options.anchors} holds no certificate.`);
    return () => certificates;
  }
  if (gateway === null) return () => [];
  const { policy } = await readActivePolicy(gateway.layout.policy, new Date());
  return (domain) => anchorsOfPartner(policy, domain);
}

function anchorsOfPartner(policy: PolicyDocument, domain: Domain): readonly Certificate[] {
  const { trust } = outwardRuleFor(policy, domain);
  const pems = [...anchorsFor(trust, 'encrypt'), ...anchorsFor(trust, 'sign'), ...trust.pinned];
  return pems.flatMap(parse);
}

function parse(pem: string): readonly Certificate[] {
  return parsePemCertificates(pem).flatMap((one) =>
    one.kind === 'certificate' ? [one.value] : [],
  );
}
