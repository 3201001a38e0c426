import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RawClient } from '../test-client.ts';
import { RememberingTransactions, testListener, testRules, testTls } from '../testing.ts';

const vectors = JSON.parse(
  readFileSync(new URL('./vectors/eod-sequences-hex.json', import.meta.url), 'utf8'),
) as { inbound: string[]; positive_control: string };

const SMUGGLED =
  'MAIL FROM:<smuggled@x.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\nFrom: evil\r\n\r\nevil\r\n.\r\n';

type Send = (client: RawClient, bytes: Buffer) => Promise<void>;

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A small generator, so that a failure can be repeated. */
function* numbers(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    yield state;
  }
}

const random = numbers(20_261_121);

const WAYS: Record<string, Send> = {
  whole: (client, bytes) => {
    client.send(bytes);
    return Promise.resolve();
  },
  'byte by byte': async (client, bytes) => {
    for (const byte of bytes) {
      client.send(Buffer.from([byte]));
      await turn();
    }
  },
  'in random chunks': async (client, bytes) => {
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + (random.next().value % 7);
      client.send(bytes.subarray(at, at + size));
      at += size;
      await turn();
    }
  },
};

const tls = testTls();

/** Sends one message whose text holds the sequence and a second transaction behind it. */
async function attack(of: {
  readonly hex: string;
  readonly send: Send;
  readonly secured: boolean;
  readonly lineEnds: 'refuse' | 'normalise';
}) {
  const box = new RememberingTransactions();
  await using listener = await testListener({
    transactions: () => box.session(),
    tls,
    rules: testRules({ lineEnds: of.lineEnds, tls: of.secured ? 'implicit' : 'none' }),
  });
  const client = of.secured
    ? await RawClient.connectTls(listener.port, tls.cert)
    : await RawClient.connect(listener.port);
  await client.reply();
  await client.command('EHLO c.example');
  await client.command('MAIL FROM:<a@a.example>');
  await client.command('RCPT TO:<b@b.example>');
  await client.command('DATA');
  const sequence = Buffer.from(of.hex, 'hex');
  const parts = [Buffer.from('From: a\r\n\r\nx'), sequence, Buffer.from(SMUGGLED)];
  const text = Buffer.concat([...parts, Buffer.from('\r\n.\r\nQUIT\r\n')]);
  await of.send(client, text);
  const replies = await client.rest();
  return { box, replies };
}

for (const [way, send] of Object.entries(WAYS)) {
  for (const secured of [false, true]) {
    const where = secured ? 'in TLS' : 'plain';
    test(`smuggling sequences ${way}, ${where}, never split a message`, async () => {
      for (const hex of vectors.inbound) {
        const { box, replies } = await attack({ hex, send, secured, lineEnds: 'refuse' });
        assert.deepEqual(box.messages, [], hex);
        assert.deepEqual(box.reversePaths, ['a'], hex);
        assert.match(replies[0] ?? '', /^(521 5\.5\.2|554 5\.6\.0) /, hex);
      }
    });

    test(`smuggling sequences ${way}, ${where}, are text where a relay normalises`, async () => {
      for (const hex of vectors.inbound) {
        const { box } = await attack({ hex, send, secured, lineEnds: 'normalise' });
        assert.ok(!box.reversePaths.includes('smuggled'), hex);
        assert.ok(box.messages.length <= 1, hex);
        const text = String(box.messages[0] ?? '').replaceAll('\r\n', '');
        assert.doesNotMatch(text, /[\r\n\0]/, hex);
      }
    });

    test(`the positive control ${way}, ${where}, does split: the test can fail`, async () => {
      const hex = vectors.positive_control;
      const { box, replies } = await attack({ hex, send, secured, lineEnds: 'refuse' });
      assert.deepEqual(box.reversePaths, ['a', 'smuggled']);
      assert.equal(box.messages.length, 2);
      assert.match(replies[0] ?? '', /^250 /);
    });
  }
}
