/** The mail that the sandbox sends, and what its audit logs say of it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '@sallyport/mail';
import { print } from '../commands/output.ts';
import { type Organisation, SILENT_PARTNER } from './organisation.ts';
import { submitMessage } from './submit.ts';
import { traceOf, verdictField } from './trace.ts';

const DELIVERY_TIMEOUT_MS = 20_000;
const POLL_MS = 50;
const SETTLE_MS = 400;
const SAMPLE_TEXT = 'The results of the second series are in.';

/**
 * One message each way, and one to a partner that has no certificate.
 *
 * @returns whether both arrived with the verdict that they must have, and the third is held.
 */
export async function exchangeMail([acme, bravo]: readonly [
  Organisation,
  Organisation,
]): Promise<boolean> {
  const outward = await send(acme, 'alice', bravo, 'bob');
  const back = await send(bravo, 'bob', acme, 'alice');
  const held = await sendWhatIsHeld(acme);
  const worked = outward && back && held;
  print(
    worked
      ? 'Both messages arrived as they should, and the third did not leave.'
      : 'Something did not work, see above.',
  );
  return worked;
}

async function sendWhatIsHeld(from: Organisation): Promise<boolean> {
  const since = systemClock.now();
  const sender = `alice@${from.plan.domain}`;
  const recipient = `carol@${SILENT_PARTNER.domain}`;
  print(`── ${sender} writes to ${recipient}, of whom no certificate can be found`);
  await submit(from, { sender, recipient, since });
  let lines = await traceOf(from, since);
  const deadline = performance.now() + DELIVERY_TIMEOUT_MS;
  while (lines.at(-1)?.kind !== 'held' && performance.now() < deadline) {
    await sleep(POLL_MS);
    lines = await traceOf(from, since);
  }
  for (const [index, { text }] of lines.entries()) print(numbered(index, text));
  print('');
  return lines.at(-1)?.kind === 'held';
}

async function submit(
  from: Organisation,
  of: { readonly sender: string; readonly recipient: string; readonly since: Date },
): Promise<void> {
  const { sender, recipient, since } = of;
  const reply = await submitMessage({
    host: '127.0.0.1',
    port: from.plan.relayPort,
    helo: `mail.${from.plan.domain}`,
    from: sender,
    to: recipient,
    message: sampleMessage(sender, recipient, since),
  });
  print(`   The inner MTA of ${from.plan.title} hands the message to its gateway: ${reply}`);
}

async function send(
  from: Organisation,
  author: string,
  to: Organisation,
  reader: string,
): Promise<boolean> {
  const since = systemClock.now();
  const sender = `${author}@${from.plan.domain}`;
  const recipient = `${reader}@${to.plan.domain}`;
  print(`── ${sender} writes to ${recipient}`);
  await submit(from, { sender, recipient, since });
  const file = await waitForMessage(to);
  const lines = [...(await traceOf(from, since)), ...(await traceOf(to, since))];
  for (const [index, line] of lines.entries()) {
    print(numbered(index, `${line.ok ? '' : 'PROBLEM: '}${line.text}`));
  }
  if (file === null) {
    print(`   PROBLEM: nothing arrived within ${DELIVERY_TIMEOUT_MS / 1_000} s.`);
    print('');
    return false;
  }
  const verdict = await verdictField(file);
  print(`   The inner MTA of ${to.plan.title} has the message, in clear, with this field on top:`);
  print(`   X-Sallyport-Verdict: ${verdict ?? 'missing'}`);
  print('');
  const good = /signature=valid; signatureType=domain;.*mapping=ok; encryption=domain/.test(
    verdict ?? '',
  );
  const body = await readFile(file, 'latin1');
  return good && body.includes(SAMPLE_TEXT) && lines.every((line) => line.ok);
}

async function waitForMessage(to: Organisation): Promise<string | null> {
  const file = join(to.plan.folder, 'mailboxes', '000001.eml');
  const deadline = performance.now() + DELIVERY_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const found = await readFile(file).catch(() => null);
    // What egress learns from the reply is recorded a moment after the message is there.
    if (found !== null) return await sleep(SETTLE_MS, file);
    await sleep(POLL_MS);
  }
  return null;
}

function numbered(index: number, text: string): string {
  return `   ${String(index + 1).padStart(2)}. ${text}`;
}

function sampleMessage(from: string, to: string, now: Date): string {
  return [
    `From: ${from}`,
    `To: ${to}`,
    'Subject: second series',
    `Date: ${now.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${now.getTime()}.${from}>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    SAMPLE_TEXT,
    'Please keep them among us until Friday.',
  ].join('\r\n');
}
