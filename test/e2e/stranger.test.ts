import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, startGateway } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { fieldOf } from '../harness/openssl.ts';
import { freePort } from '../harness/ports.ts';
import { type Postfix, startPostfix } from '../harness/postfix.ts';
import { dotStuffed, type Reply, SmtpClient, sendMessage } from '../harness/smtp-client.ts';

interface World {
  readonly inner: Postfix;
  readonly gateway: Gateway;
}

/**
 * Sequences that end no message (RFC 5321 section 4.1.1.4), as hexadecimal: the list of the SMTP
 * smuggling scanners, and forms with dots and spaces.
 */
const WRONG_ENDS = [
  '0a2e0a',
  '0a2e0d',
  '0d2e0a',
  '0d2e0d',
  '0a2e0d0a',
  '0d2e0d0a',
  '0d0a002e0d0a',
  '0d0a2e0a',
  '0d0a2e0d',
  '0d0a2e000d0a',
  '0d0a2e200d0a',
  '0d0a2e2e0d0a',
  '0d0d0a2e0d0d0a',
] as const;

const skip = skipWithout('postfix');

describe('strangers at the gateway', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: World;

  before(async () => {
    stack.use(await temporaryFolder('stranger'));
    const inner = stack.use(
      await startPostfix({ role: 'inner', name: 'mail.acme.example', domains: ['acme.example'] }),
    );
    const gateway = stack.use(
      await startGateway(
        {
          domain: 'acme.example',
          innerPort: inner.port,
          dnsPort: await freePort(),
          egressPort: inner.port,
          relayAllow: ['127.0.0.77'],
          users: { alice: 'correct horse' },
        },
        { partners: [] },
      ),
    );
    world = { inner, gateway };
  });
  after(() => stack.disposeAsync());

  const login = (name: string, password: string): string =>
    Buffer.from(`\0${name}\0${password}`).toString('base64');

  test('RFC 5321 section 7.1: relay from a stranger is 550, on the partner port and on the relay port', async () => {
    const message = {
      from: 'eve@world.example',
      to: ['victim@elsewhere.example'],
      data: 'x: y\r\n\r\n',
    };
    const partner = await sendMessage(world.gateway.partner, message, world.gateway.tls);
    assert.match(partner.text, /^550 5\.7\.1 /);
    await using client = await SmtpClient.connect(
      world.gateway.relay.host,
      world.gateway.relay.port,
    );
    let reply: Reply | null = await client.replyOrEnd();
    for (const line of [
      'EHLO x.test',
      'MAIL FROM:<alice@acme.example>',
      'RCPT TO:<v@elsewhere.example>',
    ]) {
      if (reply === null || reply.code >= 400) break;
      client.write(`${line}\r\n`);
      reply = await client.replyOrEnd();
    }
    assert.match(reply?.text ?? '', /^5(50|54) 5\.7\.1 /, 'its address is not on the list');
  });

  test('a stranger cannot use an address of ours to reach the outside', async () => {
    const message = {
      from: 'alice@acme.example',
      to: ['victim@elsewhere.example'],
      data: 'x: y\r\n\r\n',
    };
    const reply = await sendMessage(world.gateway.partner, message, world.gateway.tls);
    assert.match(reply.text, /^55[03] /);
  });

  test('RFC 3207 section 4, RFC 4954: submission without TLS is 530, without login 530, with a wrong one 535', async () => {
    await using plain = await SmtpClient.open(world.gateway.submission);
    assert.equal((await plain.command('MAIL FROM:<alice@acme.example>')).code, 530);
    assert.ok(
      [530, 538].includes(
        (await plain.command(`AUTH PLAIN ${login('alice', 'correct horse')}`)).code,
      ),
    );
    await using secure = await SmtpClient.open(world.gateway.submission, world.gateway.tls);
    const without = await secure.command('MAIL FROM:<alice@acme.example>');
    assert.match(without.text, /^530 5\.7\.0 /);
    const wrong = await secure.command(`AUTH PLAIN ${login('alice', 'wrong')}`);
    assert.match(wrong.text, /^535 5\.7\.8 /);
    assert.equal((await secure.command('MAIL FROM:<alice@acme.example>')).code, 530);
  });

  test('a login may send, on 587 and on 465, and not as somebody of another domain', async () => {
    const { submission, submissionTls, tls } = world.gateway;
    await using starttls = await SmtpClient.open(submission, tls);
    await using implicit = await SmtpClient.connect(submissionTls.host, submissionTls.port, tls);
    await implicit.reply();
    await implicit.command('EHLO client.test');
    for (const [index, client] of [starttls, implicit].entries()) {
      assert.equal(
        (await client.command(`AUTH PLAIN ${login('alice', 'correct horse')}`)).code,
        235,
      );
      const foreign = await client.command('MAIL FROM:<alice@elsewhere.example>');
      assert.match(foreign.text, /^55[03] 5\.7\.1 /);
      const messageId = `login${index}@acme.example`;
      const data = textMessage({
        from: 'alice@acme.example',
        to: 'zoe@acme.example',
        text: 'hi',
        messageId,
      });
      const reply = await client.send({
        from: 'alice@acme.example',
        to: ['zoe@acme.example'],
        data,
      });
      assert.equal(reply.code, 250, reply.text);
      await world.inner.waitForMessages(
        (one) => fieldOf(one.raw, 'message-id') === `<${messageId}>`,
      );
    }
  });

  test('RFC 3207 section 5: plaintext pipelined after STARTTLS never runs', async () => {
    await using client = await SmtpClient.open(world.gateway.partner);
    client.write(
      'STARTTLS\r\nMAIL FROM:<injected@world.example>\r\nRCPT TO:<alice@acme.example>\r\n',
    );
    const first = await client.reply();
    if (first.code === 220) {
      await client.secure(world.gateway.tls).catch(() => undefined);
      const after = await Promise.race([
        client.command('RCPT TO:<alice@acme.example>'),
        client.replyOrEnd(),
      ]).catch(() => null);
      assert.ok(after === null || after.code >= 400, after?.text ?? '');
    } else assert.ok(first.code >= 400, first.text);
    const found = (await world.inner.messages()).filter((one) => one.raw.includes('injected'));
    assert.equal(found.length, 0);
  });

  for (const how of ['whole', 'byte by byte', 'random chunks'] as const) {
    for (const secure of [false, true]) {
      test(`no wrong end of data splits a message, ${how}, ${secure ? 'in TLS' : 'plain'}`, async () => {
        for (const hex of WRONG_ENDS) await smuggle(hex, how, secure);
        const found = (await world.inner.messages()).filter((one) =>
          one.raw.includes('smuggled in'),
        );
        assert.deepEqual(
          found.map((one) => one.returnPath).filter((path) => path.includes('smuggler')),
          [],
        );
        assert.equal((await world.gateway.events('accepted')).some(isSmuggled), false);
      });
    }
  }

  const isSmuggled = (event: {
    readonly personal: Readonly<Record<string, string | null>>;
  }): boolean => event.personal['reversePath']?.startsWith('smuggler') === true;

  const smuggle = async (hex: string, how: string, secure: boolean): Promise<void> => {
    await using client = await SmtpClient.open(
      world.gateway.partner,
      secure ? world.gateway.tls : undefined,
    );
    for (const line of ['MAIL FROM:<eve@world.example>', 'RCPT TO:<alice@acme.example>', 'DATA']) {
      await client.command(line);
    }
    const bytes = Buffer.concat([
      Buffer.from('From: eve@world.example\r\n\r\nfirst'),
      Buffer.from(hex, 'hex'),
      Buffer.from('MAIL FROM:<smuggler@world.example>\r\nRCPT TO:<alice@acme.example>\r\nDATA\r\n'),
      Buffer.from('From: smuggler@world.example\r\n\r\nsmuggled in\r\n.\r\n'),
    ]);
    for (let at = 0; at < bytes.length; ) {
      const step =
        how === 'whole'
          ? bytes.length
          : how === 'byte by byte'
            ? 1
            : 1 + Math.floor(Math.random() * 9);
      client.write(bytes.subarray(at, at + step));
      at += step;
    }
    const reply = await client.replyOrEnd();
    // Only the sequence that is right takes a second message: nothing here may answer twice with 250.
    if (reply?.code !== 250) return;
    client.write('NOOP\r\n');
    const next = await client.replyOrEnd();
    assert.ok(next === null || next.lines[0]?.startsWith('250 2.0.0'), `${hex}: ${next?.text}`);
    assert.doesNotMatch(next?.text ?? '', /queued/);
  };

  test('positive control: the right end of data does take a second message', async () => {
    await using client = await SmtpClient.open(world.gateway.partner, world.gateway.tls);
    for (const line of ['MAIL FROM:<eve@world.example>', 'RCPT TO:<alice@acme.example>', 'DATA']) {
      await client.command(line);
    }
    const second = [
      'MAIL FROM:<smuggler@world.example>',
      'RCPT TO:<alice@acme.example>',
      'DATA',
      'From: smuggler@world.example',
      '',
      'smuggled in',
      '.',
      '',
    ].join('\r\n');
    client.write(`${dotStuffed('From: eve@world.example\r\n\r\nfirst')}.\r\n${second}`);
    assert.equal((await client.reply()).code, 250);
    for (const code of [250, 250, 354, 250]) assert.equal((await client.reply()).code, code);
    const event = await world.gateway.waitForEvent(isSmuggled);
    assert.ok(event);
  });
});
