import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { type Issued, makeCa } from '../harness/ca.ts';
import {
  type CmsMaker,
  makeCmsMaker,
  pkcs7Entity,
  SIGNATURE_TYPE,
  withHeader,
} from '../harness/cms-maker.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, partnerRecord, startGateway } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { headerOf, textEntity } from '../harness/messages.ts';
import { cmsOf } from '../harness/openssl.ts';
import { freePort } from '../harness/ports.ts';
import { runOk } from '../harness/process.ts';
import { dotStuffed, SmtpClient } from '../harness/smtp-client.ts';

const QUERIES = 2_000;
const SESSIONS = 16;
/** So many of them are the first alteration of a message: the others are refused unopened. */
const FRESH = QUERIES / 5;
/** Below the limit of errors in one session, so that none is cut off. */
const QUERIES_A_SESSION = 15;

/** What an attacker has done to the message that was captured, or made anew. */
const KINDS = [
  'last block',
  'block before the last',
  'middle',
  'iv',
  'content key',
  'unsigned',
  'shape',
  'first look at the last block',
  'first look at the middle',
] as const;
type Kind = (typeof KINDS)[number];

interface Answer {
  readonly kind: Kind;
  readonly text: string;
  readonly tookMs: number;
}

const skip = skipWithout('openssl', 'gcc', 'libssl-dev');

describe('a padding oracle attack through SMTP', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let maker: CmsMaker;
  let captured: Buffer;
  let offsets: {
    readonly key: number;
    readonly iv: number;
    readonly content: number;
    readonly end: number;
  };
  const made: Record<'unsigned' | 'shape', Buffer[]> = { unsigned: [], shape: [] };
  /** Messages that were captured too and are used once: the gateway opens what it never saw. */
  const unseen: Buffer[] = [];

  before(async () => {
    const folder = stack.use(await temporaryFolder('oracle'));
    const ca = await makeCa(folder.path);
    const dsa: Issued = await ca.issueAuthority('domain-signing-authority', 'bravo.example');
    maker = await makeCmsMaker(folder.path);
    const port = await freePort();
    gateway = stack.use(
      await startGateway(
        { domain: 'acme.example', innerPort: port, dnsPort: port, egressPort: port },
        { partners: [partnerRecord({ name: 'Bravo', domain: 'bravo.example', anchor: ca.pem })] },
      ),
    );
    const signed = await maker.signed(await maker.empty(textEntity('the secret plan')), dsa, [
      SIGNATURE_TYPE.domain,
    ]);
    captured = cmsOf(await maker.encrypted(signed, gateway.dcaFile));
    offsets = await offsetsOf(captured, folder.path);
    for (let i = 0; i < 8; i += 1) {
      const entity = textEntity(
        `not signed ${i} ${'x'.repeat(signed.length)}`.slice(0, signed.length),
      );
      made.unsigned.push(cmsOf(await maker.encrypted(entity, gateway.dcaFile)));
      made.shape.push(cmsOf(await maker.encrypted(randomBytes(signed.length), gateway.dcaFile)));
    }
    while (unseen.length <= FRESH) {
      const batch = Array.from({ length: 8 }, () => maker.encrypted(signed, gateway.dcaFile));
      unseen.push(...(await Promise.all(batch)).map(cmsOf));
    }
  });
  after(() => stack.disposeAsync());

  /** Where the encrypted key, the IV and the content lie, as `openssl asn1parse` says. */
  const offsetsOf = async (der: Buffer, folder: string) => {
    await writeFile(`${folder}/captured`, der);
    const listed = String(
      await runOk('openssl', ['asn1parse', '-inform', 'DER', '-in', `${folder}/captured`]),
    );
    const rows = listed.split('\n').flatMap((line) => {
      const match =
        /^\s*(\d+):d=\s*\d+\s+hl=\s*(\d+)\s+l=\s*(\d+)\s+prim:\s*(OCTET STRING|cont \[ 0 \])/.exec(
          line,
        );
      return match === null
        ? []
        : [{ at: Number(match[1]) + Number(match[2]), length: Number(match[3]) }];
    });
    const key = rows.find((row) => row.length === 256);
    const iv = rows.find((row) => row.length === 16);
    const content = rows.at(-1);
    assert.ok(key && iv && content, listed);
    return { key: key.at, iv: iv.at, content: content.at, end: content.at + content.length };
  };

  const altered = (kind: Kind, count: number): Buffer => {
    if (kind === 'unsigned' || kind === 'shape') {
      const list = made[kind];
      return list[count % list.length] ?? Buffer.alloc(0);
    }
    const isFresh = kind.startsWith('first look');
    const der = Buffer.from((isFresh ? unseen.pop() : null) ?? captured);
    const flip = (at: number): void => {
      der[at] = (der[at] ?? 0) ^ (1 + (count % 255));
    };
    const { key, iv, content, end } = offsets;
    if (kind.endsWith('last block')) flip(end - 1 - (count % 16));
    if (kind === 'block before the last') flip(end - 17 - (count % 16));
    if (kind.endsWith('middle')) flip(content + (count % (end - content - 64)));
    if (kind === 'iv') flip(iv + (count % 16));
    if (kind === 'content key') randomBytes(255).copy(der, key + 1);
    return der;
  };

  const header = (): string[] => headerOf({ from: 'bob@bravo.example', to: 'alice@acme.example' });

  const ask = async (client: SmtpClient, kind: Kind, count: number): Promise<Answer> => {
    const data = dotStuffed(
      withHeader(header(), pkcs7Entity(altered(kind, count), 'enveloped-data')),
    );
    client.write('MAIL FROM:<bob@bravo.example>\r\nRCPT TO:<alice@acme.example>\r\nDATA\r\n');
    for (const code of [250, 250, 354]) {
      const reply = await client.reply();
      assert.equal(reply.code, code, reply.text);
    }
    const started = performance.now();
    client.write(`${data}.\r\n`);
    const reply = await client.reply();
    return { kind, text: reply.text, tookMs: performance.now() - started };
  };

  const kindOf = (count: number): Kind => {
    if (count % 10 === 0) return 'first look at the last block';
    if (count % 10 === 5) return 'first look at the middle';
    return KINDS[count % 7] ?? 'iv';
  };

  const session = async (jobs: Iterator<number>): Promise<Answer[]> => {
    const answers: Answer[] = [];
    for (;;) {
      await using client = await SmtpClient.open(gateway.partner, gateway.tls);
      for (let i = 0; i < QUERIES_A_SESSION; i += 1) {
        const next = jobs.next();
        if (next.done === true) return answers;
        const kind = kindOf(next.value);
        answers.push(await ask(client, kind, next.value));
      }
    }
  };

  test('positive control: such a message is taken as long as nobody altered it', async () => {
    await using client = await SmtpClient.open(gateway.partner, gateway.tls);
    const data = withHeader(header(), pkcs7Entity(unseen.pop() ?? captured, 'enveloped-data'));
    const reply = await client.send({
      from: 'bob@bravo.example',
      to: ['alice@acme.example'],
      data,
    });
    assert.equal(reply.code, 250, reply.text);
  });

  test('RFC 3218, RFC 8551 section 6: 2,000 queries have one reply, one text and one time class', async () => {
    const jobs = Array.from({ length: QUERIES }, (_, index) => index).values();
    const answers = (
      await Promise.all(Array.from({ length: SESSIONS }, () => session(jobs)))
    ).flat();
    assert.equal(answers.length, QUERIES);
    assert.deepEqual(
      [...new Set(answers.map(({ text }) => text))],
      ['554 5.7.5 message could not be opened'],
    );

    const times = KINDS.map((kind) =>
      answers
        .filter((one) => one.kind === kind)
        .map(({ tookMs }) => tookMs)
        .sort((a, b) => a - b),
    );
    const at = (sorted: readonly number[], share: number): number =>
      sorted[Math.floor(sorted.length * share)] ?? 0;
    const table = KINDS.map((kind, index) => {
      const sorted = times[index] ?? [];
      return `${kind}: ${[0, 0.1, 0.5, 0.9].map((share) => at(sorted, share).toFixed(0)).join(' / ')} ms`;
    }).join('\n');
    const medians = times.map((sorted) => at(sorted, 0.5));
    const spread = Math.max(...medians) - Math.min(...medians);
    // A class is a whole multiple of the floor; what is left is the noise of the machine.
    assert.ok(spread < Math.min(...medians) * 0.25, table);
    assert.ok(
      Math.min(...times.map((sorted) => at(sorted, 0))) > 90,
      `no answer before the floor\n${table}`,
    );
  });

  test('the log knows the true reasons, and none of the queries was delivered', async () => {
    const refused = await gateway.events('refused');
    assert.ok(refused.length > 0);
    assert.deepEqual(
      [...new Set(refused.map((event) => event.facts['fault']))],
      ['decryption-failed'],
    );
    assert.ok(
      (await gateway.events('duplicate-ciphertext')).length > 0,
      'same key, other content: an alarm',
    );
    assert.equal((await gateway.events('committed')).length, 1, 'the positive control alone');
    assert.deepEqual(await gateway.queue('hold'), []);
  });
});
