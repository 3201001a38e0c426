import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startDns } from '../harness/dns.ts';
import { type Gateway, startGateway } from '../harness/gateway.ts';
import { textMessage } from '../harness/messages.ts';
import { freePort } from '../harness/ports.ts';
import {
  politeScript,
  type ScriptedServer,
  startScriptedServer,
} from '../harness/scripted-server.ts';
import { SmtpClient } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const FRONT = { address: '127.0.0.9', authservId: 'front.acme.example' };
const STRANGER = '127.0.0.10';
const SAID = `Authentication-Results: ${FRONT.authservId}; spf=pass smtp.mailfrom=bravo.example`;

/** RFC 8601 section 5, from the wire to the inner MTA: bravo.example is proven by its front alone. */
describe('Authentication-Results of a front that the config trusts', () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let inner: ScriptedServer;

  before(async () => {
    // Neither client may send for it: what its DNS says of them is `fail`.
    const records = ['@ IN TXT "v=spf1 ip4:192.0.2.7 -all"', '_dmarc IN TXT "v=DMARC1; p=reject"'];
    const dns = stack.use(await startDns([{ name: 'bravo.example', records }]));
    inner = stack.use(await startScriptedServer(politeScript()));
    const free = { signature: 'when-present', encryption: 'when-present' };
    gateway = stack.use(
      await startGateway(
        {
          domain: 'acme.example',
          innerPort: inner.port,
          dnsPort: dns.port,
          egressPort: await freePort(),
          config: {
            trustedFronts: [{ networks: [FRONT.address], authservId: FRONT.authservId }],
          },
        },
        {
          partners: [
            {
              name: 'bravo',
              domains: ['bravo.example'],
              inbound: { ...free, otherwise: 'refuse', dmarc: 'refuse' },
              outbound: { sign: 'none', encrypt: 'none' },
            },
          ],
        },
      ),
    );
  });
  after(() => stack.disposeAsync());

  const handOver = async (localAddress: string, fields: string, text: string) => {
    await using client = await SmtpClient.open({ ...gateway.partner, localAddress });
    const [from, to] = ['ann@bravo.example', 'bob@acme.example'];
    const data = `${fields}\r\n${textMessage({ from, to, text })}`;
    return await client.send({ from, to: [to], data });
  };

  const openedAs = async (id: string | undefined) => {
    const opened = (await gateway.events('opened')).find(({ queueId }) => queueId === id);
    assert.ok(opened !== undefined);
    const facts = opened.facts as { authentication: Record<string, unknown> };
    return facts.authentication;
  };

  test('from the front they count, and every place says whose word it is', async () => {
    const reply = await handOver(FRONT.address, SAID, 'front-said-so');
    assert.equal(reply.code, 250, reply.text);
    const authentication = await openedAs(/ as (\S+)/.exec(reply.text)?.[1]);
    assert.deepEqual(
      [authentication['spf'], authentication['fromFront']],
      [{ result: 'pass', domain: 'bravo.example' }, ['spf']],
    );
    await waitFor(() => inner.lines.includes('front-said-so'), {
      what: 'the message at the inner MTA',
    });
    const header = inner.lines.join('\n').replace(/\n[ \t]+/g, ' ');
    assert.match(header, /\nX-Sallyport-Verdict: [^\n]*; fromFront=spf;/);
    assert.match(
      header,
      /\nAuthentication-Results: gw\.acme\.example;[^\n]* spf=pass reason="said by a trusted front" smtp\.mailfrom=bravo\.example; dkim=none; dmarc=pass header\.from=bravo\.example/,
    );
    assert.doesNotMatch(header, /\nAuthentication-Results: front\.acme\.example/);
  });

  test('from a stranger who writes the same they do not: DMARC fails, and the rule refuses', async () => {
    const reply = await handOver(STRANGER, SAID, 'stranger-said-so');
    assert.deepEqual(
      [reply.code, /neither SPF nor DKIM/.test(reply.text)],
      [550, true],
      reply.text,
    );
  });

  test('what the front does not say is not known: refused as well', async () => {
    for (const fields of [
      'X-Other: 1',
      SAID.replace('front.', 'Front.'),
      SAID.replace('=bravo', '=evil'),
      `${SAID}\r\n${SAID.replace('pass', 'fail')}`,
      `${SAID} (open`,
    ]) {
      const reply = await handOver(FRONT.address, fields, 'not-said');
      assert.equal(reply.code, 550, `${fields}: ${reply.text}`);
    }
    assert.ok(!inner.lines.includes('not-said'));
  });
});
