/** What domains publish about their mail, TLS and certificates, and what is wrong with it. */
export { checkRecords, type RecordCheck, type ZoneRecord } from './check-records.ts';
export { surveyDomain } from './survey-domain.ts';
export { surveyMail } from './survey-mail.ts';
export { surveyMtaSts } from './survey-transport.ts';
export type {
  DomainSurvey,
  OwnTls,
  SurveyedHost,
  SurveyedMail,
  SurveyedMtaSts,
  SurveyPorts,
} from './survey-types.ts';
