import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startDns } from '../harness/dns.ts';
import { type Gateway, startGateway } from '../harness/gateway.ts';
import { textMessage } from '../harness/messages.ts';
import { freePort } from '../harness/ports.ts';
import { politeScript, startScriptedServer } from '../harness/scripted-server.ts';
import { SmtpClient } from '../harness/smtp-client.ts';

const TAKEN = /^250 2\.0\.0 queued/;
const PARTNER = '192.0.2.7';

describe('a front that the config trusts', () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;

  before(async () => {
    const spf = `@ IN TXT "v=spf1 ip4:${PARTNER} -all"`;
    const dns = stack.use(await startDns([{ name: 'bravo.example', records: [spf] }]));
    const inner = stack.use(await startScriptedServer(politeScript()));
    const free = { signature: 'when-present', encryption: 'when-present', otherwise: 'refuse' };
    gateway = stack.use(
      await startGateway(
        {
          domain: 'acme.example',
          innerPort: inner.port,
          dnsPort: dns.port,
          egressPort: await freePort(),
          config: { trustedFronts: [{ networks: ['127.0.0.0/8'], xclient: true }] },
        },
        {
          partners: [
            {
              name: 'bravo',
              domains: ['bravo.example'],
              inbound: { ...free, tls: { level: 'encrypt', clientName: 'gw.bravo.example' } },
              outbound: { sign: 'none', encrypt: 'none' },
            },
          ],
        },
      ),
    );
  });
  after(() => stack.disposeAsync());

  /** Hands a message of ann@bravo.example over; gives the facts of what was made of it. */
  const handOver = async (xclient: string | null) => {
    await using client = await SmtpClient.open(gateway.partner, undefined, 'front.test');
    if (xclient !== null) {
      assert.equal((await client.command(xclient)).code, 220);
      assert.equal((await client.command('EHLO front.test')).code, 250);
    }
    const [from, to] = ['ann@bravo.example', 'bob@acme.example'];
    const reply = await client.send({ from, to: [to], data: textMessage({ from, to, text: 'x' }) });
    assert.match(reply.text, TAKEN);
    const [, id] = / as (\S+)/.exec(reply.text) ?? [];
    const opened = (await gateway.events('opened')).find(({ queueId }) => queueId === id);
    assert.ok(opened !== undefined);
    return opened.facts as { sentence: string; authentication: { spf: { result: string } } };
  };

  const UNSEEN =
    'Delivered with a warning: what the rule demands of its TLS cannot be observed behind a front.';

  test('SPF goes by the client it names; the TLS that the record demands is not observable', async () => {
    const right = await handOver(`XCLIENT ADDR=${PARTNER} HELO=mx.bravo.example`);
    assert.deepEqual([right.authentication.spf.result, right.sentence], ['pass', UNSEEN]);
    const wrong = await handOver('XCLIENT ADDR=198.51.100.1 HELO=mx.bravo.example');
    assert.equal(wrong.authentication.spf.result, 'fail');
  });

  test('without XCLIENT the address is its own, and SPF is not asked', async () => {
    const { authentication, sentence } = await handOver(null);
    assert.deepEqual([authentication.spf.result, sentence], ['none', UNSEEN]);
  });
});
