import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMail } from './alert-mail.ts';
import { formatExposition } from './exposition.ts';
import { type AlertLine, type AlertMessage, formatText } from './message.ts';

const TIME = '2026-03-01T12:00:00.000Z';
const OPTIONS = {
  to: ['ops@acme.example', 'second@acme.example'],
  from: 'gateway@acme.example',
  via: { host: '127.0.0.1', port: 25 },
};

function messageOf(...alerts: readonly Partial<AlertLine>[]): AlertMessage {
  const usual = {
    id: 'x',
    kind: 'expiry',
    status: 'raised',
    sentence: 'It ends.',
    since: TIME,
  } as const;
  return {
    gateway: 'gw.acme.example',
    time: TIME,
    alerts: alerts.map((one) => ({ ...usual, ...one })),
  };
}

test('the text tells what is new, what is still so, and what is resolved', () => {
  const message = messageOf({ status: 'resolved', sentence: 'Was.' }, { sentence: 'Is.' });
  assert.equal(
    formatText(message),
    `New:\n- Is. (since ${TIME})\n\nResolved:\n- Was. (since ${TIME})\n\nGateway gw.acme.example, ${TIME}.\n`,
  );
});

test('a name with line ends, dots and letters of the world makes no header field and no end of data', () => {
  const sentence = 'Agreement with Bravö\r\n.\r\nBcc: eve@evil.example ends.';
  const mail = formatMail(messageOf({ sentence }), OPTIONS, new Date(TIME));
  const [head = '', body = ''] = mail.split('\r\n\r\n');
  assert.doesNotMatch(mail, /Bcc|\r\n\.|[^\r]\n|[\u0080-\uffff]/);
  assert.match(
    head,
    /^Date: Sun, 01 Mar 2026 12:00:00 \+0000\r\nFrom: Sallyport <gateway@acme\.example>\r\n/,
  );
  assert.match(head, /^Subject: \[sallyport\] 1 alert\(s\) of gw\.acme\.example$/m);
  assert.ok(Buffer.from(body, 'base64').toString().includes(sentence));
  for (const line of mail.split('\r\n')) assert.ok(line.length <= 998);
});

test('what no process of that role serves is no line of the metrics', () => {
  const text = formatExposition([
    {
      role: 'egress',
      samples: {
        'sallyport_queue_messages{queue="outgoing"}': 3,
        sallyport_audit_writable: 0,
        evil_total: 1,
      },
    },
    { role: 'monitor', samples: { sallyport_alerts_open: 2 } },
  ]);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  assert.deepEqual(lines, [
    'sallyport_queue_messages{role="egress",queue="outgoing"} 3',
    'sallyport_alerts_open{role="monitor"} 2',
  ]);
});
