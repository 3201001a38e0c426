import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { encodeEssAttribute, listLayer, signMessage } from '@sallyport/domsec';
import { bufferContent, readContent } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS, readEntityBytes } from '@sallyport/mime';
import { startDns } from '../harness/dns.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, makeGateway, partnerRecord } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { type Identity, LIST_ATTRIBUTES, makeIdentity, signerOf } from '../harness/layer-maker.ts';
import { cmsOf, fieldOf, type Openssl, opensslIn } from '../harness/openssl.ts';
import { freePort } from '../harness/ports.ts';
import { type Postfix, startPostfix } from '../harness/postfix.ts';
import { runOk } from '../harness/process.ts';
import { sendMessage } from '../harness/smtp-client.ts';

const ALICE = 'alice@acme.example';
const BODY = 'The original content.\r\n.\r\nFrom the start of a line\r\n';
const skip = skipWithout('postfix', 'nsd', 'unbound', 'bind9-dnsutils', 'openssl');

describe('RFC 3183 5: mail lists and reviews through a running gateway', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let folder = '';
  let openssl: Openssl;
  let gateway: Gateway;
  let partner: Postfix;
  let root: Identity;
  let alice: Identity;
  let list: Identity;
  let reviewer: Identity;
  let dca: Identity;
  let dcaPlain: Identity;
  let sent = 0;

  before(async () => {
    folder = stack.use(await temporaryFolder('lists-gateway')).path;
    openssl = opensslIn(folder);
    root = await makeIdentity(folder, 'Root');
    const at = (cn: string, domain = 'acme.example') =>
      makeIdentity(folder, cn, { issuer: root, email: `${cn}@${domain}` });
    [alice, list, reviewer] = [await at('alice'), await at('list'), await at('review-authority')];
    dca = await at('domain-confidentiality-authority', 'bravo.example');
    dcaPlain = await at('domain-confidentiality-authority', 'plain.example');
    partner = stack.use(
      await startPostfix({
        role: 'partner',
        name: 'mx.bravo.example',
        domains: ['bravo.example', 'charlie.example', 'plain.example'],
      }),
    );
    const records = ['@ IN MX 10 mx', 'mx IN A 127.0.0.1'];
    const names = ['bravo.example', 'charlie.example', 'plain.example'];
    const dns = stack.use(await startDns(names.map((name) => ({ name, records }))));
    gateway = stack.use(
      await makeGateway({
        domain: 'acme.example',
        innerPort: await freePort(),
        dnsPort: dns.port,
        egressPort: partner.port,
      }),
    );
    const anchor = root.issued.pem;
    const record = (name: string, outbound: object) =>
      partnerRecord(
        { name, domain: `${name}.example`, anchor },
        {
          outbound: { discovery: ['pinned'], ...outbound },
          trust: { pinned: [dca.issued.pem, dcaPlain.issued.pem] },
          tls: { level: 'may', match: [] },
        },
      );
    await gateway.setPolicy({
      partners: [
        record('bravo', {}),
        record('plain', { encrypt: 'none' }),
        record('delta', { encrypt: 'none' }),
        record('charlie', { encrypt: 'none', review: 'required' }),
      ],
      default: { trust: { anchors: [anchor] } },
    });
    await gateway.start();
  });
  after(() => stack.disposeAsync());

  const save = async (name: string, bytes: Buffer | string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, bytes);
    return file;
  };

  const withCrlf = (bytes: Buffer): Buffer =>
    Buffer.from(bytes.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1');

  /** What Alice clear-signed, by OpenSSL alone. */
  async function signedByAlice(): Promise<Buffer> {
    const content = await save('content', `Content-Type: text/plain\r\n\r\n${BODY}`);
    const { certificateFile, keyFile } = alice.issued;
    const signer = ['-signer', certificateFile, '-inkey', keyFile, '-md', 'sha256', '-crlfeol'];
    const made = await runOk('openssl', ['cms', '-sign', '-in', content, '-binary', ...signer]);
    return withCrlf(made);
  }

  /** Encrypted for the gateway's own DCA (DS-E3), by OpenSSL alone. */
  async function encryptedForUs(entity: Buffer): Promise<Buffer> {
    const input = await save('plain', entity);
    const how = ['-binary', '-aes256', '-crlfeol', gateway.dcaFile];
    const made = await runOk('openssl', ['cms', '-encrypt', '-in', input, ...how]);
    return withCrlf(made);
  }

  async function submit(entity: Buffer, to: string): Promise<string> {
    sent += 1;
    const id = `<list.${sent}@acme.example>`;
    const header = [
      `From: Alice <${ALICE}>`,
      `To: ${to}`,
      'Subject: to the list',
      'Date: Sat, 21 Nov 2026 05:00:00 +0000',
      `Message-ID: ${id}`,
    ];
    const fields = Buffer.from(`${header.join('\r\n')}\r\n`);
    const data = Buffer.concat([fields, entity]);
    const reply = await sendMessage(gateway.relay, { from: ALICE, to: [to], data });
    assert.equal(reply.code, 250, reply.text);
    return id;
  }

  async function received(id: string): Promise<Buffer> {
    const [found] = await partner
      .waitForMessages((one) => fieldOf(one.raw, 'message-id') === id)
      .catch(async (cause: unknown) => {
        const events = (await gateway.events()).slice(-12).map((one) => one.leaf);
        throw new Error(`${events.join('\n')}\n${gateway.output().slice(-3_000)}`, { cause });
      });
    assert.ok(found);
    return withCrlf(found.raw);
  }

  async function opened(bytes: Buffer, who: Identity): Promise<Buffer> {
    const result = await openssl.decrypt(bytes, who.issued);
    assert.equal(result.code, 0, String(result.stderr));
    return withCrlf(Buffer.from(result.stdout));
  }

  async function verified(bytes: Buffer, caFile: string): Promise<Buffer> {
    const result = await openssl.verify(bytes, caFile);
    assert.equal(result.code, 0, String(result.stderr));
    return withCrlf(Buffer.from(result.stdout));
  }

  test('example 3: what a user encrypted for the domain is opened, signed by the domain and encrypted anew', async () => {
    const inner = await signedByAlice();
    const id = await submit(await encryptedForUs(inner), 'bob@bravo.example');
    const raw = await received(id);
    assert.match(String((await openssl.parse(cmsOf(raw))).stdout), /domain-confidentiality/);
    const domain = await opened(raw, dca);
    assert.match(await openssl.print(domain), /1\.2\.840\.113549\.1\.9\.16\.9\.2/);
    const inside = await verified(domain, gateway.caFile);
    const boundary = /boundary="?([^"\r\n]+)/.exec(inner.toString('latin1'))?.[1] ?? '';
    const parts = (bytes: Buffer): string =>
      bytes.toString('latin1').split(`\r\n--${boundary}`).slice(1, 3).join();
    assert.equal(parts(inside), parts(inner), 'what Alice signed is byte for byte what she sent');
    const content = await verified(inside, root.issued.certificateFile);
    assert.ok(content.toString('latin1').endsWith(BODY));
  });

  test('example 4: the attributes of a list come out of the real keyholder as they went in', async () => {
    const encrypted = await encryptedForUs(await signedByAlice());
    const listed = await listLayer(bufferContent(encrypted), signerOf(list), LIST_ATTRIBUTES);
    const entity = await readContent(listed);
    for (const to of ['bob@bravo.example', 'paul@plain.example']) {
      const raw = await received(await submit(entity, to));
      const outer = cmsOf(raw);
      for (const { value } of LIST_ATTRIBUTES.map(encodeEssAttribute)) {
        assert.ok(outer.includes(value), to);
      }
      const inside = await verified(raw, gateway.caFile);
      const domain = to.startsWith('bob') ? await opened(inside, dca) : inside;
      assert.match(await openssl.print(domain), /1\.2\.840\.113549\.1\.9\.16\.9\.2/);
      const signed = await verified(domain, gateway.caFile);
      assert.ok((await verified(signed, root.issued.certificateFile)).includes('original content'));
    }
  });

  test('example 7: encryption inside of encryption does not leave a partner that is not encrypted to in clear', async () => {
    const deep = await encryptedForUs(await signedByAlice());
    const entity = await encryptedForUs(deep);
    const raw = await received(await submit(entity, 'paul@plain.example'));
    const inside = await verified(await opened(raw, dcaPlain), gateway.caFile);
    // Encryption is not signed, so the empty layer stands around it (RFC 3183 section 3).
    assert.ok(cmsOf(inside).includes('smime-type=enveloped-data'));
    // Nobody's certificate fits this one, so it does not leave at all.
    await submit(entity, 'dora@delta.example');
    await gateway.waitForEntry(
      (entry) => String(entry['fault']).startsWith('recipient-certificate-'),
      'what must be encrypted and cannot be is held',
    );
  });

  test('RFC 3183 2.2, 3.4 (DS-V9): only what was reviewed is released where the rule says so', async () => {
    const plain = Buffer.from(`Content-Type: text/plain\r\n\r\n${BODY}`);
    await submit(plain, 'carol@charlie.example');
    const held = await gateway.waitForEntry(
      (entry) => entry['fault'] === 'review-required',
      'mail without review is held',
    );
    assert.ok(held.id);
    const read = readEntityBytes(plain, DEFAULT_MIME_LIMITS);
    assert.ok(read.kind === 'entity');
    const review = await signMessage(read.value, signerOf(reviewer), {
      types: ['review'],
      profile: 'domsec',
      protectHeaders: false,
      limits: DEFAULT_MIME_LIMITS,
    });
    const raw = await received(await submit(await readContent(review), 'carol@charlie.example'));
    assert.match(await openssl.print(raw), /1\.2\.840\.113549\.1\.9\.16\.9\.2/);
    const reviewed = await verified(raw, gateway.caFile);
    assert.match(await openssl.print(reviewed), /1\.2\.840\.113549\.1\.9\.16\.9\.4/);
    await verified(reviewed, root.issued.certificateFile);
  });

  test('a list layer that nobody here trusts is not processed, and nothing is signed over it', async () => {
    const stranger = await makeIdentity(folder, 'stranger', {
      issuer: await makeIdentity(folder, 'Other Root'),
      email: 'stranger@evil.example',
    });
    const encrypted = bufferContent(await encryptedForUs(await signedByAlice()));
    const entity = await readContent(
      await listLayer(encrypted, signerOf(stranger), LIST_ATTRIBUTES),
    );
    await submit(entity, 'bob@bravo.example');
    await gateway.waitForEntry(
      (entry) => entry['fault'] === 'inner-signature-invalid',
      'what cannot be verified is held',
    );
  });
});
