import type { Domain } from '@sallyport/mail';
import { remarksOn } from './remarks.ts';
import { surveyDoors } from './survey-doors.ts';
import { surveyMail } from './survey-mail.ts';
import { surveyStatement } from './survey-statement.ts';
import { surveyMtaSts, surveyTlsRpt } from './survey-transport.ts';
import type { DomainSurvey, SurveyPorts } from './survey-types.ts';

/** Looks at everything that a domain publishes about its mail and its certificates, all at once. */
export async function surveyDomain(domain: Domain, ports: SurveyPorts): Promise<DomainSurvey> {
  const [mail, behindDoors, statement, mtaSts, tlsRpt] = await Promise.all([
    surveyMail(domain, ports),
    surveyDoors(domain, ports),
    surveyStatement(domain, ports),
    surveyMtaSts(domain, ports),
    surveyTlsRpt(domain, ports),
  ]);
  const survey = {
    domain,
    time: ports.lookup.clock.now().toISOString(),
    mail,
    doors: behindDoors.map(({ door }) => door),
    certificates: behindDoors.flatMap(({ certificates }) => certificates),
    statement,
    mtaSts,
    tlsRpt,
  };
  return { ...survey, remarks: remarksOn(survey) };
}
