import assert from 'node:assert/strict';
import { constants, privateDecrypt } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  assembleMessage,
  closeLayers,
  domainEncrypt,
  domainSign,
  encapsulatedState,
  encodeEssAttribute,
  judgeLayers,
  listLayer,
  MESSAGE_LIMITS,
  type OpenedMessage,
  openLayers,
  originatorOf,
  outerHeader,
  planListHandling,
  plannedMessage,
  signMessage,
  type UnwrapRequest,
  type Verdict,
} from '@sallyport/domsec';
import { bufferContent, type Content, parseMailbox, readContent } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS, type Entity, readEntityBytes } from '@sallyport/mime';
import { validatePath } from '@sallyport/pki';
import { validated } from '../harness/certificates.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { type Identity, LIST_ATTRIBUTES, makeIdentity, signerOf } from '../harness/layer-maker.ts';
import { cmsOf, type Openssl, opensslIn, splitMessage } from '../harness/openssl.ts';

const TIME = new Date();
const DCA = 'domain-confidentiality-authority';
const DSA = 'domain-signing-authority';

/** Section 5.1: the message as it comes, and as it goes with and without encryption outward. */
const EXAMPLES = [
  { number: 1, input: 'S1', withPolicy: 'E D S1', without: 'D S1' },
  { number: 2, input: 'S3 S2 S1', withPolicy: 'E D S3 S2 S1', without: 'D S3 S2 S1' },
  { number: 3, input: 'E1 S1', withPolicy: 'E D S1', without: 'D S1' },
  { number: 4, input: 'M2 E1 S1', withPolicy: 'L E D S1', without: 'L D S1' },
  { number: 5, input: 'S3 S2 E1 S1', withPolicy: 'E D S1', without: 'D S1' },
  { number: 6, input: 'M3 S2 E1 S1', withPolicy: 'L E D S1', without: 'L D S1' },
  { number: 7, input: 'S3 E2 S2 E1 S1', withPolicy: 'E D S2 E1 S1', without: 'E D S2 E1 S1' },
] as const;

const MESSAGE = Buffer.from(
  [
    'From: Alice <alice@acme.example>',
    'To: bob@bravo.example',
    'Subject: To the list',
    'Date: Mon, 1 Jun 2026 00:00:00 +0000',
    'Message-ID: <1@acme.example>',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'The original content.',
    '.',
    'From the start of a line',
    '',
  ].join('\r\n'),
);

function entity(bytes: Buffer): Entity {
  const read = readEntityBytes(bytes, DEFAULT_MIME_LIMITS);
  assert.ok(read.kind === 'entity');
  return read.value;
}

describe('RFC 3183 5: the domain signature where mail lists are', {
  skip: skipWithout('openssl'),
}, () => {
  const stack = new AsyncDisposableStack();
  let folder = '';
  let openssl: Openssl;
  let root: Identity;
  let dsa: Identity;
  let dsaEc: Identity;
  let alice: Identity;
  let list: Identity;
  let dca: Identity;
  let partner: Identity;

  before(async () => {
    folder = stack.use(await temporaryFolder('lists')).path;
    openssl = opensslIn(folder);
    root = await makeIdentity(folder, 'Root');
    const at = (cn: string, domain: string, kind: 'ec' | 'rsa' = 'rsa') =>
      makeIdentity(folder, cn, { issuer: root, kind, email: `${cn}@${domain}` });
    dsa = await at(DSA, 'acme.example');
    dsaEc = await at(DSA, 'acme.example', 'ec');
    alice = await at('alice', 'acme.example');
    list = await at('list', 'acme.example');
    dca = await at(DCA, 'acme.example');
    partner = await at(DCA, 'bravo.example');
  });
  after(async () => await stack.disposeAsync());

  /** Layers from the outside, as in the table: S signed, M signed by a list, E for our DCA. */
  async function build(layers: string): Promise<Buffer> {
    const body = await readContent(entity(MESSAGE).body);
    const bare = [Buffer.from('Content-Type: text/plain\r\n\r\n'), body];
    let inner: Content = bufferContent(Buffer.concat(bare));
    for (const layer of layers.split(' ').reverse()) {
      if (layer.startsWith('E')) {
        const options = { content: 'aes256-cbc', keyTransport: 'rsa-pkcs1v15' } as const;
        inner = await domainEncrypt(
          inner,
          validated(dca.certificate, root.certificate, TIME),
          options,
        );
      } else if (layer.startsWith('M')) {
        inner = await listLayer(inner, signerOf(list), LIST_ATTRIBUTES);
      } else {
        const profile = layer === 'S1' ? 'compat' : 'domsec';
        inner = await signMessage(entity(await readContent(inner)), signerOf(alice), {
          profile,
          types: [],
          protectHeaders: true,
          limits: DEFAULT_MIME_LIMITS,
        });
      }
      inner = bufferContent(await readContent(inner));
    }
    return await readContent(assembleMessage(outerHeader(entity(MESSAGE)), inner));
  }

  async function open(bytes: Buffer): Promise<OpenedMessage> {
    const owners = { dca, partner };
    const read = await openLayers(bufferContent(bytes), {
      ownRecipients: Object.entries(owners).map(([keyId, { certificate }]) => ({
        keyId,
        certificate,
      })),
      unwrapper: {
        unwrap: ({ keyId, recipient }: UnwrapRequest) => {
          assert.ok(recipient.kind === 'ktri' && (keyId === 'dca' || keyId === 'partner'));
          const padding = constants.RSA_PKCS1_PADDING;
          const key = owners[keyId].key;
          return Promise.resolve(privateDecrypt({ key, padding }, recipient.encryptedKey));
        },
      },
      mayOpen: () => Promise.resolve(true),
      knownCertificates: [],
      limits: MESSAGE_LIMITS,
    });
    assert.ok(read.kind === 'opened');
    return read.message;
  }

  function judge(message: OpenedMessage): Verdict {
    const author = parseMailbox('alice@acme.example');
    assert.ok(author !== null);
    return judgeLayers(message, {
      originators: [author],
      validate: (leaf, others) => {
        const anchors = [root.certificate];
        const purpose = 'email-sign' as const;
        const found = validatePath({ leaf, intermediates: others, anchors, time: TIME, purpose });
        return found.kind === 'valid' ? found : { kind: 'invalid', reason: found.reason };
      },
      naming: {},
    });
  }

  /** What the gateway does with it. */
  async function send(bytes: Buffer, policy: 'encrypt' | 'sign-only'): Promise<Buffer> {
    const message = await open(bytes);
    const { layers } = judge(message);
    assert.equal(encapsulatedState(layers), 'valid');
    const plan = planListHandling(message, layers);
    assert.ok(plan.kind !== 'refused', plan.kind === 'refused' ? plan.reason : '');
    const signers = [signerOf(dsa), signerOf(dsaEc)] as const;
    const signed = await domainSign(plannedMessage(message.root, plan), signers, {
      profile: 'domsec',
      protectHeaders: true,
      limits: DEFAULT_MIME_LIMITS,
    });
    const isEncrypted = policy === 'encrypt' || (plan.kind === 'rebuild' && plan.mustEncrypt);
    const originator = originatorOf(plan, { mode: 'lists', certificates: [dca.certificate.der] });
    const encryption = isEncrypted
      ? {
          to: validated(partner.certificate, root.certificate, TIME),
          content: 'aes256-cbc' as const,
          keyTransport: 'rsa-pkcs1v15' as const,
          originator,
        }
      : null;
    const closed = await closeLayers(signed, plan, { encryption, signers });
    return await readContent(assembleMessage(outerHeader(message.root), closed));
  }

  /** The layers as our own reader finds them: D domain-signed, L signed with a list's attributes. */
  function structure(message: OpenedMessage, verdict: Verdict): string {
    const words = message.layers.map((layer, index) => {
      const report = verdict.layers[index];
      if (layer.kind === 'encrypted') return layer.keyId === 'partner' ? 'E' : 'E1';
      assert.ok(layer.kind === 'signed' && report?.kind === 'signed');
      assert.equal(report.state, 'valid');
      if (report.role === 'domain') return 'D';
      const [signer] = layer.signers;
      const signedByUs = signer?.certificate?.commonNames[0] === DSA;
      return signedByUs && signer.ess.mlExpansionHistory !== null ? 'L' : 'S';
    });
    return words.join(' ');
  }

  /** The same by the OpenSSL command line alone, from the outside to the layer of Alice. */
  async function opensslStructure(bytes: Buffer): Promise<string[]> {
    const words: string[] = [];
    let current = bytes;
    for (let depth = 0; depth < 8; depth += 1) {
      const { header } = splitMessage(current);
      if (/smime-type="?enveloped-data/i.test(header)) {
        const isInside = words.includes('D');
        const opened = await openssl.decrypt(current, (isInside ? dca : partner).issued);
        assert.equal(opened.code, 0, String(opened.stderr));
        words.push(isInside ? 'E1' : 'E');
        current = Buffer.from(opened.stdout);
      } else if (/smime-type="?signed-data|multipart\/signed/i.test(header)) {
        const verified = await openssl.verify(current, root.issued.certificateFile);
        assert.equal(verified.code, 0, String(verified.stderr));
        const printed = await openssl.print(current);
        const isDomain = printed.includes('1.2.840.113549.1.9.16.9.2');
        const isList = printed.includes('id-smime-aa-mlExpandHistory');
        words.push(isDomain ? 'D' : isList ? 'L' : 'S');
        current = Buffer.from(verified.stdout);
      } else break;
    }
    assert.match(current.toString('latin1'), /The original content\.\r?\n\.\r?\nFrom the start/);
    return words;
  }

  const plain = (expected: string): string => expected.replaceAll(/S\d/g, 'S');

  for (const { number, input, withPolicy, without } of EXAMPLES) {
    for (const [policy, expected] of [
      ['encrypt', withPolicy],
      ['sign-only', without],
    ] as const) {
      test(`RFC 3183 5.1 example ${number}: ${input} becomes ${expected} (${policy})`, async () => {
        const bytes = await build(input);
        const sent = await send(bytes, policy);
        const message = await open(sent);
        const verdict = judge(message);
        assert.equal(structure(message, verdict), plain(expected));
        assert.equal(verdict.signature, 'valid');
        assert.equal(verdict.signatureType, 'domain');
        assert.deepEqual(await opensslStructure(sent), plain(expected).split(' '));
        await checkOriginatorSignature(bytes, sent);
        checkDomainSigners(message, verdict);
        checkList(input, message);
      });
    }
  }

  /** What the originator signed is in it, byte for byte, clear-signed as it came (A.12). */
  async function checkOriginatorSignature(came: Buffer, sent: Buffer): Promise<void> {
    const [cameLayer, sentLayer] = [
      (await open(came)).layers.at(-1),
      (await open(sent)).layers.at(-1),
    ];
    assert.ok(cameLayer?.kind === 'signed' && sentLayer?.kind === 'signed');
    assert.deepEqual(
      await readContent(sentLayer.inside.content),
      await readContent(cameLayer.inside.content),
    );
    assert.deepEqual(
      await readContent(sentLayer.outside.body),
      await readContent(cameLayer.outside.body),
    );
  }

  /** DS-G5: both keys signed, and say the same. */
  function checkDomainSigners(message: OpenedMessage, verdict: Verdict): void {
    const index = verdict.layers.findIndex((one) => one.kind === 'signed' && one.role === 'domain');
    const layer = message.layers[index];
    assert.ok(layer?.kind === 'signed');
    assert.deepEqual(
      layer.signers.map(({ types }) => types),
      [['domain'], ['domain']],
    );
    assert.equal(new Set(layer.signers.map((one) => one.signatureAlgorithm)).size, 2);
  }

  /** The remembered attributes stand in the new outer layer as they stood in the list's. */
  function checkList(input: string, message: OpenedMessage): void {
    const [outer] = message.layers;
    if (!input.startsWith('M')) return;
    assert.ok(outer?.kind === 'signed');
    for (const signer of outer.signers) {
      assert.equal(signer.types, null);
      for (const { oid, value } of LIST_ATTRIBUTES.map(encodeEssAttribute)) {
        assert.deepEqual(signer.attributes.get(oid), [value]);
      }
    }
  }

  test('RFC 3183 5 (DS-E6): originatorInfo names our DCA in list handling, and else nobody', async () => {
    const relisted = await send(await build('E1 S1'), 'encrypt');
    const printed = await openssl.print(relisted);
    assert.doesNotMatch(printed, /originatorInfo:\s*<ABSENT>/);
    const parsed = await openssl.parse(cmsOf(relisted));
    assert.match(String(parsed.stdout), /domain-confidentiality-authority/);
    const direct = await openssl.print(await send(await build('S1'), 'encrypt'));
    assert.match(direct, /originatorInfo:\s*<ABSENT>/);
  });
});
