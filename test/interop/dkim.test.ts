/** DKIM, SPF and DMARC against dkimpy, Postfix and a real DNS, both ways. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { deliveredMessage, MESSAGE_LIMITS, openLayers } from '@sallyport/domsec';
import { bufferContent, readContent } from '@sallyport/mail';
import { signByDkimpy, type Texts, verifyByDkimpy } from '../harness/dkimpy.ts';
import { type Dns, startDns } from '../harness/dns.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, makeGateway, sallyport } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { fieldOf, type Openssl, opensslIn } from '../harness/openssl.ts';
import { freePort } from '../harness/ports.ts';
import { type Postfix, startPostfix } from '../harness/postfix.ts';
import { sendMessage } from '../harness/smtp-client.ts';

const DOMAIN = 'acme.example';
const BRAVO = 'bravo.example';

/** Keys of the test alone, made anew for each run. */
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const edwards = generateKeyPairSync('ed25519');
const rsaPem = rsa.privateKey.export({ format: 'pem', type: 'pkcs1' }).toString();
const jwk = edwards.privateKey.export({ format: 'jwk' });
const seed = Buffer.from(jwk.d ?? '', 'base64url').toString('base64');
const rsaText = `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')}`;
const edwardsText = `v=DKIM1; k=ed25519; p=${Buffer.from(jwk.x ?? '', 'base64url').toString('base64')}`;

interface World {
  readonly dns: Dns;
  readonly gateway: Gateway;
  readonly inner: Postfix;
  readonly partner: Postfix;
  readonly openssl: Openssl;
  /** The TXT records of our own keys. */
  readonly ours: Texts;
}

interface Made {
  readonly keyId: string;
  readonly state: string;
  readonly publish: { readonly name: string; readonly data: string };
}

const skip = skipWithout('postfix', 'nsd', 'unbound', 'openssl', 'python3-dkim', 'python3-nacl');

describe('DKIM, SPF and DMARC with programs that are not ours', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: World;

  const order = async (gateway: Gateway, ...args: readonly string[]): Promise<string> => {
    const ran = await sallyport(...args, '--config', gateway.configFile, '--json');
    assert.equal(ran.code, 0, ran.stderr);
    return String(ran.stdout);
  };

  before(async () => {
    const [dnsPort, innerPort] = [await freePort(), await freePort()];
    const partner = stack.use(
      await startPostfix({
        role: 'partner',
        name: 'mx.bravo.example',
        domains: [BRAVO, 'compat.example', 'opaque.example'],
      }),
    );
    const gateway = stack.use(
      await makeGateway({ domain: DOMAIN, innerPort, dnsPort, egressPort: partner.port }),
    );
    const made: Made[] = [];
    for (const [algorithm, selector] of [
      ['rsa-2048', 'r2026'],
      ['ed25519', 'e2026'],
    ] as const) {
      const args = ['key', 'generate', '--for', 'dkim', '--algorithm', algorithm];
      made.push(JSON.parse(await order(gateway, ...args, '--selector', selector)) as Made);
    }
    const printed = made.map(({ publish }) => `${publish.name} IN TXT ${publish.data}`);
    const away = ['@ IN MX 10 mx', 'mx IN A 127.0.0.1'];
    const dmarc = '_dmarc IN TXT "v=DMARC1; p=reject"';
    const strings = (text: string): string =>
      text
        .match(/.{1,255}/g)
        ?.map((one) => `"${one}"`)
        .join(' ') ?? '';
    const dns = stack.use(
      await startDns(
        [
          { name: DOMAIN, records: printed },
          {
            name: BRAVO,
            records: [
              ...away,
              dmarc,
              '@ IN TXT "v=spf1 -all"',
              `r._domainkey IN TXT ${strings(rsaText)}`,
              `e._domainkey IN TXT ${strings(edwardsText)}`,
            ],
          },
          { name: 'compat.example', records: away },
          { name: 'opaque.example', records: away },
          { name: 'charlie.example', records: [dmarc, '@ IN TXT "v=spf1 ip4:127.0.0.1 -all"'] },
        ],
        { port: dnsPort },
      ),
    );
    for (const { keyId } of made) await order(gateway, 'key', 'activate', keyId, '--beside');
    await gateway.setPolicy(policy);
    await gateway.start();
    const relayTo = gateway.relay;
    const inner = stack.use(
      await startPostfix({
        role: 'inner',
        name: 'mail.acme.example',
        domains: [DOMAIN],
        port: innerPort,
        relayTo,
      }),
    );
    const ours = Object.fromEntries(
      made.map(({ publish: { name, data } }) => [
        name.slice(0, -1),
        data.replaceAll('" "', '').slice(1, -1),
      ]),
    );
    const folder = stack.use(await temporaryFolder('dkim'));
    world = { dns, gateway, inner, partner, openssl: opensslIn(folder.path), ours };
  });
  after(() => stack.disposeAsync());

  const outbound = (domain: string, rule: object): object => ({
    name: domain,
    domains: [domain],
    outbound: { encrypt: 'none', ...rule },
    tls: { level: 'may' },
  });
  const policy = {
    partners: [
      {
        ...outbound(BRAVO, { sign: 'none' }),
        inbound: { signature: 'when-present', encryption: 'when-present', dmarc: 'refuse' },
      },
      outbound('compat.example', { profile: 'compat' }),
      outbound('opaque.example', { profile: 'domsec' }),
    ],
  };

  const outward = (to: string, messageId: string): Buffer =>
    textMessage({
      from: 'alice@acme.example',
      to,
      messageId,
      text: 'Hello  there. \r\n\r\n.dot\r\n',
    });
  const received = async (at: Postfix, messageId: string): Promise<Buffer> => {
    const [found] = await at
      .waitForMessages((one) => fieldOf(one.raw, 'message-id') === `<${messageId}>`)
      .catch((cause: unknown) => {
        throw new Error(world.gateway.output().slice(-3_000), { cause });
      });
    assert.ok(found);
    return found.raw;
  };
  const submit = async (data: Buffer, to: string): Promise<void> => {
    const reply = await sendMessage(world.inner, { from: 'alice@acme.example', to: [to], data });
    assert.equal(reply.code, 250, reply.text);
  };

  test('dns --check sees the TXT records that key generate told to publish', async () => {
    const ran = await sallyport('dns', '--check', '--json', '--config', world.gateway.configFile);
    const rows = String(ran.stdout)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; status: string });
    assert.deepEqual(
      rows
        .filter(({ name }) => name.includes('_domainkey'))
        .map(({ name, status }) => [name, status]),
      [
        ['r2026._domainkey.acme.example.', 'ok'],
        ['e2026._domainkey.acme.example.', 'ok'],
      ].toSorted(),
    );
  });

  test('after Postfix, dkimpy verifies both signatures on compat mail, and OpenSSL the one inside', async () => {
    await submit(outward('bob@compat.example', 'one@acme.example'), 'bob@compat.example');
    const raw = await received(world.partner, 'one@acme.example');
    assert.deepEqual(await verifyByDkimpy(raw, world.ours), [true, true]);
    const verified = await world.openssl.verify(raw, world.gateway.caFile);
    assert.equal(verified.code, 0, verified.stderr);
    const changed = Buffer.from(
      raw.toString('latin1').replace('Hello  there', 'Hello, there'),
      'latin1',
    );
    assert.notDeepEqual(changed, raw);
    assert.deepEqual(await verifyByDkimpy(changed, world.ours), [false, false]);
    const twice = Buffer.concat([Buffer.from('Subject: another\r\n'), raw]);
    assert.deepEqual(await verifyByDkimpy(twice, world.ours), [false, false], 'sealed fields');
  });

  /** As our inner MTA would, before the gateway. */
  const signInside = async (message: Buffer): Promise<Buffer> =>
    await signByDkimpy(message, {
      selector: 'inner',
      domain: DOMAIN,
      key: rsaPem,
      algorithm: 'rsa-sha256',
      canonicalize: ['relaxed', 'simple'],
    });

  test('RFC 9788: an inner DKIM signature goes into the DOMSEC layer and is as good when a gateway takes it off; ours is outside', async () => {
    const message = outward('bob@opaque.example', 'two@acme.example');
    const signed = await signInside(message);
    await submit(signed, 'bob@opaque.example');
    const raw = await received(world.partner, 'two@acme.example');
    assert.match(String(fieldOf(raw, 'content-type')), /pkcs7-mime/);
    assert.deepEqual(await verifyByDkimpy(raw, world.ours), [true, true]);
    const read = await openLayers(bufferContent(raw), {
      ownRecipients: [],
      unwrapper: { unwrap: () => Promise.reject(new Error('nothing is encrypted')) },
      mayOpen: () => Promise.resolve(true),
      knownCertificates: [],
      legacy: false,
      limits: MESSAGE_LIMITS,
    });
    assert.ok(read.kind === 'opened');
    const isFromBound = true;
    const form = {
      deliver: 'clear',
      authservId: 'gw.opaque.example',
      added: [],
      isFromBound,
    } as const;
    const delivered = await readContent(deliveredMessage(read.message, form));
    const inner = { 'inner._domainkey.acme.example': rsaText };
    assert.ok((await verifyByDkimpy(delivered, inner)).includes(true));
    assert.ok(
      delivered.includes(message.subarray(message.indexOf('\r\n\r\n'))),
      'the body, octet for octet',
    );
  });

  test('what our own inner MTA signed stays good where the body is not touched', async () => {
    const message = outward('bob@bravo.example', 'three@acme.example');
    const signed = await signInside(message);
    await submit(signed, 'bob@bravo.example');
    const raw = await received(world.partner, 'three@acme.example');
    const texts = { ...world.ours, 'inner._domainkey.acme.example': rsaText };
    assert.deepEqual(await verifyByDkimpy(raw, texts), [true, true, true]);
    const intents = (await world.gateway.events('key-intent')).filter(
      ({ facts }) => facts['operation'] === 'sign-dkim',
    );
    assert.ok(intents.length >= 2);
  });

  const inward = (messageId: string, from = 'bob@bravo.example'): Buffer =>
    textMessage({ from, to: 'alice@acme.example', messageId, text: 'It  costs 10. \r\n\r\n' });
  const offer = async (data: Buffer, from = 'bob@bravo.example') =>
    await sendMessage(world.gateway.partner, { from, to: ['alice@acme.example'], data });

  for (const [algorithm, key, selector] of [
    ['rsa-sha256', rsaPem, 'r'],
    ['ed25519-sha256', seed, 'e'],
  ] as const) {
    for (const canonicalize of [
      ['relaxed', 'relaxed'],
      ['simple', 'simple'],
    ] as const) {
      test(`a partner's ${algorithm} signature of dkimpy, ${canonicalize.join('/')}, passes here and behind us`, async () => {
        const id = `${algorithm}.${canonicalize[0]}@bravo.example`;
        const how = { selector, domain: BRAVO, key, algorithm, canonicalize };
        const message = await signByDkimpy(inward(id), how);
        const reply = await offer(message);
        assert.equal(reply.code, 250, reply.text);
        const raw = await received(world.inner, id);
        assert.ok(raw.includes(message), 'byte for byte under our own fields');
        const texts = {
          'r._domainkey.bravo.example': rsaText,
          'e._domainkey.bravo.example': edwardsText,
        };
        assert.deepEqual(await verifyByDkimpy(raw, texts), [true]);
        const results = String(fieldOf(raw, 'authentication-results')).replace(/\s+/g, ' ');
        assert.match(results, /spf=fail smtp\.mailfrom=bravo\.example/);
        assert.match(
          results,
          new RegExp(`dkim=pass header\\.d=bravo\\.example header\\.s=${selector} `),
        );
        assert.match(results, /dmarc=pass header\.from=bravo\.example policy\.dmarc=reject/);
      });
    }
  }

  test('a changed body, and mail without any signature, is refused where the rule says so', async () => {
    const how = {
      selector: 'r',
      domain: BRAVO,
      key: rsaPem,
      algorithm: 'rsa-sha256',
      canonicalize: ['relaxed', 'relaxed'],
    } as const;
    const signed = (await signByDkimpy(inward('four@bravo.example'), how)).toString('latin1');
    for (const data of [
      Buffer.from(signed.replace('costs 10', 'costs 99'), 'latin1'),
      inward('five@bravo.example'),
    ]) {
      const reply = await offer(data);
      assert.match(reply.text, /^550 5\.7\.26 /);
    }
  });

  test('SPF of the client alone is enough for DMARC; the audit log has what was found', async () => {
    const from = 'carl@charlie.example';
    const reply = await offer(inward('six@charlie.example', from), from);
    assert.equal(reply.code, 250, reply.text);
    const raw = await received(world.inner, 'six@charlie.example');
    assert.match(String(fieldOf(raw, 'authentication-results')), /spf=pass/);
    const opened = (await world.gateway.events('opened')).at(-1);
    assert.deepEqual(opened?.facts['authentication'], {
      spf: { result: 'pass', domain: 'charlie.example' },
      dkim: [],
      dmarc: { result: 'pass', policy: 'reject', domain: 'charlie.example' },
    });
  });
});
