import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startDns } from '../harness/dns.ts';
import { type Gateway, startGateway } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import {
  politeScript,
  type ScriptedServer,
  startScriptedServer,
} from '../harness/scripted-server.ts';
import { sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const skip = skipWithout('nsd', 'unbound', 'bind9-dnsutils', 'ldnsutils');
const BOB = 'bob@acme.example';
const HOSTS = ['@ IN MX 10 mx', 'mx IN A 127.0.0.1'];
const HERE = '@ IN TXT "v=spf1 ip4:127.0.0.1 -all"';
const ELSEWHERE = '@ IN TXT "v=spf1 ip4:192.0.2.7 -all"';
const POLICY = '_dmarc IN TXT "v=DMARC1; p=none"';

const ZONES: Readonly<Record<string, readonly string[]>> = {
  'proven.example': [...HOSTS, HERE, POLICY],
  'forged.example': [...HOSTS, ELSEWHERE, POLICY],
  'silent.example': [...HOSTS, HERE],
  'victim.example': [...HOSTS, ELSEWHERE],
};

/** Design section 4: what fails after our 250 goes back only to an author whose domain is proven. */
describe('mail from outside that the inner MTA refuses after all', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let outside: ScriptedServer;

  before(async () => {
    const zones = Object.entries(ZONES).map(([name, records]) => ({ name, records }));
    const dns = stack.use(await startDns(zones));
    outside = stack.use(await startScriptedServer(politeScript()));
    const refusing = politeScript();
    const inner = stack.use(
      await startScriptedServer((line, session) =>
        line.startsWith('RCPT') ? '550 5.1.1 moved away' : refusing(line, session),
      ),
    );
    gateway = stack.use(
      await startGateway(
        {
          domain: 'acme.example',
          innerPort: inner.port,
          dnsPort: dns.port,
          egressPort: outside.port,
        },
        {
          default: {
            outbound: { sign: 'none', encrypt: 'none' },
            inbound: { signature: 'when-present', encryption: 'when-present', otherwise: 'flag' },
            tls: { level: 'none' },
          },
        },
      ),
    );
  });
  after(() => stack.disposeAsync());

  /** Hands one message over; gives what became of it once it could not be delivered. */
  const fateOf = async (from: string, author = from): Promise<string> => {
    const before = (await ends()).length;
    const text = `secret of ${from} ${author}`;
    const data = `X-Trace: as it came\r\n${textMessage({ from: author, to: BOB, text })}`;
    const reply = await sendMessage(gateway.partner, { from, to: [BOB], data });
    assert.equal(reply.code, 250, reply.text);
    return await waitFor(async () => (await ends())[before]?.kind, { what: `the end of ${text}` });
  };
  const ends = async () =>
    (await gateway.events()).filter(({ kind }) => kind === 'dsn-created' || kind === 'held');

  test('SPF and DMARC prove the author: it goes back with the outer header and nothing else', async () => {
    assert.equal(await fateOf('ann@proven.example'), 'dsn-created');
    await waitFor(() => outside.lines.some((line) => line.startsWith('QUIT') || line === '.'), {
      what: 'the report at the partner',
    });
    const text = outside.lines.join('\n');
    assert.match(text, /^RCPT TO:<ann@proven\.example>/m);
    assert.match(text, /^MAIL FROM:<>/m);
    assert.match(text, /^Status: 5\.1\.1$/m);
    assert.match(text, /^X-Trace: as it came$/m);
    assert.doesNotMatch(text, /secret of/);
  });

  const UNPROVEN: readonly [string, string, string?][] = [
    ['a client that SPF does not name', 'ann@forged.example'],
    ['SPF passes, and there is no DMARC record', 'ann@silent.example'],
    ['neither SPF nor DMARC says anything for it', 'ann@victim.example'],
    ['the author alone could be proven', 'ann@victim.example', 'ann@proven.example'],
    ['the reverse-path alone is proven', 'eve@proven.example', 'ann@forged.example'],
  ];
  for (const [name, from, author] of UNPROVEN) {
    test(`${name}: it is held, and nobody outside hears of it`, async () => {
      const said = outside.lines.length;
      assert.equal(await fateOf(from, author), 'held');
      const [entry] = (await gateway.waiting()).filter((one) => one['reversePath'] === from);
      assert.ok(entry !== undefined && entry['state'] === 'held', JSON.stringify(entry));
      const heard = outside.lines.slice(said).join('\n');
      assert.doesNotMatch(heard, new RegExp(`RCPT TO:<${from}>`));
    });
  }
});
