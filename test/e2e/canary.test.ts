import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { canaryWord, derOf } from '../harness/ca.ts';
import { startDns } from '../harness/dns.ts';
import { type Gateway, makeGateway, partnerRecord } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { freePort } from '../harness/ports.ts';
import { type Postfix, startPostfix } from '../harness/postfix.ts';
import { startSlapd } from '../harness/slapd.ts';
import { sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const ADDRESS = { acme: '127.0.0.2', bravo: '127.0.0.3' } as const;
const skip = skipWithout('postfix', 'slapd', 'nsd', 'unbound', 'bind9-dnsutils');

/** The files below a folder that hold a word, as it is or in base64. */
async function filesWith(folder: string, word: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of names) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    if (formsOf(word).some((form) => bytes.includes(form))) found.push(path);
  }
  return found;
}

/** The word and its three forms in base64, by where it stands in a group of three octets. */
function formsOf(word: string): string[] {
  const shifted = [0, 1, 2].map((shift) =>
    Buffer.from(`${' '.repeat(shift)}${word}`)
      .toString('base64')
      .slice(shift + 1, -4),
  );
  return [word, ...shifted];
}

/** Files that lie openly in the temporary folder and are younger than the test. */
async function looseFilesWith(word: string, since: number): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(tmpdir(), { withFileTypes: true })) {
    const path = join(tmpdir(), entry.name);
    if (!entry.isFile() || (await stat(path).catch(() => null))?.mtimeMs === undefined) continue;
    const facts = await stat(path).catch(() => null);
    if (facts === null || facts.mtimeMs < since || facts.size > 64 * 1024 * 1024) continue;
    if ((await readFile(path).catch(() => Buffer.alloc(0))).includes(word)) found.push(path);
  }
  return found;
}

describe('a canary string is in no file of the gateways', { skip }, () => {
  const stack = new AsyncDisposableStack();
  const started = Date.now();
  const canary = { out: canaryWord(), back: canaryWord() };
  let acme: Gateway;
  let bravo: Gateway;
  let inner: { readonly acme: number; readonly bravo: number };

  before(async () => {
    const port = await freePort(ADDRESS.acme, ADDRESS.bravo);
    const dnsPorts = { ldap: await freePort() };
    inner = { acme: await freePort(), bravo: await freePort() };
    const made: Gateway[] = [];
    const zones = (['acme', 'bravo'] as const).map((name) => ({
      name: `${name}.example`,
      records: [
        '@ IN MX 10 gw',
        `gw IN A ${ADDRESS[name]}`,
        'ldap IN A 127.0.0.1',
        `_ldap._tcp IN SRV 10 10 ${dnsPorts.ldap} ldap`,
      ],
    }));
    const dns = stack.use(await startDns(zones));
    for (const name of ['acme', 'bravo'] as const) {
      made.push(
        stack.use(
          await makeGateway({
            domain: `${name}.example`,
            innerPort: inner[name],
            dnsPort: dns.port,
            egressPort: port,
            address: ADDRESS[name],
            partnerPort: port,
            config: { retry: { first: '1s', longest: '1s' } },
          }),
        ),
      );
    }
    const [one, two] = made;
    assert.ok(one && two);
    [acme, bravo] = [one, two];
    const entries = await Promise.all(
      made.map(async ({ domain, dcaFile }) => ({
        cn: 'domain-confidentiality-authority',
        mail: domain,
        certificates: [derOf(await readFile(dcaFile, 'utf8'))],
      })),
    );
    stack.use(await startSlapd({ entries, port: dnsPorts.ldap }));
    await acme.setPolicy({
      partners: [partnerRecord({ name: 'Bravo', domain: 'bravo.example', anchor: bravo.caPem })],
    });
    await bravo.setPolicy({
      partners: [partnerRecord({ name: 'Acme', domain: 'acme.example', anchor: acme.caPem })],
    });
    await acme.start();
  });
  after(() => stack.disposeAsync());

  const assertNowhere = async (when: string): Promise<void> => {
    for (const word of Object.values(canary)) {
      for (const gateway of [acme, bravo]) {
        for (const folder of [gateway.folder, gateway.runtimeFolder]) {
          assert.deepEqual(await filesWith(folder, word), [], `${when}, ${gateway.domain}`);
        }
        assert.equal(gateway.output().includes(word), false, `${when}, log of ${gateway.domain}`);
      }
      assert.deepEqual(await looseFilesWith(word, started), [], `${when}, temporary folder`);
    }
  };
  const submit = async (
    gateway: Gateway,
    from: string,
    to: string,
    word: string,
  ): Promise<void> => {
    const text = `${word}\r\nand ${Buffer.from(word).toString('base64')}`;
    const data = textMessage({ from, to, text });
    const reply = await sendMessage(gateway.relay, { from, to: [to], data });
    assert.equal(reply.code, 250, reply.text);
  };
  const waits = async (gateway: Gateway, folder: 'incoming' | 'outgoing'): Promise<void> => {
    await waitFor(async () => (await gateway.queue(folder)).length > 0, {
      what: `a message in ${folder} of ${gateway.domain}`,
    }).catch((cause: unknown) => {
      throw new Error(gateway.output().slice(-3_000), { cause });
    });
  };

  test('while it waits for the worker, and after that was killed', async () => {
    await acme.freeze('worker-outward');
    await submit(acme, 'alice@acme.example', 'bob@bravo.example', canary.out);
    await waits(acme, 'incoming');
    await assertNowhere('in incoming');
    await acme.kill('worker-outward');
    await acme.kill('ingress');
    await assertNowhere('after kill of ingress and worker');
  });

  test('while it waits for the partner, protected, and after egress was killed', async () => {
    await waits(acme, 'outgoing');
    await assertNowhere('in outgoing');
    await acme.kill('egress');
    await acme.kill('keyholder');
    await acme.kill('recorder');
    await assertNowhere('after kill of egress, keyholder and recorder');
  });

  test('at the partner, decrypted, while its inner MTA is down, and after kills', async () => {
    await bravo.start();
    await waits(bravo, 'outgoing');
    await assertNowhere('decrypted in outgoing of the partner');
    for (const role of ['worker-inward', 'egress', 'ingress']) await bravo.kill(role);
    await assertNowhere('after kills at the partner');
  });

  test('after delivery, both ways', async () => {
    const startInner = async (name: 'acme' | 'bravo'): Promise<Postfix> =>
      stack.use(
        await startPostfix({
          role: 'inner',
          name: `mail.${name}.example`,
          domains: [`${name}.example`],
          port: inner[name],
        }),
      );
    const atBravo = await startInner('bravo');
    const [message] = await atBravo.waitForMessages((one) => one.raw.includes(canary.out), {
      timeoutMs: 40_000,
    });
    assert.ok(message, 'it arrived in clear at the inner MTA');
    const atAcme = await startInner('acme');
    await waitFor(
      () => submit(bravo, 'bob@bravo.example', 'alice@acme.example', canary.back).then(() => true),
      { what: 'the relay port of bravo after its kill' },
    );
    await atAcme.waitForMessages((one) => one.raw.includes(canary.back), { timeoutMs: 40_000 });
    await assertNowhere('after delivery');
    for (const gateway of [acme, bravo]) await gateway.stop();
    await assertNowhere('after the stop');
    assert.notDeepEqual(
      await filesWith(atBravo.folder, canary.out),
      [],
      'the search finds what is there',
    );
  });
});
