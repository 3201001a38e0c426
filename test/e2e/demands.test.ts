import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Issued, makeCa, type TestCa } from '../harness/ca.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, startGateway } from '../harness/gateway.ts';
import { textMessage } from '../harness/messages.ts';
import { freePort } from '../harness/ports.ts';
import { runOk } from '../harness/process.ts';
import { politeScript, startScriptedServer } from '../harness/scripted-server.ts';
import { type ClientTls, type Reply, sendMessage } from '../harness/smtp-client.ts';

const NO_TLS = '530 5.7.0 must issue a STARTTLS command first';
const NO_CERTIFICATE = '550 5.7.0 client certificate required or not accepted';
const TAKEN = /^250 2\.0\.0 queued/;
const BOB = 'bob@acme.example';

interface World {
  readonly gateway: Gateway;
  readonly own: TestCa;
  readonly common: TestCa;
  /** What clients show, by name. */
  readonly shown: Readonly<Record<string, Issued>>;
}

async function caIn(folder: string, name: string): Promise<TestCa> {
  const at = join(folder, name);
  await mkdir(at);
  return await makeCa(at, name);
}

function clientOf(ca: TestCa, name: string, options: object = {}): Promise<Issued> {
  const extensions = [`subjectAltName=DNS:${name}`, 'extendedKeyUsage=clientAuth'];
  const file = Math.random().toString(36).slice(2);
  return ca.issue({ name: file, commonName: name, key: 'ec', extensions, ...options });
}

/** A client of a CA that is itself certified by `ca`; its PEM text has both certificates. */
async function clientBelow(ca: TestCa, folder: string, name: string): Promise<Issued> {
  const at = (file: string): string => join(folder, file);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const issue = async (
    of: { readonly file: string; readonly subject: string; readonly extensions: string },
    issuer: readonly [certificate: string, key: string],
  ): Promise<void> => {
    const { file, subject } = of;
    const [csr, out] = [at(`${file}.csr`), at(`${file}.pem`)];
    await writeFile(at(`${file}.ext`), of.extensions);
    const request = ['-subj', `/CN=${subject}`, '-keyout', at(`${file}.key`), '-out', csr];
    await runOk('openssl', ['req', '-new', ...key, ...request]);
    const by = ['-CA', issuer[0], '-CAkey', issuer[1], '-CAcreateserial', '-days', '30'];
    const more = ['-extfile', at(`${file}.ext`), '-out', out];
    await runOk('openssl', ['x509', '-req', '-in', csr, ...by, ...more]);
  };
  const isCa = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n';
  const isClient = `subjectAltName=DNS:${name}\nextendedKeyUsage=clientAuth\n`;
  const top = [ca.certificateFile, ca.keyFile] as const;
  await issue({ file: 'middle', subject: 'Middle CA', extensions: isCa }, top);
  const middle = [at('middle.pem'), at('middle.key')] as const;
  await issue({ file: 'below', subject: name, extensions: isClient }, middle);
  const [leaf, above] = [readFileSync(at('below.pem'), 'utf8'), readFileSync(middle[0], 'utf8')];
  const files = { certificateFile: at('below.pem'), keyFile: at('below.key') };
  return { ...files, pem: `${leaf}${above}`, der: Buffer.alloc(0) };
}

async function makeWorld(stack: AsyncDisposableStack): Promise<World> {
  const { path } = stack.use(await temporaryFolder('demands'));
  const own = await caIn(path, 'own');
  const common = await caIn(path, 'common');
  const other = await caIn(path, 'other');
  const expired = { notBefore: '200101000000Z', notAfter: '210101000000Z' };
  const server = ['subjectAltName=DNS:gw.own.example', 'extendedKeyUsage=serverAuth'];
  const below = await clientBelow(own, path, 'gw.own.example');
  const shown = {
    right: await clientOf(own, 'gw.own.example'),
    'below a CA that it sends': below,
    'below a CA that it keeps': { ...below, pem: readFileSync(below.certificateFile, 'utf8') },
    'another name': await clientOf(own, 'gw.other.example'),
    expired: await clientOf(own, 'gw.own.example', expired),
    'another CA': await clientOf(other, 'gw.own.example'),
    "the gateway's CA": await clientOf(common, 'gw.own.example'),
    'not for clients': await clientOf(own, 'gw.own.example', { extensions: server }),
    common: await clientOf(common, 'gw.common.example'),
    'common name of own CA': await clientOf(own, 'gw.common.example'),
    'expired common': await clientOf(common, 'gw.common.example', expired),
  };
  const inner = stack.use(await startScriptedServer(politeScript()));
  const free = { signature: 'when-present', encryption: 'when-present', otherwise: 'flag' };
  const record = (name: string, inbound: object) => ({
    name,
    domains: [`${name}.example`, `*.${name}.example`],
    inbound: { ...free, ...inbound },
    outbound: { sign: 'none', encrypt: 'none' },
  });
  const ownClient = { clientName: 'gw.own.example', clientAnchors: [own.pem] };
  const gateway = stack.use(
    await startGateway(
      {
        domain: 'acme.example',
        innerPort: inner.port,
        dnsPort: await freePort(),
        egressPort: await freePort(),
        ingress: { clientAnchorsFile: common.certificateFile },
      },
      {
        partners: [
          record('tls', { tls: { level: 'encrypt' } }),
          record('own', { tls: ownClient }),
          record('common', { tls: { clientName: 'gw.common.example' } }),
          record('signed', { signature: 'domain-required', otherwise: 'refuse' }),
          record('sealed', { encryption: 'required', otherwise: 'refuse' }),
        ],
      },
    ),
  );
  return { gateway, own, common, shown };
}

describe('what a partner demands of the gateway that sends in its name', () => {
  const stack = new AsyncDisposableStack();
  let world: World;

  before(async () => {
    world = await makeWorld(stack);
  });
  after(() => stack.disposeAsync());

  const tlsWith = (name: string | null): ClientTls => {
    if (name === null) return world.gateway.tls;
    const issued = world.shown[name];
    assert.ok(issued !== undefined, name);
    return { ...world.gateway.tls, cert: issued.pem, key: readFileSync(issued.keyFile, 'utf8') };
  };
  /** `shown`: undefined is clear text, null is TLS without a certificate. */
  const send = async (of: {
    readonly mailFrom: string;
    readonly from?: string;
    readonly shown?: string | null;
    readonly header?: string;
  }): Promise<Reply> => {
    const from = of.from ?? of.mailFrom;
    const data = textMessage({ from, to: BOB, text: 'hello' });
    const header = Buffer.from(of.header ?? '');
    const message = { from: of.mailFrom, to: [BOB], data: Buffer.concat([header, data]) };
    const tls = of.shown === undefined ? undefined : tlsWith(of.shown);
    return await sendMessage(world.gateway.partner, message, tls);
  };
  const refusals = async () => (await world.gateway.events('refused')).map(({ facts }) => facts);

  test('TR-6: TLS that a record demands: in clear MAIL is 530, under TLS it is taken', async () => {
    assert.equal((await send({ mailFrom: 'a@tls.example' })).text, NO_TLS);
    assert.equal((await send({ mailFrom: 'a@mx.tls.example' })).text, NO_TLS, 'wildcard');
    assert.match((await send({ mailFrom: 'a@tls.example', shown: null })).text, TAKEN);
    const [first] = (await refusals()).filter(({ fault }) => fault === 'starttls-required');
    assert.equal(first?.['stage'], 'mail');
    const sentence = 'Refused under partner:tls: it came without TLS and the rule demands it.';
    assert.equal(first?.['sentence'], sentence);
  });

  test('TR-6: a certificate under the anchors of the record: every wrong one is 550 at MAIL', async () => {
    const mailFrom = 'a@own.example';
    assert.equal((await send({ mailFrom })).text, NO_TLS);
    for (const shown of [
      null,
      'another name',
      'expired',
      'another CA',
      "the gateway's CA",
      'not for clients',
      'below a CA that it keeps',
    ]) {
      assert.equal((await send({ mailFrom, shown })).text, NO_CERTIFICATE, String(shown));
    }
    for (const shown of ['right', 'below a CA that it sends']) {
      assert.match((await send({ mailFrom, shown })).text, TAKEN, shown);
    }
  });

  test("TR-6: a certificate under the gateway's anchors, where the record names none", async () => {
    const mailFrom = 'a@common.example';
    for (const shown of [null, 'common name of own CA', 'expired common', "the gateway's CA"]) {
      assert.equal((await send({ mailFrom, shown })).text, NO_CERTIFICATE, String(shown));
    }
    assert.match((await send({ mailFrom, shown: 'common' })).text, TAKEN);
  });

  test("MAIL FROM of a stranger with a partner's From is judged by the partner's rule", async () => {
    const mailFrom = 'eve@stranger.example';
    assert.match((await send({ mailFrom })).text, TAKEN);
    assert.equal((await send({ mailFrom, from: 'a@tls.example' })).text, NO_TLS);
    assert.match((await send({ mailFrom, from: 'a@tls.example', shown: null })).text, TAKEN);
    assert.equal((await send({ mailFrom, from: 'a@own.example' })).text, NO_TLS);
    for (const shown of [null, 'another CA']) {
      const reply = await send({ mailFrom, from: 'a@own.example', shown });
      assert.equal(reply.text, NO_CERTIFICATE);
    }
    assert.match((await send({ mailFrom, from: 'a@own.example', shown: 'right' })).text, TAKEN);
    assert.match((await send({ mailFrom, from: 'a@signed.example' })).text, /^550 5\.7\.1 /);
    assert.match((await send({ mailFrom, from: 'a@sealed.example' })).text, /^550 5\.7\.10 /);
    const judged = (await refusals()).filter(({ stage }) => stage === 'judge');
    // The record of the last one may still be on its way.
    assert.ok(judged.length >= 5, `${judged.length}`);
  });

  test('design section 5: a second From mailbox and Sender bring in their records too', async () => {
    const mailFrom = 'eve@stranger.example';
    const from = 'eve@stranger.example, a@tls.example';
    const header = 'Sender: eve@stranger.example\r\n';
    assert.equal((await send({ mailFrom, from, header })).text, NO_TLS);
    const sender = 'Sender: a@own.example\r\n';
    assert.equal((await send({ mailFrom, header: sender, shown: null })).text, NO_CERTIFICATE);
    assert.match((await send({ mailFrom, header: sender, shown: 'right' })).text, TAKEN);
  });

  test('design section 5: the null reverse-path is judged by From, and a report by what it is about', async () => {
    assert.equal((await send({ mailFrom: '', from: 'a@tls.example' })).text, NO_TLS);
    const bare = await send({ mailFrom: '', from: 'postmaster@signed.example', shown: null });
    assert.match(bare.text, /^550 5\.7\.1 /);
    assert.match((await send({ mailFrom: '', from: 'x@stranger.example' })).text, TAKEN);
  });

  test('design section 5: a report passes without the signature only if it is about mail of ours', async () => {
    const messageId = `${Math.random().toString(36).slice(2)}@acme.example`;
    const to = 'nobody@signed.example';
    const data = textMessage({ from: BOB, to, messageId, text: 'out' });
    const sent = await sendMessage(world.gateway.relay, { from: BOB, to: [to], data });
    assert.match(sent.text, TAKEN);
    await world.gateway.waitForEvent(({ kind }) => kind === 'protected');
    const report = (about: string): string =>
      [
        'From: postmaster@signed.example',
        `To: ${BOB}`,
        'Subject: Undelivered',
        `Message-ID: <${Math.random()}@signed.example>`,
        'MIME-Version: 1.0',
        'Content-Type: multipart/report; report-type=delivery-status; boundary=b',
        '',
        '--b',
        'Content-Type: message/delivery-status',
        '',
        'Reporting-MTA: dns; mx.signed.example',
        '',
        `Final-Recipient: rfc822; ${to}`,
        'Action: failed',
        'Status: 5.1.1',
        '',
        '--b',
        'Content-Type: text/rfc822-headers',
        '',
        `Message-ID: <${about}>`,
        '',
        '--b--',
        '',
      ].join('\r\n');
    const about = async (id: string): Promise<Reply> =>
      await sendMessage(world.gateway.partner, { from: '', to: [BOB], data: report(id) });
    assert.match((await about('of-nobody@acme.example')).text, /^550 5\.7\.1 /);
    assert.match((await about(messageId)).text, TAKEN);
  });

  test('the union: two records that demand different certificates cannot both be met by one', async () => {
    const of = { mailFrom: 'a@own.example', from: 'a@common.example' };
    for (const shown of ['right', 'common']) {
      assert.equal((await send({ ...of, shown })).text, NO_CERTIFICATE, shown);
    }
  });
});
