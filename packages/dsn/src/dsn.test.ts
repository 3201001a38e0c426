import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bufferContent, readContent } from '@sallyport/mail';
import { mailbox } from '@sallyport/test/addresses';
import { type DsnFacts, type DsnRecipient, formatDsn, parseDsn } from './index.ts';

const failed: DsnRecipient = {
  finalRecipient: mailbox('bob@bravo.example'),
  originalRecipient: 'rfc822;Bob@bravo.example',
  action: 'failed',
  status: '5.1.1',
  diagnosticCode: { type: 'smtp', text: '550 5.1.1 no such user' },
  remoteMta: 'mx.bravo.example',
  lastAttempt: new Date('2026-11-21T05:00:00Z'),
  sentence: 'the recipient is not known',
  advice: 'Check the address.',
};

function facts(change: Partial<DsnFacts> = {}): DsnFacts {
  return {
    reportingMta: 'gw.alfa.example',
    arrivalDate: new Date('2026-11-21T04:00:00Z'),
    envid: 'ENV-1',
    originalMessage: {
      header: Buffer.from('From: a@alfa.example\r\nMessage-ID: <one@alfa.example>\r\n\r\n'),
    },
    ret: 'hdrs',
    recipients: [failed],
    to: mailbox('alice@alfa.example'),
    from: { display: 'Mail gateway', mailbox: mailbox('postmaster@alfa.example') },
    messageId: 'dsn-1@gw.alfa.example',
    date: new Date('2026-11-21T05:00:01Z'),
    queueId: '01abc',
    ...change,
  };
}

async function textOf(change: Partial<DsnFacts> = {}): Promise<string> {
  return (await readContent(formatDsn(facts(change)))).toString('utf8');
}

test('RFC 3461 6.3: ENVID and ORCPT stand in a report without their xtext encoding', async () => {
  const text = await textOf({
    envid: 'QQ+2B3+3D4+0D+0AX',
    recipients: [{ ...failed, originalRecipient: 'rfc822;bob+2Bspam@bravo.example' }],
  });
  assert.match(text, /^Original-Envelope-Id: QQ\+3=4\+0D\+0AX\r$/m);
  assert.match(text, /^Original-Recipient: rfc822;bob\+spam@bravo.example\r$/m);
  const utf8 = await textOf({
    recipients: [{ ...failed, originalRecipient: 'utf-8;b\\x{F6}b@bravo.example' }],
  });
  assert.match(utf8, /^Original-Recipient: utf-8;b\\x\{F6\}b@bravo.example\r$/m);
});

test('header injection: line ends in any fact make no field and no line of their own', async () => {
  const evil = 'x\r\nBcc: evil@x.example\r\n\r\nStatus: 2.0.0\n\u2028Action: relayed\0';
  const text = await textOf({
    reportingMta: evil,
    envid: evil,
    messageId: evil,
    queueId: evil,
    from: { display: evil, mailbox: mailbox('postmaster@alfa.example') },
    recipients: [
      {
        ...failed,
        originalRecipient: evil,
        status: evil,
        remoteMta: evil,
        diagnosticCode: { type: 'smtp', text: evil },
        sentence: evil,
        advice: evil,
      },
    ],
  });
  const parts = text.split(/\r\n--=_[0-9a-f]{32}(?:--)?\r\n/);
  const names = [parts[0], parts[2]].map((part) =>
    [...(part ?? '').matchAll(/^([A-Za-z-]+):/gm)].map((match) => match[1]),
  );
  const outer = 'From To Subject Date Message-ID Auto-Submitted MIME-Version Content-Type';
  assert.deepEqual(names[0], outer.split(' '));
  assert.equal(names[1]?.filter((name) => name === 'Status' || name === 'Action').length, 2);
  assert.equal(names[1]?.includes('Bcc'), false);
  assert.doesNotMatch(text, /[^\r]\n|\r[^\n]|\0/);
});

test('RFC 3464 2.3: what is written is read back', async () => {
  const parsed = await parseDsn(formatDsn(facts()));
  assert.deepEqual(parsed, {
    kind: 'dsn',
    value: {
      reportingMta: 'gw.alfa.example',
      originalEnvelopeId: 'ENV-1',
      originalMessageId: '<one@alfa.example>',
      recipients: [
        {
          finalRecipient: 'bob@bravo.example',
          originalRecipient: 'Bob@bravo.example',
          action: 'failed',
          status: '5.1.1',
          diagnosticCode: '550 5.1.1 no such user',
          remoteMta: 'mx.bravo.example',
        },
      ],
    },
  });
});

test('RFC 3834 5, RFC 6522 3: a report is marked as automatic and is a multipart/report in three parts', async () => {
  const text = await textOf();
  assert.match(text, /^Auto-Submitted: auto-replied\r$/m);
  assert.match(text, /^Content-Type: multipart\/report; report-type=delivery-status;\r$/m);
  assert.match(text, /^Content-Type: message\/delivery-status\r$/m);
  assert.match(text, /^Content-Type: text\/rfc822-headers\r$/m);
  assert.match(text, /^Date: Sat, 21 Nov 2026 05:00:01 \+0000\r$/m);
  assert.match(text, /Why: the recipient is not known \(5\.1\.1\)/);
  assert.doesNotMatch(text, /[^\0-\x7f]/);
  for (const line of text.split('\r\n')) assert.ok(line.length <= 78, line);
});

test('RFC 3464 2.3.9: only a delayed recipient has Will-Retry-Until', async () => {
  const willRetryUntil = new Date('2026-11-26T04:00:00Z');
  assert.doesNotMatch(await textOf({ recipients: [{ ...failed, willRetryUntil }] }), /Will-Retry/);
  const delayed = await textOf({ recipients: [{ ...failed, action: 'delayed', willRetryUntil }] });
  assert.match(delayed, /^Will-Retry-Until: Thu, 26 Nov 2026 04:00:00 \+0000\r$/m);
  assert.match(delayed, /^Subject: Your message is delayed\r$/m);
});

test('RFC 6533 3, 5: a non-ASCII address takes the international forms', async () => {
  const text = await textOf({
    recipients: [{ ...failed, finalRecipient: mailbox('jörg@bücher.example') }],
  });
  assert.match(text, /^Final-Recipient: utf-8; jörg@xn--bcher-kva\.example\r$/m);
  assert.match(text, /^Content-Type: message\/global-delivery-status\r$/m);
  assert.match(text, /^Content-Type: message\/global-headers\r$/m);
  const parsed = await parseDsn(bufferContent(Buffer.from(text)));
  assert.equal(
    parsed.kind === 'dsn' && parsed.value.recipients[0]?.finalRecipient,
    'jörg@xn--bcher-kva.example',
  );
});

test('RFC 3461 4.3: RET=FULL returns the whole message, byte for byte', async () => {
  const message = 'Message-ID: <two@alfa.example>\r\n\r\nbody';
  const text = await textOf({
    ret: 'full',
    originalMessage: {
      header: Buffer.from(message.slice(0, 34)),
      content: bufferContent(Buffer.from(message)),
    },
  });
  assert.ok(text.includes(`Content-Type: message/rfc822\r\n`));
  assert.ok(text.includes(`\r\n\r\n${message}\r\n--`));
});

const VECTORS = new URL('../../../../shared/vectors/bounces/', import.meta.url);

test('RFC 3464 2: reports of other systems are read, and no bounce makes the reader throw', {
  skip: existsSync(VECTORS) ? false : 'shared/vectors/bounces is absent',
}, async () => {
  let reports = 0;
  for (const name of readdirSync(VECTORS).filter((file) => file.endsWith('.eml'))) {
    const parsed = await parseDsn(bufferContent(readFileSync(new URL(name, VECTORS))));
    if (!name.startsWith('rfc3464-')) continue;
    if (parsed.kind !== 'dsn') continue;
    reports += 1;
    assert.ok(parsed.value.recipients.length > 0, name);
    assert.ok(
      parsed.value.recipients.some((one) => one.finalRecipient !== null),
      name,
    );
  }
  assert.ok(reports >= 10, `${reports}`);
});
