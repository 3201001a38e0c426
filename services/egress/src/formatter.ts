import { type DsnRecipient, formatDsn } from '@sallyport/dsn';
import {
  type Content,
  isNullPath,
  parseDomain,
  parseMailbox,
  parseReversePath,
} from '@sallyport/mail';
import { formatReply } from '@sallyport/transport';
import type { Report, ReportFormatter, ReportRecipient } from './ports.ts';

/** Reports by packages/dsn, in the name of postmaster of the author's own domain if it is ours. */
export function createReportFormatter(options: {
  readonly gatewayName: string;
  readonly ownDomains: readonly string[];
}): ReportFormatter {
  const { gatewayName, ownDomains } = options;
  return {
    format: (report): Content => {
      const to = parseReversePath(report.header.reversePath);
      if (to === null || isNullPath(to)) throw new Error('no report to a null reverse-path');
      const [first, ...others] = report.recipients.flatMap((one) => recipientOf(one, report));
      if (first === undefined) throw new Error('report without a recipient');
      const domain = ownDomains.includes(to.domain) ? to.domain : (ownDomains[0] ?? gatewayName);
      const { header } = report;
      return formatDsn({
        reportingMta: gatewayName,
        arrivalDate: new Date(header.createdAt),
        ...(header.dsn.envid === undefined ? {} : { envid: header.dsn.envid }),
        ...returnedOf(report),
        recipients: [first, ...others],
        to,
        from: {
          display: 'Mail delivery',
          mailbox: { localPart: 'postmaster', domain: parseDomain(domain) ?? to.domain },
        },
        messageId: `<${report.id}@${gatewayName}>`,
        date: report.now,
        queueId: header.id,
      });
    },
  };
}

function returnedOf({ original }: Report) {
  const header = original?.header ?? Buffer.alloc(0);
  const content = original?.content ?? null;
  return content === null
    ? { originalMessage: { header }, ret: 'hdrs' as const }
    : { originalMessage: { header, content }, ret: 'full' as const };
}

function recipientOf(one: ReportRecipient, report: Report): DsnRecipient[] {
  const finalRecipient = parseMailbox(one.path);
  if (finalRecipient === null) return [];
  return [
    {
      finalRecipient,
      ...(one.orcpt === undefined ? {} : { originalRecipient: one.orcpt }),
      action: report.action,
      status: one.status,
      ...(one.reply === null
        ? {}
        : {
            diagnosticCode: { type: 'smtp', text: formatReply(one.reply).replaceAll('\n', ' ') },
            remoteMta: one.reply.mx,
          }),
      lastAttempt: report.now,
      ...(report.willRetryUntil === null ? {} : { willRetryUntil: report.willRetryUntil }),
      sentence: one.sentence,
      advice: one.advice,
    },
  ];
}
