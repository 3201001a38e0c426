import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { RawClient } from '../test-client.ts';
import { RememberingTransactions, testListener, testRules, testTls } from '../testing.ts';
import type { LoginOutcome, SessionFacts } from './types.ts';

const tls = testTls();
const box = () => {
  const remembering = new RememberingTransactions();
  return { remembering, transactions: () => remembering.session() };
};

async function secured(port: number): Promise<RawClient> {
  const plain = await RawClient.connect(port);
  await plain.reply();
  await plain.command('EHLO c.example');
  assert.equal(await plain.command('STARTTLS'), '220 2.0.0 ready to start TLS');
  return plain.upgrade(tls.cert);
}

test('RFC 3207 4.2: plaintext pipelined behind STARTTLS never runs, and the state is reset', async () => {
  for (const gap of ['same packet', 'next packet'] as const) {
    const { remembering, transactions } = box();
    await using listener = await testListener({
      transactions,
      tls,
      rules: testRules({ tls: 'offered' }),
    });
    const client = await RawClient.connect(listener.port);
    await client.reply();
    await client.command('EHLO c.example');
    const injected = 'EHLO evil.example\r\nMAIL FROM:<evil@a.example>\r\nRSET\r\n';
    if (gap === 'same packet') {
      client.send(`STARTTLS\r\n${injected}`);
      assert.equal(await client.reply(), '220 2.0.0 ready to start TLS');
      const inTls = await client.upgrade(tls.cert);
      assert.equal(await inTls.command('NOOP'), '250 2.0.0 OK');
      assert.match(await inTls.command('MAIL FROM:<a@a.example>'), /^503/);
      inTls.end();
    } else {
      await client.command('STARTTLS');
      client.send(injected);
      await client.closed; // the bytes are no TLS record
    }
    assert.deepEqual(remembering.reversePaths, [], gap);
  }
});

test('RFC 3207 4: where TLS is required nothing but EHLO, NOOP, QUIT and STARTTLS is answered', async () => {
  const { remembering, transactions } = box();
  await using listener = await testListener({
    transactions,
    tls,
    rules: testRules({ tls: 'required' }),
  });
  const client = await RawClient.connect(listener.port);
  await client.reply();
  assert.match(await client.command('EHLO c.example'), /\n250[ -]STARTTLS/);
  for (const line of ['MAIL FROM:<a@a.example>', 'RCPT TO:<b@b.example>', 'DATA', 'VRFY a']) {
    const reply = await client.command(line);
    assert.equal(reply, '530 5.7.0 must issue a STARTTLS command first');
  }
  client.end();
  const inTls = await secured(listener.port);
  assert.doesNotMatch(await inTls.command('EHLO c.example'), /STARTTLS/);
  assert.match(await inTls.command('STARTTLS'), /^503 5\.5\.1/);
  assert.match(await inTls.command('MAIL FROM:<a@a.example>'), /^250/);
  assert.deepEqual(remembering.reversePaths, ['a']);
  inTls.end();
});

test('RFC 8689: REQUIRETLS is offered and taken under TLS only', async () => {
  const { transactions } = box();
  const rules = testRules({ tls: 'offered', offersRequireTls: true });
  await using listener = await testListener({ transactions, tls, rules });
  const plain = await RawClient.connect(listener.port);
  await plain.reply();
  assert.doesNotMatch(await plain.command('EHLO c.example'), /REQUIRETLS/);
  assert.match(await plain.command('MAIL FROM:<a@a.example> REQUIRETLS'), /^555 5\.5\.4/);
  plain.end();
  const inTls = await secured(listener.port);
  assert.match(await inTls.command('EHLO c.example'), /\n250[ -]REQUIRETLS/);
  assert.match(await inTls.command('MAIL FROM:<a@a.example> REQUIRETLS'), /^250/);
  inTls.end();
});

test('RFC 8314 3.3: implicit TLS greets inside TLS; clear text there is closed', async () => {
  const { transactions } = box();
  const rules = testRules({ tls: 'implicit' });
  await using listener = await testListener({ transactions, tls, rules });
  const client = await RawClient.connectTls(listener.port, tls.cert);
  assert.match(await client.reply(), /^220/);
  assert.doesNotMatch(await client.command('EHLO c.example'), /STARTTLS/);
  client.end();
  const plain = await RawClient.connect(listener.port);
  plain.send('EHLO c.example\r\n');
  await plain.closed;
});

test('a client that never finishes its handshake is closed', async () => {
  const { transactions } = box();
  const deadlines = { ...testRules().deadlines, commandMs: 40 };
  const rules = testRules({ tls: 'implicit', deadlines });
  await using listener = await testListener({ transactions, tls, rules });
  const client = await RawClient.connect(listener.port);
  await client.closed;
});

test('a client certificate is a fact of the session, trusted only under a configured anchor', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-ingress-'));
  const [key, cert] = [join(folder, 'k'), join(folder, 'c')];
  const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2';
  execFileSync('openssl', [...request.split(' '), '-subj', '/CN=c', '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  });
  const own = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  const nobody: Buffer[] = [];
  for (const [clientAnchors, shown, authorized] of [
    [own.cert, own, true],
    [tls.cert, own, false],
    [tls.cert, {}, false],
    [nobody, own, false],
    [null, own, false],
  ] as const) {
    let seen: SessionFacts | null = null;
    const transactions = () => ({
      ...new RememberingTransactions().session(),
      mail: (_: unknown, facts: SessionFacts) => {
        seen = facts;
        return null;
      },
    });
    await using listener = await testListener({
      transactions,
      tls: { ...tls, clientAnchors },
      rules: testRules({ tls: 'implicit' }),
    });
    const socket = connectTls({
      port: listener.port,
      ca: tls.cert,
      servername: 'localhost',
      ...shown,
    });
    socket.write('');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    socket.on('secureConnect', () =>
      socket.write('EHLO c.example\r\nMAIL FROM:<a@a.example>\r\nQUIT\r\n'),
    );
    await closed;
    const facts = seen as SessionFacts | null;
    assert.equal(facts?.tls?.clientAuthorized, authorized);
    const isAsked = clientAnchors !== null && shown === own;
    assert.equal((facts?.tls?.clientCertificate?.length ?? 0) > 100, isAsked);
    assert.equal(facts?.tls?.version, 'TLSv1.3');
  }
});

const submission = async (outcome: LoginOutcome = { kind: 'ok', login: 'ann' }) => {
  const { remembering, transactions } = box();
  const asked: { login: string; password: string; address: string }[] = [];
  const authenticator = {
    authenticate: (request: { login: string; password: string; address: string }) => {
      asked.push(request);
      return Promise.resolve(outcome);
    },
  };
  const rules = testRules({ tls: 'required', auth: 'required' });
  const listener = await testListener({ transactions, tls, rules, authenticator });
  return { remembering, asked, listener };
};

const b64 = (text: string) => Buffer.from(text).toString('base64');

test('RFC 4954 4: AUTH is not offered in clear and refused there', async () => {
  const { asked, listener } = await submission();
  await using _ = listener;
  const client = await RawClient.connect(listener.port);
  await client.reply();
  assert.doesNotMatch(await client.command('EHLO c.example'), /AUTH/);
  const reply = await client.command(`AUTH PLAIN ${b64('\0ann\0secret')}`);
  assert.equal(reply, '538 5.7.11 encryption required for authentication');
  assert.deepEqual(asked, []);
  client.end();
});

test('RFC 4954 6: without a login MAIL is 530; PLAIN and LOGIN let it in', async () => {
  const { remembering, asked, listener } = await submission();
  await using _ = listener;
  const exchanges: string[][] = [
    [`AUTH PLAIN ${b64('\0ann\0secret')}`],
    ['AUTH PLAIN', b64('ann\0ann\0secret')],
    ['auth login', b64('ann'), b64('secret')],
    [`AUTH LOGIN ${b64('ann')}`, b64('secret')],
  ];
  for (const lines of exchanges) {
    const client = await secured(listener.port);
    assert.match(await client.command('EHLO c.example'), /\n250[ -]AUTH PLAIN LOGIN/);
    const early = await client.command('MAIL FROM:<a@a.example>');
    assert.equal(early, '530 5.7.0 authentication required');
    const replies: string[] = [];
    for (const line of lines) replies.push(await client.command(line));
    assert.equal(replies.pop(), '235 2.7.0 authentication succeeded');
    for (const challenge of replies) assert.match(challenge, /^334/);
    assert.match(await client.command(`AUTH PLAIN ${b64('\0ann\0secret')}`), /^503/);
    assert.match(await client.command('MAIL FROM:<a@a.example> AUTH=<>'), /^250/);
    client.end();
  }
  assert.equal(remembering.reversePaths.length, exchanges.length);
  for (const { login, password, address } of asked) {
    assert.deepEqual([login, password, address], ['ann', 'secret', '127.0.0.1']);
  }
});

test('RFC 4954 4: a cancelled or malformed exchange is 501, another mechanism 504', async () => {
  const { asked, listener } = await submission();
  await using _ = listener;
  const client = await secured(listener.port);
  await client.command('EHLO c.example');
  assert.match(await client.command('AUTH PLAIN'), /^334/);
  assert.match(await client.command('*'), /^501/);
  assert.match(await client.command('AUTH PLAIN !!!'), /^501/);
  assert.match(await client.command('AUTH PLAIN ='), /^501/);
  assert.match(await client.command(`AUTH PLAIN ${b64('ann\0secret')}`), /^501/);
  assert.match(await client.command('AUTH CRAM-MD5'), /^504 5\.5\.4/);
  assert.match(await client.command(`AUTH PLAIN ${b64('bob\0ann\0secret')}`), /^535/);
  assert.deepEqual(asked, []);
  client.end();
});

test('three failed logins end the session', async () => {
  const { listener } = await submission({ kind: 'refused', fault: 'authentication-failed' });
  await using _ = listener;
  const client = await secured(listener.port);
  await client.command('EHLO c.example');
  const line = `AUTH PLAIN ${b64('\0ann\0wrong')}\r\n`;
  client.send(line + line + line + line);
  const replies = await client.rest();
  assert.deepEqual(replies, new Array(3).fill('535 5.7.8 authentication credentials invalid'));
});
