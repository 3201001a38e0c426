import { allowsMx } from '@sallyport/transport';
import type { DomainSurvey, Remark, SurveyedCertificate, SurveyedHost } from './survey-types.ts';

const SOON_DAYS = 30;
const USABLE = new Set(['trusted', 'dnssec', 'unproven']);

type Survey = Omit<DomainSurvey, 'remarks'>;

/** What is wrong with what a domain publishes, in sentences, the worst first. */
export function remarksOn(survey: Survey): readonly Remark[] {
  const remarks = [
    ...onMail(survey),
    ...onCertificates(survey),
    ...onDoors(survey),
    ...onStatement(survey),
    ...onMtaSts(survey),
    ...onTlsRpt(survey),
  ];
  const order = ['fault', 'warning', 'note'];
  return remarks.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

function fault(text: string): Remark {
  return { severity: 'fault', text };
}

function warning(text: string): Remark {
  return { severity: 'warning', text };
}

function remark(text: string): Remark {
  return { severity: 'note', text };
}

function onMail({ mail }: Survey): readonly Remark[] {
  if (mail.kind !== 'mx') return [fault(`No mail can be brought: ${mail.reason ?? mail.kind}.`)];
  const more = mail.reason === null ? [] : [remark(`Mail servers: ${mail.reason}.`)];
  return [...mail.hosts.flatMap((host) => [...onHostTls(host), ...onTlsa(host)]), ...more];
}

function onHostTls({ name, tls }: SurveyedHost): readonly Remark[] {
  switch (tls.outcome) {
    case 'verified':
      return [];
    case 'unverified':
      return [
        warning(
          `The TLS certificate of ${name} does not verify for its name, so the level secure would need anchors or names of its own: ${tls.sentence}.`,
        ),
      ];
    case 'none':
      return [fault(`${name} offers no usable TLS: ${tls.sentence}.`)];
    case 'unreachable':
      return [warning(`${name} could not be asked about TLS: ${tls.sentence}.`)];
  }
}

function onTlsa({ name, tlsa, dnssec }: SurveyedHost): readonly Remark[] {
  if (tlsa.failure !== null) {
    return [warning(`The TLSA records of ${name} could not be learnt (${tlsa.failure}).`)];
  }
  if (tlsa.records.length === 0) return [];
  if (tlsa.dnssec === 'insecure' || dnssec === 'insecure') {
    return [warning(`${name} has TLSA records without DNSSEC: they count for nothing.`)];
  }
  if (tlsa.check === 'misfit') {
    return [fault(`The TLSA records of ${name} do not fit what it shows: ${tlsa.sentence}.`)];
  }
  if (tlsa.check === 'unusable') {
    return [warning(`${name} has TLSA records that no client can use: ${tlsa.sentence}.`)];
  }
  return [];
}

function onCertificates({ certificates }: Survey): readonly Remark[] {
  const remarks = certificates.flatMap(onCertificate);
  const usable = (role: SurveyedCertificate['role']): readonly SurveyedCertificate[] =>
    certificates.filter((one) => one.role === role && USABLE.has(one.worth));
  const encryption = usable('confidentiality');
  if (encryption.length === 0) {
    remarks.push(fault('No certificate of the domain was found that mail could be encrypted to.'));
  }
  if (new Set(encryption.map(({ fingerprint }) => fingerprint)).size > 1) {
    remarks.push(
      warning(
        'The doors lead to different encryption certificates; that is right in a rollover only.',
      ),
    );
  }
  if (usable('signing').length === 0) {
    remarks.push(remark('No certificate of the domain signing authority is published.'));
  }
  return remarks;
}

function onCertificate(one: SurveyedCertificate): readonly Remark[] {
  const what = `The certificate ${one.subject || 'without a name'} at ${one.source} (${one.door})`;
  if (one.worth === 'unproven') return [remark(`${what} cannot be proven: ${one.reason}.`)];
  if (!USABLE.has(one.worth)) return [warning(`${what} cannot be used: ${one.reason}.`)];
  if (one.daysLeft > SOON_DAYS) return [];
  return [warning(`${what} expires in ${one.daysLeft} ${one.daysLeft === 1 ? 'day' : 'days'}.`)];
}

function onDoors({ doors }: Survey): readonly Remark[] {
  return doors.flatMap(({ door, outcome, steps }) => {
    if (outcome !== 'unavailable') return [];
    const failed = steps.findLast(
      (step) => step.outcome === 'failed' || step.outcome === 'skipped',
    );
    return [warning(`The door ${door} did not answer: ${failed?.reason ?? 'no reason is known'}.`)];
  });
}

function onStatement({ statement, doors }: Survey): readonly Remark[] {
  if (statement === null) {
    const refused = doors
      .find(({ door }) => door === 'trial')
      ?.steps.find(({ outcome }) => outcome === 'unusable');
    return refused === undefined
      ? []
      : [warning(`The statement of the domain cannot be used: ${refused.reason}.`)];
  }
  if (statement.isBelieved) return [];
  return [remark(`The statement of the domain is not believed: ${statement.reason}.`)];
}

function onMtaSts({ mtaSts, mail }: Survey): readonly Remark[] {
  const { state, policy, reason } = mtaSts;
  if (state === 'broken') return [warning(`MTA-STS is announced and broken: ${reason}.`)];
  if (state === 'unavailable') return [warning(`MTA-STS could not be learnt: ${reason}.`)];
  if (policy === null || policy.mode === 'none') return [];
  const stray = mail.hosts.filter(({ name }) => !allowsMx(policy, name));
  const remarks = stray.map(({ name }) =>
    warning(`The MTA-STS policy does not allow the mail server ${name}.`),
  );
  if (policy.mode === 'testing') remarks.push(remark('The MTA-STS policy only tests.'));
  return remarks;
}

function onTlsRpt({ tlsRpt }: Survey): readonly Remark[] {
  if (tlsRpt.state === 'broken') return [warning('The TLSRPT record is not well-formed.')];
  if (tlsRpt.state === 'unavailable') return [warning('The TLSRPT record could not be learnt.')];
  return [];
}
