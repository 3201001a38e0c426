import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Issued, makeCa, type TestCa } from '../harness/ca.ts';
import { SIGNATURE_TYPE } from '../harness/cms-maker.ts';
import { type Dns, startDns } from '../harness/dns.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, partnerRecord, sallyport, startGateway } from '../harness/gateway.ts';
import { startGpgsm } from '../harness/gpgsm.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { startNss } from '../harness/nss.ts';
import { cmsOf, fieldOf, type Openssl, opensslIn, splitMessage } from '../harness/openssl.ts';
import { freePort } from '../harness/ports.ts';
import { type Postfix, startPostfix } from '../harness/postfix.ts';
import { startSlapd } from '../harness/slapd.ts';
import { sendMessage } from '../harness/smtp-client.ts';

const BODY = 'The first line.\r\n.a line with a dot\r\n..two dots\r\n\r\nThe last line.\r\n';
const CONTENT_TYPE = 'Content-Type: text/plain; charset=us-ascii';

const SMALL_ADDRESS = '127.0.0.35';

/** Inner Postfix → gateway of acme.example → partner Postfix of bravo.example and two others. */
interface World {
  readonly ca: TestCa;
  readonly dca: Issued;
  readonly dns: Dns;
  readonly inner: Postfix;
  readonly partner: Postfix;
  /** Takes messages up to 60,000 octets. */
  readonly small: Postfix;
  readonly gateway: Gateway;
  readonly openssl: Openssl;
}

const skip = skipWithout(
  'postfix',
  'slapd',
  'nsd',
  'unbound',
  'openssl',
  'ldnsutils',
  'bind9-dnsutils',
);

describe('outward, to a partner that has no code of ours', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: World;

  before(async () => {
    const folder = stack.use(await temporaryFolder('outward'));
    const ca = await makeCa(folder.path, 'CA of Bravo');
    const dca = await ca.issueAuthority('domain-confidentiality-authority', 'bravo.example');
    const certificate = await ca.issueServer('mx', [
      'mx.bravo.example',
      'mx.compat.example',
      'mx.charlie.example',
      'mx.small.example',
    ]);
    const dcaCharlie = await ca.issueAuthority(
      'domain-confidentiality-authority',
      'charlie.example',
    );
    const dcaSmall = await ca.issueAuthority('domain-confidentiality-authority', 'small.example');
    const entries = [
      { domain: 'bravo.example', der: dca.der },
      { domain: 'charlie.example', der: dcaCharlie.der },
      { domain: 'small.example', der: dcaSmall.der },
    ].map(({ domain, der }) => ({
      cn: 'domain-confidentiality-authority',
      mail: `domain-confidentiality-authority@${domain}`,
      certificates: [der],
    }));
    const slapd = stack.use(await startSlapd({ entries, tls: { ca, certificate } }));
    const port = await freePort('127.0.0.1', SMALL_ADDRESS);
    const partner = stack.use(
      await startPostfix({
        role: 'partner',
        name: 'mx.bravo.example',
        domains: ['bravo.example', 'compat.example', 'charlie.example'],
        port,
        tls: { level: 'encrypt', certificate },
      }),
    );
    const small = stack.use(
      await startPostfix({
        role: 'partner',
        name: 'mx.small.example',
        domains: ['small.example'],
        host: SMALL_ADDRESS,
        port,
        tls: { level: 'encrypt', certificate },
        sizeLimit: 60_000,
      }),
    );
    const recordsAt = (address: string): string[] => [
      '@ IN MX 10 mx',
      `mx IN A ${address}`,
      'ldap IN A 127.0.0.1',
      `_PKIXREP._LDAP IN SRV 10 10 ${slapd.port} ldap`,
      `_ldap._tcp IN SRV 10 10 ${slapd.port} ldap`,
    ];
    const records = recordsAt('127.0.0.1');
    const dns = stack.use(
      await startDns([
        { name: 'bravo.example', kind: 'signed', records },
        { name: 'compat.example', records },
        { name: 'charlie.example', records },
        { name: 'small.example', records: recordsAt(SMALL_ADDRESS) },
      ]),
    );
    const innerPort = await freePort();
    const gateway = stack.use(
      await startGateway(
        { domain: 'acme.example', innerPort, dnsPort: dns.port, egressPort: partner.port },
        policy(ca),
      ),
    );
    const inner = stack.use(
      await startPostfix({
        role: 'inner',
        name: 'mail.acme.example',
        domains: ['acme.example'],
        port: innerPort,
        relayTo: gateway.relay,
      }),
    );
    world = { ca, dca, dns, inner, partner, small, gateway, openssl: opensslIn(folder.path) };
  });
  after(() => stack.disposeAsync());

  const policy = (ca: TestCa): object => {
    const record = (domain: string, outbound: object): object =>
      partnerRecord({ name: domain, domain, anchor: ca.pem }, { outbound });
    return {
      partners: [
        record('bravo.example', {}),
        record('charlie.example', {}),
        record('small.example', {}),
        record('compat.example', { profile: 'compat', encrypt: 'none' }),
      ],
    };
  };

  const messageOf = (subject: string, to: readonly string[]): string =>
    [
      'From: Alice <alice@acme.example>',
      `To: ${to.join(', ')}`,
      `Subject: ${subject}`,
      'Date: Sat, 21 Nov 2026 05:00:00 +0000',
      `Message-ID: <${subject.replaceAll(' ', '.')}@acme.example>`,
      'MIME-Version: 1.0',
      CONTENT_TYPE,
      '',
      BODY,
    ].join('\r\n');
  const submit = async (subject: string, to: readonly string[], shown?: readonly string[]) => {
    const data = messageOf(subject, shown ?? to);
    const reply = await sendMessage(world.inner, { from: 'alice@acme.example', to, data });
    assert.equal(reply.code, 250, reply.text);
  };
  /** The message at the partner, by its Message-ID, which stays outside. */
  const received = async (subject: string, to: string): Promise<Buffer> => {
    const id = `<${subject.replaceAll(' ', '.')}@acme.example>`;
    const [found] = await world.partner
      .waitForMessages((one) => fieldOf(one.raw, 'message-id') === id && one.deliveredTo === to)
      .catch(async (cause: unknown) => {
        const events = (await world.gateway.events()).slice(-12).map((one) => one.leaf);
        throw new Error(`${events.join('\n')}\n${world.gateway.output().slice(-3_000)}`, { cause });
      });
    assert.ok(found);
    return found.raw;
  };

  test('RFC 3183 sections 3 and 4: OpenSSL alone decrypts and verifies the domain signature over the empty layer', async () => {
    await submit('first', ['bob@bravo.example']);
    const raw = await received('first', 'bob@bravo.example');
    assert.equal(raw.includes('The last line.'), false, 'nothing in clear');
    const decrypted = await world.openssl.decrypt(raw, world.dca);
    assert.equal(decrypted.code, 0, decrypted.stderr);
    const verified = await world.openssl.verify(decrypted.stdout, world.gateway.caFile);
    assert.equal(verified.code, 0, verified.stderr);
    const signer = await readFile(verified.signer, 'utf8');
    assert.equal(signer.trim(), (await readFile(world.gateway.dsaFile, 'utf8')).trim());

    const printed = await world.openssl.print(decrypted.stdout);
    assert.match(printed, /1\.2\.840\.113549\.1\.9\.16\.2\.28|signatureType/i);
    const attribute = printed.slice(printed.search(/1\.2\.840\.113549\.1\.9\.16\.2\.28/));
    assert.match(attribute.slice(0, 600), new RegExp(SIGNATURE_TYPE.domain.replaceAll('.', '\\.')));

    const empty = cmsOf(
      Buffer.from(verified.stdout.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1'),
    );
    // RFC 9788 section 5.2.1: the header as submitted is inside too, marked, with what stands outside.
    const submitted = messageOf('first', ['bob@bravo.example']);
    const listed = submitted
      .slice(0, submitted.indexOf('MIME-Version'))
      .replace('Subject: first', 'Subject: [...]')
      .replace(/^(?=[A-Z])/gm, 'HP-Outer: ');
    const marked = submitted.replace(
      CONTENT_TYPE,
      `${CONTENT_TYPE}; hp="cipher"\r\n${listed.trimEnd()}`,
    );
    assert.equal(await unpack(empty), marked, 'what was submitted, octet for octet, and the marks');
    assert.equal(fieldOf(raw, 'subject'), '[...]');
  });

  /** The eContent of a SignedData without signers, found and cut out by `openssl asn1parse`. */
  const unpack = async (der: Buffer): Promise<string> => {
    const listed = String((await world.openssl.parse(der)).stdout);
    assert.match(listed, /pkcs7-signedData/);
    const at = listed.split('\n').findIndex((line) => line.includes(':pkcs7-data'));
    const octets = listed
      .split('\n')
      .slice(at)
      .find((line) => line.includes('OCTET STRING'));
    const offset = /^\s*(\d+):/.exec(octets ?? '')?.[1] ?? '';
    const file = join(world.gateway.folder, 'public', 'content');
    const cut = await world.openssl.parse(der, '-strparse', offset, '-out', file, '-noout');
    // -strparse says that what it cut out is not ASN.1, which is right; it has written it.
    const content = await readFile(file);
    assert.ok(content.length > 0, cut.stderr);
    const signers = listed.trim().split('\n').at(-1) ?? '';
    assert.match(signers, /l=\s*0 cons:\s*SET/, 'signerInfos is empty (RFC 3183 section 3)');
    return content.toString('latin1');
  };

  test('gpgsm and NSS decrypt what was encrypted for the domain, octet for octet as OpenSSL does', async (t) => {
    await submit('for all three', ['bob@bravo.example']);
    const raw = await received('for all three', 'bob@bravo.example');
    const expected = (await world.openssl.decrypt(raw, world.dca)).stdout;
    assert.match(expected.toString('latin1'), /smime-type=signed-data/);
    await t.test('gpgsm', { skip: skipWithout('gpgsm', 'gpg-agent') }, async () => {
      await using gpgsm = await startGpgsm(world.ca.certificateFile);
      await gpgsm.importKey(world.dca);
      const result = await gpgsm.decrypt(cmsOf(raw));
      assert.equal(result.code, 0, result.stderr);
      assert.deepEqual(result.stdout, expected);
    });
    await t.test('NSS', { skip: skipWithout('libnss3-tools') }, async () => {
      await using nss = await startNss(world.ca.certificateFile);
      await nss.importKey(world.dca);
      const result = await nss.decrypt(cmsOf(raw));
      assert.equal(result.code, 0, result.stderr);
      assert.deepEqual(result.stdout, expected);
    });
  });

  test('the way to the partner is TLS, its name and chain checked (level secure)', async () => {
    await submit('over tls', ['bob@bravo.example']);
    await received('over tls', 'bob@bravo.example');
    const [event] = (await world.gateway.events('relayed')).slice(-1);
    assert.match(JSON.stringify(event?.facts['tls']), /TLSv1\.[23]/);
    assert.match(await world.partner.log(), /TLS connection established/);
  });

  test('the partner was found by SRV and LDAP (RFC 4386, RFC 2782), and its zone is DNSSEC signed', async () => {
    assert.match(await world.dns.dig('+dnssec', 'bravo.example', 'MX'), /flags: [a-z ]*\bad\b/);
    const [decided] = await world.gateway.events('decided');
    assert.match(String(decided?.facts['sentence']), /found by ldap-srv/);
  });

  test('compat: OpenSSL, gpgsm and NSS verify the clear-signed message plainly (RFC 8551 section 3.5.3)', async (t) => {
    await submit('compat', ['carol@compat.example']);
    const raw = await received('compat', 'carol@compat.example');
    assert.match(fieldOf(raw, 'content-type') ?? '', /^multipart\/signed;.*pkcs7-signature/i);
    const verified = await world.openssl.verify(raw, world.gateway.caFile);
    assert.equal(verified.code, 0, verified.stderr);
    assert.match(verified.stdout.toString('latin1'), /The last line\./);
    const { signature, content } = takeApart(raw);
    const submitted = messageOf('compat', ['carol@compat.example']);
    assert.equal(content, submitted.replace(CONTENT_TYPE, `${CONTENT_TYPE}; hp="clear"`));
    assert.equal(fieldOf(raw, 'subject'), 'compat');

    await t.test('gpgsm', { skip: skipWithout('gpgsm', 'gpg-agent') }, async () => {
      await using gpgsm = await startGpgsm(world.gateway.caFile);
      const good = await gpgsm.verifyDetached(signature, Buffer.from(content, 'latin1'));
      assert.equal(good.code, 0, good.stderr);
      assert.match(good.status, /GOODSIG/);
      const bad = await gpgsm.verifyDetached(signature, Buffer.from(`${content} `, 'latin1'));
      assert.notEqual(bad.code, 0);
      assert.doesNotMatch(bad.status, /GOODSIG/);
    });
    await t.test('NSS', { skip: skipWithout('libnss3-tools') }, async () => {
      await using nss = await startNss(world.gateway.caFile);
      const good = await nss.verifyDetached(signature, Buffer.from(content, 'latin1'));
      assert.equal(good.code, 0, good.stderr);
      assert.match(`${good.stdout}${good.stderr}`, /signer0\.status=GoodSignature/);
      const bad = await nss.verifyDetached(signature, Buffer.from(`${content} `, 'latin1'));
      assert.doesNotMatch(`${bad.stdout}${bad.stderr}`, /GoodSignature/);
    });
  });

  test('recipients of different partners get different messages, and a Bcc is in none of them', async () => {
    const to = ['bob@bravo.example', 'dora@charlie.example', 'carol@compat.example'];
    await submit('three ways', to, ['bob@bravo.example']);
    const messages = await Promise.all(to.map((one) => received('three ways', one)));
    const bodies = new Set(messages.map((one) => splitMessage(one).body.toString('latin1')));
    assert.equal(bodies.size, 3, 'each partner has its own message');
    const [bravo, charlie, compat] = messages;
    assert.ok(bravo && charlie && compat);
    for (const one of [bravo, charlie]) {
      const printed = await world.openssl.print(one);
      assert.equal(printed.match(/d\.ktri:|d\.kari:/g)?.length, 1, 'one RecipientInfo each');
    }
    assert.notEqual((await world.openssl.decrypt(charlie, world.dca)).code, 0);
    const inside = (await world.openssl.decrypt(bravo, world.dca)).stdout;
    const { stdout } = await world.openssl.verify(inside, world.gateway.caFile);
    const lines = stdout.toString('latin1').replace(/\r?\n/g, '\r\n');
    const innermost = Buffer.from(await unpack(cmsOf(Buffer.from(lines, 'latin1'))), 'latin1');
    assert.match(innermost.toString('latin1'), /The last line\./);
    for (const one of [bravo, inside, innermost, compat]) {
      const text = one
        .toString('latin1')
        .replace(/^(Received|X-Original-To|Delivered-To):.*(\r\n[ \t].*)*/gim, '');
      assert.doesNotMatch(text, /charlie\.example/, 'the Bcc recipient of another domain');
    }
  });

  test('RFC 1870: what would be too big for the next hop once protected comes back before any key is used', async () => {
    const uses = (await world.gateway.events('key-outcome')).length;
    const [from, to] = ['alice@acme.example', 'sam@small.example'];
    const line = `${'x'.repeat(70)}\r\n`;
    const data = textMessage({ from, to, text: line.repeat(600), messageId: 'big@acme.example' });
    assert.ok(data.length < 60_000, 'it would fit as it is');
    assert.equal((await sendMessage(world.inner, { from, to: [to], data })).code, 250);
    const [report] = await world.inner.waitForMessages((one) =>
      one.raw.includes('<big@acme.example>'),
    );
    assert.match(report?.raw.toString('latin1') ?? '', /Status: 5\.3\.4/);
    assert.equal((await world.gateway.events('key-outcome')).length, uses);
    assert.deepEqual(await world.small.messages(), []);
    const little = textMessage({ from, to, text: 'little', messageId: 'little@acme.example' });
    assert.equal((await sendMessage(world.inner, { from, to: [to], data: little })).code, 250);
    await world.small.waitForMessages((one) => one.raw.includes('<little@acme.example>'));
  });

  test('two recipients of one partner share one message and one signature', async () => {
    const before = (await world.gateway.events('key-outcome')).length;
    await submit('together', ['bob@bravo.example', 'ben@bravo.example']);
    const [one, two] = await Promise.all(
      ['bob@bravo.example', 'ben@bravo.example'].map((to) => received('together', to)),
    );
    assert.ok(one && two);
    assert.deepEqual(splitMessage(one).body, splitMessage(two).body);
    assert.equal((await world.gateway.events('key-outcome')).length, before + 1);
  });

  function takeApart(raw: Buffer): { readonly signature: Buffer; readonly content: string } {
    const boundary = /boundary="?([^";]+)"?/i.exec(fieldOf(raw, 'content-type') ?? '')?.[1] ?? '';
    const text = splitMessage(raw).body.toString('latin1');
    const parts = `\r\n${text}`.split(`\r\n--${boundary}`);
    const content = (parts[1] ?? '').replace(/^[ \t]*\r\n/, '');
    const signed = splitMessage(Buffer.from((parts[2] ?? '').replace(/^[ \t]*\r\n/, ''), 'latin1'));
    return { content, signature: Buffer.from(signed.body.toString('latin1'), 'base64') };
  }

  test('the log verifies offline after all that', async () => {
    const result = await sallyport('audit', 'verify', world.gateway.layout.audit);
    assert.equal(result.code, 0, result.stderr);
  });
});
