/** The example of RFC 8463 appendix A: keys published there (Ed25519: RFC 8032 section 7.1). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authenticated, lines, type Zone } from './testing.ts';

const ZONE: Zone = {
  'TXT brisbane._domainkey.football.example.com': [
    'v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=',
  ],
  'TXT test._domainkey.football.example.com': [
    'v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB',
  ],
  'TXT _dmarc.football.example.com': ['v=DMARC1; p=reject'],
};

const MESSAGE = lines(
  'DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;',
  ' d=football.example.com; i=@football.example.com;',
  ' q=dns/txt; s=brisbane; t=1528637909; h=from : to :',
  ' subject : date : message-id : from : subject : date;',
  ' bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;',
  ' b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus',
  ' Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==',
  'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;',
  ' d=football.example.com; i=@football.example.com;',
  ' q=dns/txt; s=test; t=1528637909; h=from : to : subject :',
  ' date : message-id : from : subject : date;',
  ' bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;',
  ' b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3',
  ' DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz',
  ' dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=',
  'From: Joe SixPack <joe@football.example.com>',
  'To: Suzie Q <suzie@shopping.example.net>',
  'Subject: Is dinner ready?',
  'Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)',
  'Message-ID: <20030712040037.46341.5F8J@football.example.com>',
  '',
  'Hi.',
  '',
  'We lost the game.  Are you hungry yet?',
  '',
  'Joe.',
);

const resultsOf = async (message: string): Promise<string> =>
  (await authenticated(message, ZONE)).dkim.map(({ result }) => result).join(' ');

test('RFC 8463 A: both signatures of its example pass, and DMARC with them', async () => {
  const { dkim, dmarc } = await authenticated(MESSAGE, ZONE);
  assert.deepEqual(
    dkim.map(({ result, algorithm, selector }) => [result, algorithm, selector]),
    [
      ['pass', 'ed25519-sha256', 'brisbane'],
      ['pass', 'rsa-sha256', 'test'],
    ],
  );
  assert.deepEqual(dmarc, { result: 'pass', policy: 'reject', domain: 'football.example.com' });
});

test('RFC 6376 3.4: what relaxed forgives passes still, and nothing else', async () => {
  const forgiven: readonly ((message: string) => string)[] = [
    (m) => m.replace('Subject: Is', 'SUBJECT:\r\n\tIs'),
    (m) => m.replace('game.  Are', 'game. \t Are'),
    (m) => m.replace('Joe.\r\n', 'Joe. \r\n\r\n\r\n'),
  ];
  for (const change of forgiven) {
    assert.notEqual(change(MESSAGE), MESSAGE);
    assert.equal(await resultsOf(change(MESSAGE)), 'pass pass', change.toString());
  }
  const broken: readonly ((message: string) => string)[] = [
    (m) => m.replace('Is dinner', 'Isdinner'),
    (m) => m.replace('\r\n\r\nWe lost', '\r\nWe lost'),
    (m) => m.replace('Hi.\r\n', ' Hi.\r\n'),
    (m) => `Subject: Another\r\n${m}`,
  ];
  for (const change of broken) {
    assert.equal(await resultsOf(change(MESSAGE)), 'fail fail', change.toString());
  }
});
