import type { adviseProtocol, CallResult } from '@sallyport/ipc';
import type { Domain } from '@sallyport/mail';
import { parseCertificate } from '@sallyport/pki';
import { anchorsFor, outwardRuleFor, type PolicyDocument, tlsPolicyFor } from '@sallyport/policy';
import {
  type DomainSurvey,
  type OwnTls,
  type SurveyedHost,
  type SurveyedMail,
  type SurveyedMtaSts,
  type SurveyPorts,
  surveyDomain,
  surveyMail,
  surveyMtaSts,
} from '@sallyport/survey';
import { certificatesOf } from '../shared/policy-certificates.ts';
import { describeCertificate, withinAnswer } from './describe-certificate.ts';
import { levelFindings } from './levels.ts';

type Surveyed = CallResult<typeof adviseProtocol, 'survey'>;
type Probed = CallResult<typeof adviseProtocol, 'probe'>;

const MAX_CHARS = 1_500;
const MAX_LIST = 200;
const MAX_CERTIFICATES = 40;
const MAX_CHAIN = 10;

/** What a domain publishes, cut to what one answer holds. */
export async function survey(domain: Domain, ports: SurveyPorts): Promise<Surveyed> {
  const found = bounded(await surveyDomain(domain, ports));
  const { certificates, mail, mtaSts } = found;
  return {
    ...found,
    mail: mailOf(mail),
    doors: found.doors.map(({ door, outcome, steps }) => ({
      door,
      outcome,
      steps: steps.map((step) => ({ ...step })),
    })),
    certificates: withinAnswer(certificates.slice(0, MAX_CERTIFICATES)).map((one) => ({
      ...one,
      addresses: [...one.addresses],
    })),
    statement: statementOf(found),
    mtaSts: mtaStsOf(mtaSts),
    tlsRpt: { state: found.tlsRpt.state, uris: [...found.tlsRpt.uris] },
    remarks: found.remarks.map((one) => ({ ...one })),
  };
}

/** What the mail servers of a domain show, and which TLS levels would let mail through. */
export async function probe(domain: Domain, ports: SurveyPorts): Promise<Probed> {
  const [mail, mtaSts] = await Promise.all([
    surveyMail(domain, ports),
    surveyMtaSts(domain, ports),
  ]);
  const cut = bounded({ mail, mtaSts });
  return {
    mail: mailOf(cut.mail),
    mtaSts: mtaStsOf(cut.mtaSts),
    chains: withinAnswer(
      mail.hosts.map(({ name, tls }) => ({ host: name, certificates: describedChain(tls) })),
    ),
    levels: levelFindings(mail, domain),
  };
}

function describedChain({ chain }: SurveyedHost['tls']) {
  const shown = chain.slice(0, MAX_CHAIN).flatMap((text) => {
    const parsed = parseCertificate(Buffer.from(text, 'base64'));
    return parsed.kind === 'certificate' ? [describeCertificate(parsed.value)] : [];
  });
  return withinAnswer(shown);
}

function mailOf({ kind, dnssec, reason, hosts }: SurveyedMail): Surveyed['mail'] {
  return {
    kind,
    dnssec,
    reason,
    hosts: hosts.map(({ tls: { chain: _, ...tls }, ...host }) => ({
      ...host,
      addresses: [...host.addresses],
      tls,
      tlsa: { ...host.tlsa, records: [...host.tlsa.records] },
    })),
  };
}

function mtaStsOf({ state, id, policy, reason }: SurveyedMtaSts): Surveyed['mtaSts'] {
  return {
    state,
    id,
    mode: policy?.mode ?? null,
    mx: [...(policy?.mx ?? [])],
    maxAgeSeconds: policy?.maxAgeSeconds ?? null,
    reason,
  };
}

function statementOf({ statement }: DomainSurvey): Surveyed['statement'] {
  if (statement === null) return null;
  const accepts: Record<string, string[]> = {};
  for (const [name, words] of Object.entries(statement.accepts)) accepts[name] = [...words];
  const { signature, encryption } = statement.demands;
  const { level, minVersion } = statement.tls;
  return {
    ...statement,
    accepts,
    demands: { signature, encryption },
    tls: { level, minVersion },
  };
}

/** Strangers wrote most of it: no text and no list is longer than a page can show. PEM stays whole. */
function bounded<T>(value: T): T {
  return cutValue(value, '') as T;
}

function cutValue(value: unknown, key: string): unknown {
  if (typeof value === 'string') {
    const isWhole = key === 'pem' || value.length <= MAX_CHARS;
    return isWhole ? value : `${value.slice(0, MAX_CHARS)}…`;
  }
  if (Array.isArray(value)) return value.slice(0, MAX_LIST).map((one) => cutValue(one, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, cutValue(one, name)]),
  );
}

/** Whom the policy in force believes of a domain. */
export function anchorsIn(policy: PolicyDocument, domain: Domain) {
  const { trust } = outwardRuleFor(policy, domain);
  const pems = [...anchorsFor(trust, 'encrypt'), ...anchorsFor(trust, 'sign'), ...trust.pinned];
  return certificatesOf(pems);
}

/** How its record, if it has one, would have its servers proven. */
export function tlsIn(policy: PolicyDocument, domain: Domain): OwnTls | null {
  const { rule, tls } = tlsPolicyFor(policy, domain);
  return rule === 'default' ? null : tls;
}
