import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import {
  digestContent,
  emptySignedData,
  encodeCapabilities,
  type OwnCapability,
  signedData,
  signRaw,
} from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import { bufferContent, type Content, readContent } from '@sallyport/mail';
import { pkcs7MimeEntity } from '@sallyport/mime';
import { type Certificate, parsePemCertificates } from '@sallyport/pki';
import { readKeyRecords } from '../../services/cli/src/gateway/keys.ts';
import { readPrivateKey } from '../../services/cli/src/gateway/private-keys.ts';
import { startDns } from '../harness/dns.ts';
import { type Gateway, makeGateway, partnerRecord, sallyport } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { headerOf, textEntity, textMessage } from '../harness/messages.ts';
import { fieldOf } from '../harness/openssl.ts';
import { freePort } from '../harness/ports.ts';
import { type Postfix, startPostfix } from '../harness/postfix.ts';
import { sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const ADDRESS = { acme: '127.0.0.2', bravo: '127.0.0.3' } as const;
const skip = skipWithout('postfix', 'nsd', 'unbound', 'bind9-dnsutils');
const ALICE = 'alice@acme.example';
const BOB = 'bob@bravo.example';

/** Signs as the authority of a gateway does, at another time and with another list. */
async function signedEarlier(
  gateway: Gateway,
  options: {
    readonly signingTime: Date;
    readonly capabilities: readonly OwnCapability[];
    readonly text: string;
  },
): Promise<Buffer> {
  const [record] = (await readKeyRecords(gateway.layout.keys)).filter(
    (one) => one.class === 'domain-signing',
  );
  assert.ok(record);
  const key = await readPrivateKey(gateway.layout, record);
  const certificate = await certificateIn(gateway.dsaFile);
  const entity = (cms: Content) =>
    pkcs7MimeEntity(cms, { smimeType: 'signed-data', name: 'smime.p7m' });
  const empty = entity(emptySignedData(bufferContent(textEntity(options.text))));
  const attribute = (oid: string, value: Buffer) => der.sequence(der.oid(oid), der.set(value));
  const signedAttrs = der.setOf([
    attribute(OID.contentType, der.oid(OID.data)),
    attribute(OID.messageDigest, der.octetString(await digestContent(empty, 'sha256'))),
    attribute(OID.signingTime, der.time(options.signingTime)),
    attribute(OID.signatureType, der.sequence(der.oid(OID.domainSig))),
    attribute(OID.smimeCapabilities, encodeCapabilities(options.capabilities)),
  ]);
  const signature = signRaw(signedAttrs, key, 'rsa-sha256');
  const info = {
    sid: certificate,
    digestAlgorithm: 'sha256',
    signatureAlgorithm: 'rsa-sha256',
    signedAttrs,
    signature,
  } as const;
  const header = [...headerOf({ from: ALICE, to: BOB }), 'MIME-Version: 1.0', ''].join('\r\n');
  const signed = await readContent(entity(signedData(empty, [info], [certificate.der])));
  return Buffer.concat([Buffer.from(header, 'latin1'), signed]);
}

async function certificateIn(file: string): Promise<Certificate> {
  const [parsed] = parsePemCertificates(await readFile(file, 'utf8'));
  assert.ok(parsed?.kind === 'certificate');
  return parsed.value;
}

describe('what a partner announces decides how mail to it is encrypted (SM-4)', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let acme: Gateway;
  let bravo: Gateway;
  let atAcme: Postfix;
  let sent = 0;
  let protectedForAcme = 0;

  before(async () => {
    const port = await freePort(ADDRESS.acme, ADDRESS.bravo);
    const zones = (['acme', 'bravo'] as const).map((name) => ({
      name: `${name}.example`,
      records: ['@ IN MX 10 gw', `gw IN A ${ADDRESS[name]}`],
    }));
    const [dns, postfix] = await Promise.all([
      startDns(zones),
      startPostfix({ role: 'inner', name: 'mail.acme.example', domains: ['acme.example'] }),
    ]);
    stack.use(dns);
    atAcme = stack.use(postfix);
    const make = async (name: 'acme' | 'bravo', innerPort: number): Promise<Gateway> =>
      stack.use(
        await makeGateway({
          domain: `${name}.example`,
          innerPort,
          dnsPort: dns.port,
          egressPort: port,
          address: ADDRESS[name],
          partnerPort: port,
        }),
      );
    const nobody = await freePort();
    [acme, bravo] = await Promise.all([make('acme', atAcme.port), make('bravo', nobody)]);
    const pinned = async (gateway: Gateway) => ({
      outbound: { discovery: ['pinned'] },
      trust: { anchors: [gateway.caPem], pinned: [await readFile(gateway.dcaFile, 'utf8')] },
    });
    // As received: what the inner MTA gets are the bytes that bravo made.
    const acmeRule = { ...(await pinned(bravo)), inbound: { deliver: 'as-received' } };
    const bravoRule = { ...(await pinned(acme)), inbound: { encryption: 'when-present' } };
    await acme.setPolicy({
      partners: [
        partnerRecord({ name: 'Bravo', domain: 'bravo.example', anchor: bravo.caPem }, acmeRule),
      ],
    });
    await bravo.setPolicy({
      partners: [
        partnerRecord({ name: 'Acme', domain: 'acme.example', anchor: acme.caPem }, bravoRule),
      ],
    });
    await Promise.all([acme.start(), bravo.start()]);
  });
  after(() => stack.disposeAsync());

  const submit = async (gateway: Gateway, from: string, to: string): Promise<string> => {
    sent += 1;
    const messageId = `capabilities.${sent}@test.example`;
    const data = textMessage({ from, to, text: 'secret', messageId });
    const reply = await sendMessage(gateway.relay, { from, to: [to], data });
    assert.equal(reply.code, 250, reply.text);
    return `<${messageId}>`;
  };

  /** `smime-type` on the wire, and the algorithms that the log of bravo tells, with their source. */
  const bravoToAcme = async (): Promise<readonly string[]> => {
    const id = await submit(bravo, BOB, ALICE);
    const [arrived] = await atAcme.waitForMessages((one) => fieldOf(one.raw, 'message-id') === id);
    const type = fieldOf(arrived?.raw ?? Buffer.alloc(0), 'content-type') ?? '';
    // The record of a decision is on disk before that of its delivery.
    protectedForAcme += 1;
    const decided = (await eventsOf('decided', protectedForAcme)).at(-1) ?? {};
    const fields = ['contentAlgorithm', 'contentSource', 'keyTransport', 'keyTransportSource'];
    return [
      /smime-type=([a-z-]+)/i.exec(type)?.[1] ?? type,
      ...fields.map((name) => String(decided[name])),
    ];
  };

  /** Facts of the events of a kind in the log of bravo, once there are so many. */
  const eventsOf = async (
    kind: string,
    count: number,
  ): Promise<readonly Readonly<Record<string, unknown>>[]> =>
    await waitFor(
      async () => {
        const found = (await bravo.events(kind)).map(({ facts }) => facts);
        return found.length >= count ? found : undefined;
      },
      { what: `${count} events ${kind}` },
    ).catch((cause: unknown) => {
      throw new Error(bravo.output().slice(-3_000), { cause });
    });

  const DEFAULT = ['enveloped-data', 'aes256-cbc', 'default', 'rsa-pkcs1v15', 'default'];
  const LEARNED = ['authEnveloped-data', 'aes256-gcm', 'capabilities', 'rsa-oaep', 'capabilities'];

  test('SM-5: before anything was heard, the default', async () => {
    assert.deepEqual(await bravoToAcme(), DEFAULT);
  });

  test('RFC 8551 2.7.1.1: after one signed message of the partner, what it prefers', async () => {
    await submit(acme, ALICE, BOB);
    const [event] = await eventsOf('capabilities-learned', 1);
    assert.equal(event?.['domain'], 'acme.example');
    assert.match(String(event?.['capabilities']), /^aes256-gcm,/);
    assert.deepEqual(await bravoToAcme(), LEARNED);
  });

  test('partner simulate shows the algorithms, who chose them, and why', async () => {
    const args = ['--from', BOB, '--to', ALICE, '--config', bravo.configFile];
    const json = await sallyport('partner', 'simulate', '--json', ...args);
    assert.equal(json.code, 0, json.stderr);
    const answer: unknown = JSON.parse(String(json.stdout));
    assert.deepEqual(Reflect.get(answer as object, 'algorithms'), {
      content: 'aes256-gcm',
      contentSource: 'capabilities',
      keyTransport: 'rsa-oaep',
      keyTransportSource: 'capabilities',
    });
    assert.match(
      String(Reflect.get(answer as object, 'sentence')),
      /AES-256-GCM \(the partner's signed messages announce it\)/,
    );
  });

  test('RFC 8551 2.7.1: an older message with a weaker list, sent again, changes nothing', async () => {
    const data = await signedEarlier(acme, {
      signingTime: new Date(Date.now() - 3_600_000),
      capabilities: [{ kind: 'content', name: 'aes128-cbc' }],
      text: 'an old message',
    });
    const reply = await sendMessage(bravo.partner, { from: ALICE, to: [BOB], data }, bravo.tls);
    assert.equal(reply.code, 250, reply.text);
    const [event] = await eventsOf('capabilities-ignored', 1);
    assert.equal(event?.['outcome'], 'older');
    assert.match(String(event?.['sentence']), /signed later says otherwise/);
    assert.deepEqual(await bravoToAcme(), LEARNED);
  });

  test('what was learned is derived: without its folder the default holds until it is heard again', async () => {
    await bravo.stop();
    assert.equal((await readdir(bravo.layout.capabilities)).length, 1);
    await rm(bravo.layout.capabilities, { recursive: true });
    await bravo.start();
    assert.deepEqual(await bravoToAcme(), DEFAULT);
    await submit(acme, ALICE, BOB);
    await eventsOf('capabilities-learned', 2);
    assert.deepEqual(await bravoToAcme(), LEARNED);
  });
});
