import { formatDomain, formatMailbox } from '@sallyport/mail';
import type { DsnFacts, DsnRecipient } from './format.ts';
import { asciiOnly, clean, formatDate, wrap } from './text.ts';

/** The part in plain words: what happened, to which recipient, why, who can mend it, when. */
export function humanPart(facts: DsnFacts): string {
  const lines = [
    ...wrap(`This is the mail gateway ${clean(facts.reportingMta)}. ${opening(facts)}`),
    '',
    ...facts.recipients.flatMap(recipientLines),
    ...wrap(`The message arrived here on ${formatDate(facts.arrivalDate)}.`),
    ...wrap(
      `When you ask for help, quote this number: ${clean(facts.queueId)}. Do not answer this report; nobody reads answers to it.`,
    ),
  ];
  const text = lines.map((line) => `${line}\r\n`).join('');
  const utf8 = !asciiOnly(text);
  return (
    `Content-Type: text/plain; charset=${utf8 ? 'utf-8' : 'us-ascii'}\r\n` +
    `${utf8 ? 'Content-Transfer-Encoding: 8bit\r\n' : ''}` +
    `Content-Description: Notification\r\n\r\n${text}`
  );
}

function opening({ recipients }: DsnFacts): string {
  if (recipients.some(({ action }) => action === 'failed')) {
    return 'Your message could not be delivered to the recipients named below as failed. It was not sent to them and will not be tried again.';
  }
  return recipients.some(({ action }) => action === 'delayed')
    ? 'Your message has not been delivered yet. You need not send it again: the gateway keeps trying.'
    : 'Your message was passed on to a system that sends no reports. You may hear nothing more of it.';
}

function recipientLines(recipient: DsnRecipient): string[] {
  const { finalRecipient, remoteMta, diagnosticCode, lastAttempt, willRetryUntil } = recipient;
  const address = formatMailbox(finalRecipient);
  const shown = asciiOnly(address)
    ? address
    : `${address} (${formatDomain(finalRecipient.domain)})`;
  const when = lastAttempt === undefined ? '' : ` (last tried ${formatDate(lastAttempt)})`;
  const lines = [
    ...wrap(`${shown}: ${recipient.action}${when}`),
    ...wrap(`Why: ${clean(recipient.sentence)} (${clean(recipient.status)})`, '  '),
    ...wrap(`What to do: ${clean(recipient.advice)}`, '  '),
  ];
  if (diagnosticCode !== undefined) {
    const who = remoteMta === undefined ? 'The other system' : `The system ${clean(remoteMta)}`;
    lines.push(...wrap(`${who} said: ${clean(diagnosticCode.text)}`, '  '));
  }
  if (willRetryUntil !== undefined && recipient.action === 'delayed') {
    lines.push(...wrap(`The gateway tries until ${formatDate(willRetryUntil)}.`, '  '));
  }
  return [...lines, ''];
}
