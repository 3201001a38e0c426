/** What SMTP clients ask for on the way in, seen at next hops that offer everything and nothing. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import {
  type ScriptedServer,
  startScriptedServer,
} from '../../packages/transport/src/test-support/scripted-server.ts';
import { makeCa } from '../harness/ca.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, partnerRecord, startGateway } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { freePort } from '../harness/ports.ts';
import { dotStuffed, SmtpClient } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const ALL = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'DSN', 'REQUIRETLS'];
/** The client writes one octet a character. */
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
const NOBODY = /^RCPT TO:<nobody@/;

describe('SMTP extensions from end to end', { skip: skipWithout('openssl') }, () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let able: ScriptedServer;
  let plain: ScriptedServer;
  let inner: ScriptedServer;

  before(async () => {
    const { path } = stack.use(await temporaryFolder('extensions'));
    const ca = await makeCa(path, 'CA of the partners');
    const server = await ca.issueServer('mx', ['mx.able.example', 'mx.plain.example']);
    const identity = { key: await readFile(server.keyFile, 'utf8'), cert: server.pem };
    const reply = (command: string): string | undefined =>
      NOBODY.test(command) ? '550 5.1.1 no such user\r\n' : undefined;
    able = stack.use(await startScriptedServer({ identity, extensions: ALL, reply }));
    plain = stack.use(await startScriptedServer({ identity, extensions: [] }));
    inner = stack.use(await startScriptedServer({ extensions: ['8BITMIME', 'SMTPUTF8'] }));
    const route = (domain: string, port: number): object => ({
      domain,
      nextHops: [`127.0.0.1:${port}`],
      tls: { level: domain === 'acme.example' ? 'none' : 'may' },
    });
    const outbound = {
      sign: 'none',
      signNoneReason: 'agreed with the partner',
      encrypt: 'none',
      discovery: [],
    };
    const record = (name: string): object =>
      partnerRecord(
        { name, domain: `${name}.example`, anchor: ca.pem },
        { outbound: { ...outbound, profile: 'compat', protectHeaders: false } },
      );
    const routes = [
      route('acme.example', inner.port),
      route('able.example', able.port),
      route('plain.example', plain.port),
    ];
    const [dnsPort, egressPort] = [await freePort(), await freePort()];
    gateway = stack.use(
      await startGateway(
        { domain: 'acme.example', innerPort: inner.port, dnsPort, egressPort, config: { routes } },
        { partners: [record('able'), record('plain')] },
      ),
    );
  });
  after(() => stack.disposeAsync());

  /** Under TLS, since REQUIRETLS is offered there alone. */
  const send = async (what: {
    readonly mail?: string;
    readonly to: string;
    readonly parameters?: string;
    readonly text?: string;
  }): Promise<void> => {
    await using client = await SmtpClient.open(gateway.relay, gateway.tls);
    const data = textMessage({
      ...{ from: 'alice@acme.example', to: 'bob@able.example', subject: 'hello' },
      text: utf8(what.text ?? 'text'),
    });
    const commands = [
      `MAIL FROM:<alice@acme.example>${what.mail ?? ''}`,
      utf8(`RCPT TO:<${what.to}>${what.parameters ?? ''}`),
      'DATA',
    ];
    for (const command of commands) {
      const { code, text } = await client.command(command);
      assert.ok(code === 250 || code === 354, text);
    }
    client.write(`${dotStuffed(data)}.\r\n`);
    assert.equal((await client.reply()).code, 250);
  };
  const report = async (about: string): Promise<string> => {
    const found = () =>
      inner.messages.map(({ data }) => data.toString()).find((text) => text.includes(about));
    return await waitFor(found, { what: `a report about ${about}` });
  };
  const taken = async (at: ScriptedServer, to: string) =>
    await waitFor(() => at.messages.find(({ recipients }) => recipients[0]?.includes(to)), {
      what: `mail to ${to}`,
    });

  test('RFC 3461 5.2.1: DSN parameters reach a next hop that offers DSN', async () => {
    const parameters = ' NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+2Bx@able.example';
    await send({ mail: ' RET=HDRS ENVID=QQ+2B1', to: 'dsn@able.example', parameters });
    const { mail, recipients } = await taken(able, 'dsn@able.example');
    assert.match(mail, / RET=HDRS ENVID=QQ\+2B1$/);
    assert.deepEqual(recipients, [`RCPT TO:<dsn@able.example>${parameters}`]);
  });

  test('RFC 3461 6.3: a failure is told with what the client named it by', async () => {
    const parameters = ' NOTIFY=FAILURE ORCPT=rfc822;bob+2Bx@able.example';
    await send({ mail: ' RET=FULL ENVID=QQ+2B2', to: 'nobody@able.example', parameters });
    const text = await report('nobody@able.example');
    assert.match(text, /^Original-Envelope-Id: QQ\+2\r$/m);
    assert.match(text, /^Original-Recipient: rfc822;bob\+x@able\.example\r$/m);
    assert.match(text, /^Content-Type: message\/rfc822\r$/m);
  });

  test('RFC 3461 5.2.2: a next hop without DSN is told of as relayed', async () => {
    await send({ to: 'relayed@plain.example', parameters: ' NOTIFY=SUCCESS' });
    assert.match(await report('relayed@plain.example'), /^Action: relayed\r$/m);
  });

  test('RFC 6531: an international address goes on where it can, and comes back where it cannot', async () => {
    await send({ mail: ' SMTPUTF8', to: 'jörg@able.example' });
    assert.match((await taken(able, 'jörg@able.example')).mail, / SMTPUTF8$/);
    await send({ mail: ' SMTPUTF8', to: 'jürgen@plain.example' });
    const text = await report('jürgen@plain.example');
    assert.match(text, /^Status: 5\.6\.7\r$/m);
    assert.match(text, /^Final-Recipient: utf-8; jürgen@plain\.example\r$/m);
  });

  test('RFC 6152 3: 8-bit content is never re-encoded: it arrives as it is, or comes back', async () => {
    await send({ mail: ' BODY=8BITMIME', to: 'eight@able.example', text: 'grüße' });
    const { mail, data } = await taken(able, 'eight@able.example');
    assert.match(mail, / BODY=8BITMIME/);
    assert.ok(data.includes('grüße'));
    await send({ mail: ' BODY=8BITMIME', to: 'eight@plain.example', text: 'grüße' });
    assert.match(await report('eight@plain.example'), /^Status: 5\.6\.3\r$/m);
  });

  test('RFC 8689: REQUIRETLS goes on to a proven server that offers it; else the header comes back', async () => {
    await send({ mail: ' REQUIRETLS', to: 'tls@able.example' });
    assert.match((await taken(able, 'tls@able.example')).mail, / REQUIRETLS$/);
    await send({ mail: ' REQUIRETLS RET=FULL', to: 'tls@plain.example' });
    const text = await report('tls@plain.example');
    assert.match(text, /^Status: 5\.7\.30\r$/m);
    assert.match(text, /^Content-Type: text\/rfc822-headers\r$/m);
    const seen = plain.messages.flatMap(({ recipients }) => recipients);
    assert.deepEqual(seen, ['RCPT TO:<relayed@plain.example>'], 'nothing else was taken there');
  });
});
