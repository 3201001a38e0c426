import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readKeyRecords, writeKeyRecord } from '../../services/cli/src/gateway/keys.ts';
import { readPrivateKey } from '../../services/cli/src/gateway/private-keys.ts';
import { startDns } from '../harness/dns.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, makeGateway, partnerRecord, sallyport } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { cmsOf, fieldOf, opensslIn } from '../harness/openssl.ts';
import { freePort } from '../harness/ports.ts';
import { type Postfix, startPostfix } from '../harness/postfix.ts';
import { run } from '../harness/process.ts';
import { type Reply, sendMessage } from '../harness/smtp-client.ts';
import { type SoftHsm, skipWithoutToken, startSoftHsm } from '../harness/softhsm.ts';

const ADDRESS = { acme: '127.0.0.101', bravo: '127.0.0.102' } as const;
const ALICE = 'alice@acme.example';
const BOB = 'bob@bravo.example';
const skip =
  skipWithout('postfix', 'nsd', 'unbound', 'bind9-dnsutils', 'openssl') || skipWithoutToken();

describe('a gateway whose domain keys are on a PKCS#11 token', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let hsm: SoftHsm;
  let acme: Gateway;
  let bravo: Gateway;
  let atAcme: Postfix;
  let atBravo: Postfix;
  let sent = 0;

  before(async () => {
    const port = await freePort(...Object.values(ADDRESS));
    const names = ['acme', 'bravo'] as const;
    const zones = names.map((name) => ({
      name: `${name}.example`,
      records: ['@ IN MX 10 gw', `gw IN A ${ADDRESS[name]}`],
    }));
    const inner = (name: string) =>
      startPostfix({ role: 'inner', name: `mail.${name}.example`, domains: [`${name}.example`] });
    const [dns, postfixes] = await Promise.all([startDns(zones), Promise.all(names.map(inner))]);
    stack.use(dns);
    hsm = stack.use(await startSoftHsm('acme'));
    const [first, second] = postfixes;
    assert.ok(first && second);
    atAcme = stack.use(first);
    atBravo = stack.use(second);
    const { moduleFile, pinFile, environment } = hsm;
    const make = async (name: 'acme' | 'bravo', innerPort: number, keys: object) =>
      stack.use(
        await makeGateway({
          domain: `${name}.example`,
          innerPort,
          dnsPort: dns.port,
          egressPort: port,
          address: ADDRESS[name],
          partnerPort: port,
          config: { keys, retry: { first: '1s', longest: '1s' } },
        }),
      );
    acme = await make('acme', atAcme.port, { token: { moduleFile, pinFile, environment } });
    bravo = await make('bravo', atBravo.port, {});
    await moveKeysToToken(acme, hsm);
    const ruleFor = async (gateway: Gateway, inbound: object = {}) => ({
      inbound,
      outbound: { discovery: ['pinned'] },
      trust: { anchors: [gateway.caPem], pinned: [await readFile(gateway.dcaFile, 'utf8')] },
    });
    const partner = (name: string, { caPem }: Gateway, rule: object) =>
      partnerRecord({ name, domain: `${name}.example`, anchor: caPem }, rule);
    await acme.setPolicy({ partners: [partner('bravo', bravo, await ruleFor(bravo))] });
    // Only the encryption is taken off: the inner MTA of bravo gets the signature of acme.
    const rule = await ruleFor(acme, { deliver: 'signed' });
    await bravo.setPolicy({ partners: [partner('acme', acme, rule)] });
    await Promise.all([acme.start(), bravo.start()]);
  });
  after(() => stack.disposeAsync());

  const submit = async (from: Gateway, author: string, to: string): Promise<string> => {
    sent += 1;
    const messageId = `token.${sent}@test.example`;
    const data = textMessage({ from: author, to, text: `secret ${sent}`, messageId });
    const reply: Reply = await sendMessage(from.relay, { from: author, to: [to], data });
    assert.equal(reply.code, 250, reply.text);
    return `<${messageId}>`;
  };
  const arrived = async (postfix: Postfix, id: string) => {
    const [message] = await postfix
      .waitForMessages((one) => fieldOf(one.raw, 'message-id') === id)
      .catch((cause: unknown) => {
        throw new Error(`${acme.output().slice(-4_000)}\n${bravo.output().slice(-4_000)}`, {
          cause,
        });
      });
    assert.ok(message);
    return message;
  };

  test('no private key of the domain is in a file', async () => {
    const names = await readdir(acme.layout.keys);
    assert.deepEqual(
      names.filter((name) => /\.key\./.test(name)),
      [],
    );
    assert.equal(names.filter((name) => name.endsWith('.json')).length, 2);
  });

  test('mail out is signed on the token, and OpenSSL verifies the signature', async () => {
    const id = await submit(acme, ALICE, BOB);
    const { raw } = await arrived(atBravo, id);
    assert.match(fieldOf(raw, 'x-sallyport-verdict') ?? '', /signature[:=] ?valid/);
    assert.match(fieldOf(raw, 'content-type') ?? '', /smime-type="?signed-data/);
    const folder = stack.use(await temporaryFolder('softhsm'));
    const found = await opensslIn(folder.path).verify(raw, acme.caFile);
    assert.equal(found.code, 0, found.stderr);
    // The signature is over a message that an empty one is wrapped round (RFC 3183 section 3).
    assert.match(String(cmsOf(found.stdout)), /secret 1/);
    const signer = await readFile(found.signer, 'utf8');
    assert.equal(signer.trim(), (await readFile(acme.dsaFile, 'utf8')).trim());
  });

  test('mail in is decrypted on the token', async () => {
    const id = await submit(bravo, BOB, ALICE);
    const { raw } = await arrived(atAcme, id);
    assert.match(fieldOf(raw, 'x-sallyport-verdict') ?? '', /encryption[:=] ?domain/);
    assert.match(String(raw), /secret 2/);
  });

  test('key generate --token makes a key on the token, and its request proves possession', async () => {
    const wanted = ['--for', 'domain-signing', '--algorithm', 'ec-p256', '--token', hsm.label];
    const made = await sallyport(
      'key',
      'generate',
      ...wanted,
      '--json',
      '--config',
      acme.configFile,
    );
    assert.equal(made.code, 0, made.stderr);
    const { keyId, csr } = JSON.parse(String(made.stdout)) as { keyId: string; csr: string };
    const record = (await readKeyRecords(acme.layout.keys)).find((one) => one.keyId === keyId);
    assert.match(record?.token ?? '', /^pkcs11:token=acme;object=/);
    assert.equal(record?.privateKeyFile, undefined);
    const verified = await run('openssl', ['req', '-verify', '-noout', '-text'], { input: csr });
    assert.equal(verified.code, 0, verified.stderr);
    assert.match(verified.stderr, /verify OK/);
    assert.match(String(verified.stdout), /domain-signing-authority/);
  });

  test('with the token pulled out mail waits on both ways, and goes on when it is back', async () => {
    await hsm.unplug();
    const out = await submit(acme, ALICE, BOB);
    const incoming = await submit(bravo, BOB, ALICE);
    const waiting = (fault: string) => (entry: object) => JSON.stringify(entry).includes(fault);
    await acme.waitForEntry(waiting('own-key-unavailable'), 'mail that waits for the token');
    // The partner keeps what is for us: it gets 451 and no bounce.
    const held = await bravo.waitForEntry(waiting('451'), 'mail that the partner keeps');
    assert.match(JSON.stringify(held), /own key not available|4\.3\.0/);
    assert.equal((await acme.queue('hold')).length + (await acme.queue('corrupt')).length, 0);
    await hsm.plugIn();
    await arrived(atBravo, out);
    await arrived(atAcme, incoming);
    assert.deepEqual([await acme.waiting(), await bravo.waiting()], [[], []]);
    const outcomes = (await acme.events('key-outcome')).map(({ facts }) => facts['outcome']);
    assert.ok(outcomes.includes('failed') && outcomes.includes('done'));
  });
});

/** Puts the private keys of a gateway on the token, and away from its folder. */
async function moveKeysToToken({ layout }: Gateway, hsm: SoftHsm): Promise<void> {
  for (const record of await readKeyRecords(layout.keys)) {
    const key = await readPrivateKey(layout, record);
    const { privateKeyFile, ...rest } = record;
    const token = await hsm.importKey(
      record.class,
      String(key.export({ format: 'pem', type: 'pkcs8' })),
    );
    await writeKeyRecord(layout.keys, { ...rest, token });
    await rm(join(layout.keys, privateKeyFile ?? ''));
  }
}
