import type { DomainSurvey } from '@sallyport/survey';
import { print, printTable } from './output.ts';

/** A survey in words. */
export function printSurvey(survey: DomainSurvey, withSteps: boolean): void {
  print(`${survey.domain}, ${survey.time}`);
  printMail(survey);
  printDoors(survey, withSteps);
  printCertificates(survey);
  printStatement(survey);
  printTransport(survey);
  print('Remarks');
  if (survey.remarks.length === 0) print('  Nothing stands in the way.');
  printTable(survey.remarks.map(({ severity, text }) => [`  ${severity}`, text]));
  print('');
}

function printMail({ mail }: DomainSurvey): void {
  print(`Mail: ${mail.kind === 'mx' ? `MX, DNSSEC ${mail.dnssec}` : (mail.reason ?? mail.kind)}`);
  printTable(
    mail.hosts.map(({ name, preference, tls, tlsa, dnssec }) => [
      `  ${preference} ${name}`,
      `DNSSEC ${dnssec}`,
      `TLS ${tls.outcome}`,
      `TLSA ${tlsa.records.length === 0 ? 'none' : `${tlsa.records.join(', ')} (DNSSEC ${tlsa.dnssec}, ${tlsa.check})`}`,
      tls.sentence,
    ]),
  );
}

function printDoors({ doors }: DomainSurvey, withSteps: boolean): void {
  print('Doors');
  printTable(doors.map(({ door, outcome }) => [`  ${door}`, outcome]));
  if (!withSteps) return;
  printTable(
    doors.flatMap(({ door, steps }) =>
      steps.map(({ outcome, query, server, reason, tookMs }) => [
        `    ${door}`,
        outcome,
        `${tookMs.toFixed(0)} ms`,
        server === undefined ? query : `${query} at ${server}`,
        reason,
      ]),
    ),
  );
}

function printCertificates({ certificates }: DomainSurvey): void {
  print('Certificates');
  if (certificates.length === 0) print('  none');
  printTable(
    certificates.map((one) => [
      `  ${one.role}`,
      one.worth,
      one.door,
      one.key,
      `${one.daysLeft} days left`,
      one.fingerprint.slice(0, 16),
      `${one.subject}: ${one.reason}`,
    ]),
  );
}

function printStatement({ statement }: DomainSurvey): void {
  if (statement === null) {
    print('Statement: none');
    return;
  }
  const { isBelieved, reason, demands, tls, contact, accepts } = statement;
  print(`Statement: ${isBelieved ? 'believed' : 'not believed'}: ${reason}`);
  for (const [name, words] of Object.entries(accepts)) {
    print(`  accepts ${name}: ${words.join(', ')}`);
  }
  const encryption = demands.encryption ? 'required' : 'not required';
  print(`  demands signature: ${demands.signature}; encryption: ${encryption}; TLS: ${tls.level}`);
  print(`  contact ${contact}`);
}

function printTransport({ mtaSts, tlsRpt }: DomainSurvey): void {
  const { policy } = mtaSts;
  const shown =
    policy === null
      ? mtaSts.reason
      : `${policy.mode}, ${policy.mx.join(', ')}, ${policy.maxAgeSeconds} s`;
  print(`MTA-STS: ${mtaSts.state}: ${shown}`);
  print(`TLSRPT: ${tlsRpt.state}${tlsRpt.uris.length === 0 ? '' : `: ${tlsRpt.uris.join(', ')}`}`);
}
