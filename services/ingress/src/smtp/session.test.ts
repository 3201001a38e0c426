import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAULTS, type FaultId, type ReplyFaultId, replyLine } from '@sallyport/faults';
import { RawClient } from '../test-client.ts';
import { RememberingTransactions, testListener, testRules } from '../testing.ts';
import type { Deadlines } from './types.ts';

const remembering = () => {
  const box = new RememberingTransactions();
  return { box, transactions: () => box.session() };
};

const deadlines = (changes: Partial<Deadlines>): Deadlines => ({
  ...testRules().deadlines,
  ...changes,
});

/** Greeting and EHLO are behind the client. */
async function helloed(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  assert.equal(await client.reply(), '220 gw.acme.example ESMTP');
  await client.command('EHLO client.example');
  return client;
}

/** The client may send mail data now. */
async function inData(port: number, mail = 'MAIL FROM:<a@a.example>'): Promise<RawClient> {
  const client = await helloed(port);
  assert.match(await client.command(mail), /^250/);
  assert.match(await client.command('RCPT TO:<b@b.example>'), /^250/);
  assert.match(await client.command('DATA'), /^354/);
  return client;
}

const isReplyFault = (id: string): id is ReplyFaultId => FAULTS[id as FaultId].code !== null;

test('every fault of the catalogue stands on the wire with its code, enhanced code and text', async () => {
  const faults = Object.keys(FAULTS).filter(isReplyFault);
  let next = 0;
  const transactions = () => ({
    ...new RememberingTransactions().session(),
    mail: () => faults[next] ?? null,
  });
  await using listener = await testListener({ transactions });
  for (const [index, fault] of faults.entries()) {
    next = index;
    const client = await helloed(listener.port);
    assert.equal(await client.command('MAIL FROM:<a@a.example>'), replyLine(fault));
    client.end();
  }
  assert.ok(faults.length > 50);
});

test('RFC 2034 4: every built-in reply has our enhanced code; greeting, EHLO and 3xx have none', async () => {
  const { transactions } = remembering();
  await using listener = await testListener({ transactions });
  const client = await RawClient.connect(listener.port);
  const script: [string | null, string | RegExp][] = [
    [null, '220 gw.acme.example ESMTP'],
    ['MAIL FROM:<a@a.example>', '503 5.5.1 bad sequence of commands'],
    ['HELO client.example', '250 gw.acme.example'],
    ['EHLO client.example', /^250-gw\.acme\.example\n250-/],
    ['NOOP whatever', '250 2.0.0 OK'],
    ['HELP', '214 2.0.0 see RFC 5321'],
    ['VRFY someone', /^252 2\.5\.0 /],
    ['VRFY', '501 5.5.4 syntax error in parameters'],
    ['EXPN list', '502 5.5.1 command not implemented'],
    ['BDAT 5 LAST', '502 5.5.1 command not implemented'],
    ['STARTTLS', '502 5.5.1 command not implemented'],
    ['AUTH PLAIN', '502 5.5.1 command not implemented'],
    ['XYZZY', '500 5.5.1 command not recognized'],
    ['RCPT TO:<b@b.example>', '503 5.5.1 bad sequence of commands'],
    ['DATA', '503 5.5.1 bad sequence of commands'],
    ['MAIL FROM:a@a.example', '501 5.5.4 syntax error in parameters'],
    ['MAIL FROM:<a@@a.example>', '553 5.1.3 mailbox syntax not valid'],
    ['MAIL FROM:<a@a.example> FOO=1', '555 5.5.4 parameter not implemented'],
    ['MAIL FROM:<a@a.example> SIZE=99999999', '552 5.3.4 message too big'],
    ['MAIL FROM:<a@a.example>', '250 2.1.0 sender OK'],
    ['MAIL FROM:<a@a.example>', '503 5.5.1 bad sequence of commands'],
    ['DATA', '503 5.5.1 bad sequence of commands'],
    ['RCPT TO:<b@b.example>', '250 2.1.5 recipient OK'],
    ['DATA', '354 end data with <CRLF>.<CRLF>'],
    ['a\r\n.', '250 2.0.0 queued as m1'],
    ['RSET', '250 2.0.0 OK'],
    ['QUIT', '221 2.0.0 closing connection'],
  ];
  for (const [line, expected] of script) {
    const reply = line === null ? await client.reply() : await client.command(line);
    if (typeof expected === 'string') assert.equal(reply, expected, String(line));
    else assert.match(reply, expected);
  }
  assert.equal(await client.reply(), 'closed');
});

test('RFC 5321 4.1.1.1: EHLO names SIZE, PIPELINING, 8BITMIME, SMTPUTF8, DSN and ENHANCEDSTATUSCODES', async () => {
  const { transactions } = remembering();
  await using listener = await testListener({ transactions });
  const client = await RawClient.connect(listener.port);
  await client.reply();
  const keywords = (await client.command('EHLO [127.0.0.1]')).split('\n').slice(1);
  assert.deepEqual(
    keywords.map((line) => line.slice(4)),
    ['PIPELINING', 'SIZE 1000000', '8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES'],
  );
  client.end();
});

test('RFC 2920: a whole session in one packet is answered in order', async () => {
  const { box, transactions } = remembering();
  await using listener = await testListener({ transactions });
  const client = await RawClient.connect(listener.port);
  client.send(
    'EHLO c.example\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nRCPT TO:<c@b.example>\r\nDATA\r\n' +
      'Subject: x\r\n\r\n..dot\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<b@b.example>\r\nDATA\r\ny\r\n.\r\nQUIT\r\n',
  );
  const codes = (await client.rest()).map((reply) => reply.slice(0, 3));
  assert.equal(codes.join(' '), '220 250 250 250 250 354 250 250 250 354 250 221');
  assert.deepEqual(box.messages.map(String), ['Subject: x\r\n\r\n.dot\r\n', 'y\r\n']);
  assert.deepEqual(box.reversePaths, ['a', '']);
});

test('a bare LF or a bare CR in a command is 521 and the end', async () => {
  const { box, transactions } = remembering();
  await using listener = await testListener({ transactions });
  for (const line of ['EHLO x\nMAIL FROM:<a@a.example>\n', '\n', 'NOOP a\rb\r\n', 'NOOP\n\r\n']) {
    const client = await RawClient.connect(listener.port);
    await client.reply();
    client.send(line);
    assert.deepEqual(await client.rest(), ['521 5.5.2 lines must end with CR LF'], line);
  }
  assert.deepEqual(box.reversePaths, []);
});

test('a control character or bad UTF-8 in a command is a syntax error', async () => {
  const { transactions } = remembering();
  await using listener = await testListener({ transactions });
  const client = await helloed(listener.port);
  for (const bytes of ['NOOP \0', 'MAIL FROM:<a\x01@a.example>', 'EHLO a\tb', '', ' NOOP']) {
    assert.equal(await client.command(bytes), '501 5.5.4 syntax error in parameters');
  }
  client.send(Buffer.from('MAIL FROM:<\xff@a.example> SMTPUTF8\r\n', 'latin1'));
  assert.equal(await client.reply(), '501 5.5.4 syntax error in parameters');
  client.end();
});

test('RFC 5321 4.5.3.1.4: a command line that is too long is 500, and the session goes on', async () => {
  const { transactions } = remembering();
  await using listener = await testListener({ transactions });
  const client = await helloed(listener.port);
  assert.equal(await client.command(`NOOP ${'x'.repeat(5_000)}`), '500 5.5.6 line too long');
  assert.equal(await client.command(`NOOP ${'x'.repeat(500_000)}`), '500 5.5.6 line too long');
  assert.equal(await client.command('NOOP'), '250 2.0.0 OK');
  client.end();
});

test('NUL in data is 554 at the end of the data, and nothing of the message stays', async () => {
  const { box, transactions } = remembering();
  await using listener = await testListener({ transactions });
  const client = await inData(listener.port);
  assert.equal(await client.command('a\0b\r\n.'), '554 5.6.0 message contains a NUL octet');
  assert.equal(await client.command('NOOP'), '250 2.0.0 OK');
  assert.deepEqual([box.messages.length, box.aborted], [0, 1]);
  client.end();
});

test('RFC 5322 2.1.1: a text line over the limit is refused', async () => {
  const { box, transactions } = remembering();
  await using listener = await testListener({ transactions });
  const client = await inData(listener.port);
  const reply = await client.command(`${'x'.repeat(999)}\r\n.`);
  assert.equal(reply, '500 5.5.6 line too long');
  assert.deepEqual([box.messages.length, box.aborted], [0, 1]);
  client.end();
});

test('RFC 1870 6.3: data over the limit is dropped as soon as it is over, and 552 at its end', async () => {
  const { box, transactions } = remembering();
  await using listener = await testListener({
    transactions,
    rules: testRules({ maxMessageBytes: 1_000 }),
  });
  const client = await inData(listener.port);
  client.send('x\r\n'.repeat(334));
  client.send('.\r\nNOOP\r\n');
  assert.equal(await client.reply(), '552 5.3.4 message too big');
  assert.equal(await client.reply(), '250 2.0.0 OK');
  assert.deepEqual([box.messages.length, box.aborted], [0, 1]);
  client.end();
});

test('RFC 5321 4.5.3.1.10: recipients over the limit get 452 4.5.3', async () => {
  const { transactions } = remembering();
  await using listener = await testListener({
    transactions,
    rules: testRules({ maxRecipients: 2 }),
  });
  const client = await helloed(listener.port);
  await client.command('MAIL FROM:<a@a.example>');
  await client.command('RCPT TO:<b1@b.example>');
  await client.command('RCPT TO:<b2@b.example>');
  assert.equal(await client.command('RCPT TO:<b3@b.example>'), '452 4.5.3 too many recipients');
  client.end();
});

test('RFC 6531 3.4: a non-ASCII address without SMTPUTF8 is refused, with it taken', async () => {
  const { transactions } = remembering();
  await using listener = await testListener({ transactions });
  const client = await helloed(listener.port);
  const refused = '553 5.6.7 non-ASCII address needs SMTPUTF8';
  assert.equal(await client.command('MAIL FROM:<jörg@b.example>'), refused);
  assert.match(await client.command('MAIL FROM:<a@b.example>'), /^250/);
  assert.equal(await client.command('RCPT TO:<jörg@b.example>'), refused);
  await client.command('RSET');
  assert.match(await client.command('MAIL FROM:<jörg@b.example> BODY=8BITMIME SMTPUTF8'), /^250/);
  assert.match(await client.command('RCPT TO:<用户@例子.example>'), /^250/);
  client.end();
});

test('RFC 5321 4.3.1: a client that speaks before the greeting is refused', async () => {
  const { transactions } = remembering();
  await using listener = await testListener({
    transactions,
    rules: testRules({ greetingDelayMs: 60_000 }),
  });
  const client = await RawClient.connect(listener.port);
  client.send('EHLO x\r\n');
  assert.deepEqual(await client.rest(), ['421 4.7.0 client spoke before the greeting']);
});

test('the greeting wait is as configured and no longer', async () => {
  const { transactions } = remembering();
  for (const [greetingDelayMs, least, most] of [
    [0, 0, 80],
    [120, 115, 2_000],
  ] as const) {
    await using listener = await testListener({
      transactions,
      rules: testRules({ greetingDelayMs }),
    });
    const began = performance.now();
    const client = await RawClient.connect(listener.port);
    assert.match(await client.reply(), /^220/);
    const took = performance.now() - began;
    assert.ok(took >= least && took <= most, `took ${took} ms`);
    client.end();
  }
});

/** Sends a byte every few milliseconds until the server has had enough. */
async function drip(client: RawClient, byte: string): Promise<string[]> {
  const timer = setInterval(() => client.send(byte), 5);
  try {
    return await client.rest();
  } finally {
    clearInterval(timer);
    client.end();
  }
}

test('a client that drips bytes into a command is closed at the deadline of the command', async () => {
  const { transactions } = remembering();
  await using listener = await testListener({
    transactions,
    rules: testRules({ deadlines: deadlines({ commandMs: 60 }) }),
  });
  const client = await RawClient.connect(listener.port);
  await client.reply();
  assert.deepEqual(await drip(client, 'x'), ['421 4.4.2 command took too long']);
});

test('a client that drips bytes into DATA is closed at its deadline and leaves nothing', async () => {
  const { box, transactions } = remembering();
  await using listener = await testListener({
    transactions,
    rules: testRules({ deadlines: deadlines({ dataMs: 60 }) }),
  });
  const client = await inData(listener.port);
  assert.deepEqual(await drip(client, 'x\r\n'), ['421 4.4.2 command took too long']);
  assert.deepEqual([box.messages.length, box.aborted], [0, 1]);
});

test('a client that is silent inside DATA is closed', async () => {
  const { box, transactions } = remembering();
  await using listener = await testListener({
    transactions,
    rules: testRules({ deadlines: deadlines({ dataIdleMs: 40 }) }),
  });
  const client = await inData(listener.port);
  assert.deepEqual(await client.rest(), ['421 4.4.2 command took too long']);
  assert.equal(box.aborted, 1);
});

test('a session that keeps sending good commands still ends at its deadline', async () => {
  const { transactions } = remembering();
  await using listener = await testListener({
    transactions,
    rules: testRules({ deadlines: deadlines({ sessionMs: 80 }) }),
  });
  const client = await helloed(listener.port);
  const replies = await drip(client, 'NOOP\r\n');
  assert.equal(replies.at(-1), '421 4.4.2 session took too long');
});

test('a client that vanishes inside DATA leaves nothing', async () => {
  const box = new RememberingTransactions();
  const { promise, resolve } = Promise.withResolvers<void>();
  const transactions = () => {
    const session = box.session();
    return { ...session, reset: () => (box.aborted > 0 ? resolve() : undefined) };
  };
  await using listener = await testListener({ transactions });
  const client = await inData(listener.port);
  client.send('half a mess');
  client.end();
  await promise;
  assert.deepEqual([box.messages.length, box.aborted], [0, 1]);
});

test('too many errors, or a browser, end the session', async () => {
  const { transactions } = remembering();
  await using listener = await testListener({ transactions, rules: testRules({ maxErrors: 2 }) });
  const guesser = await helloed(listener.port);
  guesser.send('A\r\nB\r\nC\r\nNOOP\r\n');
  assert.equal((await guesser.rest()).at(-1), '421 4.7.0 too many errors');
  const browser = await RawClient.connect(listener.port);
  await browser.reply();
  browser.send('POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@a.example>\r\n');
  assert.deepEqual(await browser.rest(), ['421 4.7.0 too many errors']);
});

test('connections over the limit of the listener or of one address get 421', async () => {
  const { transactions } = remembering();
  for (const limit of [{ maxConnections: 1 }, { maxConnectionsPerAddress: 1 }]) {
    await using listener = await testListener({ transactions, ...limit });
    const first = await helloed(listener.port);
    const second = await RawClient.connect(listener.port);
    assert.deepEqual(await second.rest(), ['421 4.7.0 too many connections']);
    first.end();
  }
});

test('a surprise in a command is 451 and the session goes on', async () => {
  let calls = 0;
  const transactions = () => ({
    ...new RememberingTransactions().session(),
    mail: () => {
      calls += 1;
      if (calls === 1) throw new Error('planted');
      return calls === 2 ? Promise.reject(new Error('planted')) : null;
    },
  });
  await using listener = await testListener({ transactions });
  const later = await helloed(listener.port);
  assert.equal(
    await later.command('MAIL FROM:<a@a.example>'),
    '451 4.3.0 local error in processing',
  );
  assert.equal(
    await later.command('MAIL FROM:<a@a.example>'),
    '451 4.3.0 local error in processing',
  );
  assert.match(await later.command('MAIL FROM:<a@a.example>'), /^250/);
  later.end();
});

test('shutdown: an idle client gets 421, a transaction comes to its end', async () => {
  const { box, transactions } = remembering();
  const listener = await testListener({ transactions });
  const idle = await helloed(listener.port);
  const busy = await inData(listener.port);
  const closed = listener.close(10_000);
  assert.equal(await idle.reply(), '421 4.3.2 service is closing');
  busy.send('text\r\n.\r\n');
  assert.deepEqual(await busy.rest(), ['250 2.0.0 queued as m1', '421 4.3.2 service is closing']);
  await closed;
  assert.equal(box.messages.length, 1);
});
