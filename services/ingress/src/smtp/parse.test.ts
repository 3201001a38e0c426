import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMailbox, formatReversePath } from '@sallyport/mail';
import { mailbox } from '@sallyport/test/addresses';
import fc from 'fast-check';
import { isHeloName, parseCommand } from './command.ts';
import { parseMailParameters, parseRecipientParameters } from './parameters.ts';
import { parseForwardPathText, parseReversePathText, splitPathArgument } from './path.ts';

const offered = { auth: false, requireTls: false };
const mail = (text: string) => {
  const parsed = parseMailParameters(text, offered);
  return parsed.kind === 'ok' ? parsed.value : parsed.fault;
};
const recipient = (text: string, smtpUtf8 = false) => {
  const parsed = parseRecipientParameters(text, smtpUtf8);
  return parsed.kind === 'ok' ? parsed.value : parsed.fault;
};
const none = {
  sizeBytes: null,
  eightBit: false,
  smtpUtf8: false,
  requireTls: false,
  ret: null,
  envid: null,
};

test('RFC 3461 4.3, 4.4: RET and ENVID are kept; wrong ones are syntax errors', () => {
  assert.deepEqual(mail('RET=hdrs ENVID=QQ+2B314159'), {
    ...none,
    ret: 'HDRS',
    envid: 'QQ+2B314159',
  });
  for (const bad of [
    'RET',
    'RET=ALL',
    'ENVID',
    'ENVID=',
    'ENVID=a+2',
    'ENVID=a=b',
    'RET=FULL RET=HDRS',
  ]) {
    assert.equal(mail(bad), 'syntax-error', bad);
  }
  assert.equal(mail(`ENVID=${'x'.repeat(101)}`), 'syntax-error');
});

test('RFC 1870 4, RFC 6152 2, RFC 6531 3.4: SIZE, BODY and SMTPUTF8', () => {
  assert.deepEqual(mail('size=12345 BODY=8BITMIME SMTPUTF8'), {
    ...none,
    sizeBytes: 12_345,
    eightBit: true,
    smtpUtf8: true,
  });
  assert.deepEqual(mail('BODY=7bit'), none);
  for (const bad of ['SIZE', 'SIZE=-1', 'SIZE=1e3', 'BODY=BINARYMIME', 'BODY', 'SMTPUTF8=yes']) {
    assert.equal(mail(bad), 'syntax-error', bad);
  }
  for (const unknown of ['REQUIRETLS', 'AUTH=<>', 'X-FOO=1', 'NOTIFY=NEVER']) {
    assert.equal(mail(unknown), 'parameter-unknown', unknown);
  }
});

test('RFC 3461 4.1, 4.2: NOTIFY and ORCPT are kept; NEVER stands alone', () => {
  assert.deepEqual(recipient('NOTIFY=success,DELAY ORCPT=rfc822;Bob+2Bx@b.example'), {
    notify: ['SUCCESS', 'DELAY'],
    orcpt: 'rfc822;Bob+2Bx@b.example',
  });
  assert.deepEqual(recipient(''), { notify: null, orcpt: null });
  const bad = [
    'NOTIFY=NEVER,DELAY',
    'NOTIFY=',
    'NOTIFY=A',
    'NOTIFY=DELAY,DELAY',
    'ORCPT=b@b',
    'ORCPT=rfc822;',
  ];
  for (const text of bad) assert.equal(recipient(text), 'syntax-error', text);
  assert.equal(recipient(`ORCPT=rfc822;${'x'.repeat(500)}`), 'syntax-error');
  assert.equal(recipient('ORCPT=utf-8;jörg@b.example'), 'syntax-error');
  assert.notEqual(recipient('ORCPT=utf-8;jörg@b.example', true), 'syntax-error');
  assert.equal(recipient('SIZE=1'), 'parameter-unknown');
});

test('RFC 5321 4.1.2: paths with quotes, brackets and source routes are taken apart right', () => {
  assert.deepEqual(splitPathArgument('FROM:<"a>b\\" c"@x.example> SIZE=1', 'FROM'), {
    path: '"a>b\\" c"@x.example',
    parameters: 'SIZE=1',
  });
  assert.deepEqual(splitPathArgument('from: <>', 'FROM'), { path: '', parameters: '' });
  for (const bad of ['FROM a@b', 'FROM:a@b', 'FROM:<a@b', 'FROM:<a@b>x', 'TO:<a@b>', '', 'FROM:']) {
    assert.equal(splitPathArgument(bad, 'FROM'), null, bad);
  }
  const reverse = parseReversePathText('@relay.example,@b.example:"a b"@x.example');
  assert.equal(reverse === null ? null : formatReversePath(reverse), '"a b"@x.example');
  const postmaster = mailbox('postmaster@acme.example');
  assert.equal(parseForwardPathText('PostMaster', postmaster), postmaster);
  assert.equal(parseForwardPathText('', postmaster), null);
  const forward = parseForwardPathText('@a.example:b@x.example', postmaster);
  assert.equal(forward === null ? null : formatMailbox(forward), 'b@x.example');
});

test('RFC 5321 4.1.1.1: a name that could harm the trace is no EHLO name', () => {
  for (const good of [
    'a.example',
    'PC_1',
    '[127.0.0.1]',
    '[IPv6:::1]',
    '10.0.0.1',
    '::1',
    'a.example.',
  ]) {
    assert.equal(isHeloName(good), true, good);
  }
  for (const bad of [
    '',
    'a b',
    'a(b',
    'a\r\nb',
    '<a>',
    'a;b',
    '[x',
    'a..b',
    'ä.example',
    'x'.repeat(256),
  ]) {
    assert.equal(isHeloName(bad), false, bad);
  }
});

test('no bytes make the parsers throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.string({ maxLength: 80 }), (bytes, text) => {
      parseCommand(Buffer.from(bytes));
      parseMailParameters(text, { auth: true, requireTls: true });
      parseRecipientParameters(text, true);
      splitPathArgument(`FROM:${text}`, 'FROM');
      parseReversePathText(text);
    }),
    { numRuns: 2_000 },
  );
});
