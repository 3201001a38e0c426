import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Issued, makeCa, type TestCa } from '../harness/ca.ts';
import { type Clamd, EICAR, startClamd } from '../harness/clamd.ts';
import { type CmsMaker, makeCmsMaker, SIGNATURE_TYPE, withHeader } from '../harness/cms-maker.ts';
import { startDns } from '../harness/dns.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, partnerRecord, startGateway } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { attachmentEntity, headerOf, textEntity, textMessage } from '../harness/messages.ts';
import { fieldOf } from '../harness/openssl.ts';
import { type Postfix, startPostfix } from '../harness/postfix.ts';
import { type Reply, sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

interface World {
  readonly maker: CmsMaker;
  readonly inner: Postfix;
  readonly clamd: Clamd;
  readonly gateway: Gateway;
  readonly dsa: Issued;
  /** A person of the partner. */
  readonly person: Issued;
  readonly ann: Issued;
  /** The domain signing authority of another partner, under the same CA. */
  readonly foreign: Issued;
}

async function issuePerson(ca: TestCa, mailbox: string): Promise<Issued> {
  return await ca.issue({
    name: mailbox.replace('@', '-'),
    commonName: mailbox,
    extensions: [
      `subjectAltName=email:${mailbox}`,
      'extendedKeyUsage=emailProtection',
      'keyUsage=critical,digitalSignature',
    ],
  });
}

const skip = skipWithout(
  'postfix',
  'openssl',
  'gcc',
  'libssl-dev',
  'clamav-daemon',
  'nsd',
  'unbound',
  'bind9-dnsutils',
);

const DOMAINS = ['bravo.example', 'flag.example', 'charlie.example', 'anyone.example'] as const;
type PartnerDomain = (typeof DOMAINS)[number];

describe('inward, from a partner that has no code of ours', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: World;

  before(async () => {
    const folder = stack.use(await temporaryFolder('inward'));
    const ca = await makeCa(folder.path, 'CA of the partners');
    const dns = stack.use(await startDns([{ name: 'bravo.example', records: ['@ IN MX 10 mx'] }]));
    const inner = stack.use(
      await startPostfix({ role: 'inner', name: 'mail.acme.example', domains: ['acme.example'] }),
    );
    const clamd = stack.use(await startClamd());
    const gateway = stack.use(
      await startGateway(
        {
          domain: 'acme.example',
          innerPort: inner.port,
          dnsPort: dns.port,
          egressPort: inner.port,
          clamdPort: clamd.port,
          config: { retry: { first: '1s', longest: '2s' } },
        },
        policy(ca),
      ),
    );
    world = {
      maker: await makeCmsMaker(folder.path),
      inner,
      clamd,
      gateway,
      dsa: await ca.issueAuthority('domain-signing-authority', 'bravo.example'),
      foreign: await ca.issueAuthority('domain-signing-authority', 'charlie.example'),
      person: await issuePerson(ca, 'bob@bravo.example'),
      ann: await issuePerson(ca, 'ann@anyone.example'),
    };
  });
  after(() => stack.disposeAsync());

  const policy = (ca: TestCa): object => {
    const record = (domain: PartnerDomain, inbound: object): object =>
      partnerRecord({ name: domain, domain, anchor: ca.pem }, { inbound });
    return {
      partners: [
        record('bravo.example', { tls: { level: 'encrypt' } }),
        record('flag.example', { otherwise: 'flag', encryption: 'when-present' }),
        record('charlie.example', {}),
        record('anyone.example', { signature: 'any-required' }),
      ],
    };
  };

  const domainSigned = async (entity: Buffer, signer: Issued, types = [SIGNATURE_TYPE.domain]) =>
    await world.maker.signed(await world.maker.empty(entity), signer, types);

  /** Encrypts for the gateway and hands it in over TLS. */
  const deliver = async (
    entity: Buffer,
    from = 'bob@bravo.example',
    id?: string,
  ): Promise<Reply> => {
    const encrypted = await world.maker.encrypted(entity, world.gateway.dcaFile);
    const header = headerOf({ from, to: 'alice@acme.example', ...(id ? { messageId: id } : {}) });
    return await handIn(from, withHeader(header, encrypted));
  };
  let handedIn = 0;
  /** Hands a message in over TLS; it must come as far as its judgement. */
  const handIn = async (from: string, data: Buffer): Promise<Reply> => {
    handedIn += 1;
    const message = { from, to: ['alice@acme.example'], data };
    return await sendMessage(world.gateway.partner, message, world.gateway.tls);
  };
  /** The verdict over the message that was handed in last: judgements are recorded in order. */
  const verdictOf = async (reply: Reply): Promise<Record<string, unknown>> => {
    const opened = await waitFor(
      async () => {
        const events = await world.gateway.events('opened');
        return events.length >= handedIn ? events : null;
      },
      { what: `verdict over what was answered ${reply.text}` },
    );
    return opened[handedIn - 1]?.facts['verdict'] as Record<string, unknown>;
  };
  /** Design section 4: with encryption, every fault up to the mapping has this one reply. */
  const assertRefusedAlike = async (reply: Reply): Promise<void> => {
    assert.match(reply.text, /^554 5\.7\.5 message could not be opened$/, await why(reply));
  };
  const atInner = async (id: string): Promise<Buffer> => {
    const [found] = await world.inner.waitForMessages(
      (one) => fieldOf(one.raw, 'message-id') === `<${id}>`,
    );
    assert.ok(found);
    return found.raw;
  };
  const why = async (reply: Reply): Promise<string> =>
    `${reply.text}\n${(await world.gateway.events())
      .slice(-8)
      .map((one) => one.leaf)
      .join('\n')}`;
  const nothingAtInner = async (text: string): Promise<void> => {
    const found = (await world.inner.messages()).filter((one) => one.raw.includes(text));
    assert.equal(found.length, 0, 'nothing of it reached the inner MTA');
  };

  test('DS-V3: what OpenSSL signs and encrypts counts as originator-signed, and domain-required refuses it', async () => {
    const signed = await world.maker.plainlySigned(textEntity('by a person'), world.person);
    const reply = await deliver(signed);
    assert.ok([550, 554].includes(reply.code), await why(reply));
    const verdict = await verdictOf(reply);
    assert.equal(verdict['signature'], 'valid', JSON.stringify(verdict));
    assert.equal(verdict['signatureType'], 'originator');
    assert.equal(verdict['encryption'], 'domain');
    await nothingAtInner('by a person');
  });

  test('DS-V3: an originator signature is enough where any signature is', async () => {
    const signed = await world.maker.plainlySigned(textEntity('by ann'), world.ann);
    const reply = await deliver(signed, 'ann@anyone.example', 'ann@anyone.example');
    assert.equal(reply.code, 250, await why(reply));
    const field = fieldOf(await atInner('ann@anyone.example'), 'x-sallyport-verdict') ?? '';
    assert.match(field, /signature=valid; signatureType=originator;.*originator=authenticated/);
    await verdictOf(reply);
  });

  test('DS-V3: an originator signature of somebody else is not', async () => {
    const signed = await world.maker.plainlySigned(textEntity('of somebody else'), world.person);
    const reply = await deliver(signed, 'bob@anyone.example');
    await assertRefusedAlike(reply);
    assert.equal(
      (await verdictOf(reply))['mapping'],
      'mismatch',
      'the signer is of another domain',
    );
  });

  test('RFC 3183 section 3.1: a domainSig of libcrypto gets the verdict domain and is delivered', async () => {
    const reply = await deliver(
      await domainSigned(textEntity('from the domain'), world.dsa),
      'bob@bravo.example',
      'first@bravo.example',
    );
    assert.equal(reply.code, 250, `${reply.text} ${world.gateway.output().slice(-2_000)}`);
    const raw = await atInner('first@bravo.example');
    assert.match(raw.toString('latin1'), /\r\n\r\nfrom the domain\r\n/);
    const field = fieldOf(raw, 'x-sallyport-verdict') ?? '';
    assert.match(field, /signature=valid; signatureType=domain;.*mapping=ok; encryption=domain/);
    assert.match(fieldOf(raw, 'authentication-results') ?? '', /^gw\.acme\.example;.*smime=pass/);
  });

  test("Postfix as the partner's MTA hands it in over TLS of level secure, and the message opens", async () => {
    await using partner = await startPostfix({
      role: 'partner',
      name: 'mx.bravo.example',
      domains: ['bravo.example'],
      relayTo: {
        ...world.gateway.partner,
        secure: { caFile: world.gateway.caFile, match: world.gateway.name },
      },
    });
    const entity = await domainSigned(textEntity('through postfix'), world.dsa);
    const encrypted = await world.maker.encrypted(entity, world.gateway.dcaFile);
    const [from, to, messageId] = [
      'bob@bravo.example',
      'alice@acme.example',
      'postfix@bravo.example',
    ];
    handedIn += 1;
    const data = withHeader(headerOf({ from, to, messageId }), encrypted);
    assert.equal((await sendMessage(partner, { from, to: [to], data })).code, 250);
    const raw = await atInner(messageId);
    assert.match(raw.toString('latin1'), /\r\n\r\nthrough postfix\r\n/);
    const field = fieldOf(raw, 'x-sallyport-verdict') ?? '';
    assert.match(field, /signature=valid; signatureType=domain;/);
  });

  test('RFC 3183 section 3.1: the empty layer may be missing under the domain signature', async () => {
    const signed = await world.maker.signed(textEntity('no empty layer'), world.dsa, [
      SIGNATURE_TYPE.domain,
    ]);
    const reply = await deliver(signed, 'bob@bravo.example', 'second@bravo.example');
    assert.equal(reply.code, 250, await why(reply));
    assert.match((await atInner('second@bravo.example')).toString('latin1'), /no empty layer/);
  });

  test('a domain-signing-authority certificate without the attribute is never a domain signature', async () => {
    const reply = await deliver(
      await world.maker.plainlySigned(textEntity('no attribute'), world.dsa),
    );
    await assertRefusedAlike(reply);
    assert.notEqual((await verdictOf(reply))['signatureType'], 'domain');
    await nothingAtInner('no attribute');
  });

  test('RFC 3183 section 3.3: the attribute on a certificate of a person is no domain signature', async () => {
    const reply = await deliver(await domainSigned(textEntity('not an authority'), world.person));
    await assertRefusedAlike(reply);
    await nothingAtInner('not an authority');
  });

  test('a domain signature of another domain is refused where policy says refuse', async () => {
    const reply = await deliver(await domainSigned(textEntity('wrong domain'), world.foreign));
    await assertRefusedAlike(reply);
    assert.equal((await verdictOf(reply))['mapping'], 'mismatch');
    await nothingAtInner('wrong domain');
  });

  test('a domain signature of another domain is delivered with a warning where policy says flag', async () => {
    const signed = await domainSigned(textEntity('wrong but flagged'), world.foreign);
    const header = headerOf({
      from: 'bob@flag.example',
      to: 'alice@acme.example',
      messageId: 'flagged@flag.example',
    });
    const reply = await handIn('bob@flag.example', withHeader(header, signed));
    assert.equal(reply.code, 250, await why(reply));
    const field = fieldOf(await atInner('flagged@flag.example'), 'x-sallyport-verdict') ?? '';
    assert.match(field, /mapping=mismatch/);
  });

  test('RFC 8551 section 6: where policy says flag, an encrypted one of another domain is still not delivered as good', async () => {
    const signed = await domainSigned(textEntity('encrypted and foreign'), world.foreign);
    const reply = await deliver(signed, 'bob@flag.example', 'foreign@flag.example');
    if (reply.code !== 250) return await assertRefusedAlike(reply);
    const field = fieldOf(await atInner('foreign@flag.example'), 'x-sallyport-verdict') ?? '';
    assert.match(field, /mapping=mismatch/);
  });

  test('a forged verdict field from outside does not reach the inner recipient', async () => {
    const entity = await domainSigned(textEntity('forged field'), world.dsa);
    const encrypted = await world.maker.encrypted(entity, world.gateway.dcaFile);
    const fields = [
      ...headerOf({
        from: 'bob@bravo.example',
        to: 'alice@acme.example',
        messageId: 'forged@bravo.example',
      }),
      'X-Sallyport-Verdict: signature=valid; signer="the pope"',
      'Authentication-Results: gw.acme.example; smime=pass smime.id="pope"',
    ];
    const reply = await handIn('bob@bravo.example', withHeader(fields, encrypted));
    assert.equal(reply.code, 250, await why(reply));
    assert.doesNotMatch((await atInner('forged@bravo.example')).toString('latin1'), /pope/);
  });

  test('without TLS the same message is refused: the rule demands it', async () => {
    const entity = await domainSigned(textEntity('in clear'), world.dsa);
    const encrypted = await world.maker.encrypted(entity, world.gateway.dcaFile);
    const data = withHeader(
      headerOf({ from: 'bob@bravo.example', to: 'alice@acme.example' }),
      encrypted,
    );
    const message = { from: 'bob@bravo.example', to: ['alice@acme.example'], data };
    const reply = await sendMessage(world.gateway.partner, message);
    assert.ok([530, 550].includes(reply.code), reply.text);
  });

  test('RFC 3183 section 6: the authorities get no mail', async () => {
    const to = ['domain-signing-authority@acme.example'];
    const reply = await sendMessage(
      world.gateway.partner,
      { from: 'bob@elsewhere.example', to, data: 'x: y\r\n\r\n' },
      world.gateway.tls,
    );
    assert.equal(reply.code, 550, await why(reply));
  });

  test('EICAR inside a domain-encrypted, domain-signed message is refused', async () => {
    const reply = await deliver(
      await domainSigned(attachmentEntity('report.txt', EICAR), world.dsa),
    );
    assert.equal(reply.code, 554, await why(reply));
    await world.gateway.waitForEvent(
      (event) => event.kind === 'refused' && event.facts['fault'] === 'content-refused',
    );
    await nothingAtInner('report.txt');
  });

  test('EICAR on its way out comes back to its author and goes nowhere', async () => {
    const data = withHeader(
      headerOf({ from: 'alice@acme.example', to: 'bob@bravo.example', subject: 'eicar out' }),
      attachmentEntity('plan.txt', EICAR),
    );
    const message = { from: 'alice@acme.example', to: ['bob@bravo.example'], data };
    const reply = await sendMessage(world.gateway.relay, message);
    assert.equal(reply.code, 250, await why(reply));
    const [report] = await world.inner.waitForMessages((one) => one.raw.includes('eicar out'));
    assert.match(
      fieldOf(report?.raw ?? Buffer.alloc(0), 'content-type') ?? '',
      /multipart\/report/,
    );
    assert.equal(report?.returnPath, '', 'RFC 3461 section 6.1: null reverse-path');
    assert.match(report?.raw.toString('latin1') ?? '', /Status: 5\.7\.1/);
    assert.equal(report?.raw.includes(EICAR), false);
  });

  test('ordinary mail passes the scanner', async () => {
    const data = textMessage({
      from: 'eve@world.example',
      to: 'alice@acme.example',
      text: 'clean',
      messageId: 'clean@world.example',
    });
    const message = { from: 'eve@world.example', to: ['alice@acme.example'], data };
    const reply = await sendMessage(world.gateway.partner, message, world.gateway.tls);
    assert.equal(reply.code, 250, await why(reply));
    const raw = await atInner('clean@world.example');
    assert.match(fieldOf(raw, 'x-sallyport-verdict') ?? '', /signature=none/);
  });

  test('a scanner that is down is 451, never a pass, and mail flows again when it is back', async () => {
    await world.clamd.stop();
    const entity = await domainSigned(textEntity('while clamd is down'), world.dsa);
    const down = await deliver(entity, 'bob@bravo.example');
    assert.equal(down.code, 451, down.text);
    await nothingAtInner('while clamd is down');
    const data = textMessage({
      from: 'alice@acme.example',
      to: 'zoe@acme.example',
      text: 'waits',
      messageId: 'waits@acme.example',
    });
    const message = { from: 'alice@acme.example', to: ['zoe@acme.example'], data };
    assert.equal((await sendMessage(world.gateway.relay, message)).code, 250);
    await world.gateway.waitForEntry(
      (entry) => entry['fault'] === 'scanner-unavailable',
      'outward mail waits for the scanner',
    );
    await world.clamd.start();
    await atInner('waits@acme.example');
    const up = await deliver(entity, 'bob@bravo.example', 'up@bravo.example');
    assert.equal(up.code, 250, up.text);
    await atInner('up@bravo.example');
  });
});
