/** What a gateway announces of itself is what it can read: each word of it is tried. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import {
  authEnvelopedData,
  CONTENT_ALGORITHMS,
  type ContentName,
  envelopedData,
  type OwnCapability,
  readCapabilities,
} from '@sallyport/cms';
import { MESSAGE_LIMITS, openLayers } from '@sallyport/domsec';
import { bufferContent, type Content, type Domain, readContent } from '@sallyport/mail';
import { pkcs7MimeEntity } from '@sallyport/mime';
import { type Certificate, generateKeyPairPem, issueCertificate, makeRoot } from '@sallyport/pki';
import { certificateOf } from '@sallyport/test/certificates';
import { offlineKeyring } from '../message/unwrapper.ts';
import { ownCapabilities } from './own-capabilities.ts';
import { fixedAttributes } from './signed-attributes.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const ca = generateKeyPairPem('ec-p256');
const period = { notBefore: NOW, days: 30 };
const rootDer = makeRoot({
  ...period,
  privateKey: ca.privateKeyPem,
  commonName: 'CA',
  domains: ['acme.example' as Domain],
});

interface Own {
  readonly certificate: Certificate;
  readonly privateKey: KeyObject;
}

const root = certificateOf(rootDer);

function own({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }): Own {
  const bytes = issueCertificate({
    ...period,
    subject: { cn: 'domain-confidentiality-authority' },
    emails: ['domain-confidentiality-authority@acme.example'],
    spki: publicKey.export({ format: 'der', type: 'spki' }),
    issuer: { certificate: root, privateKey: ca.privateKeyPem },
  });
  return { certificate: certificateOf(bytes), privateKey };
}

const OWN: Readonly<Record<string, Own>> = {
  'RSA 2048': own(generateKeyPairSync('rsa', { modulusLength: 2048 })),
  'P-256': own(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  'P-384': own(generateKeyPairSync('ec', { namedCurve: 'P-384' })),
  'P-521': own(generateKeyPairSync('ec', { namedCurve: 'P-521' })),
  X25519: own(generateKeyPairSync('x25519')),
  'ML-KEM-768': own(generateKeyPairSync('ml-kem-768')),
};

function contentOf(capabilities: readonly OwnCapability[]): readonly ContentName[] {
  return capabilities.flatMap((one) => (one.kind === 'content' ? [one.name] : []));
}

/** Encrypts with our writer in the announced way; only the content key's length is chosen by it. */
async function encrypted(
  certificate: Certificate,
  content: ContentName,
  keyTransport: 'rsa-pkcs1v15' | 'rsa-oaep' | 'ecdh' | 'ml-kem',
): Promise<Content> {
  const inside = bufferContent(Buffer.from('Content-Type: text/plain\r\n\r\nsecret\r\n'));
  switch (content) {
    case 'aes128-cbc':
    case 'aes192-cbc':
    case 'aes256-cbc':
      return pkcs7MimeEntity(envelopedData(inside, [certificate], { content, keyTransport }), {
        smimeType: 'enveloped-data',
      });
    case 'des-ede3-cbc':
      throw new Error('nobody announces it');
    default:
      return pkcs7MimeEntity(
        await authEnvelopedData(inside, [certificate], { content, keyTransport }),
        { smimeType: 'authEnveloped-data' },
      );
  }
}

async function isRead(message: Content, { certificate, privateKey }: Own): Promise<boolean> {
  const { ownRecipients, unwrapper } = offlineKeyring([{ file: 'own', privateKey, certificate }]);
  const read = await openLayers(message, {
    ownRecipients,
    unwrapper,
    mayOpen: () => Promise.resolve(true),
    knownCertificates: [],
    limits: MESSAGE_LIMITS,
  });
  assert.ok(read.kind === 'opened');
  const [layer] = read.message.layers;
  if (layer?.kind !== 'encrypted' || layer.inside === null) return false;
  return (await readContent(layer.inside.body)).toString('latin1') === 'secret\r\n';
}

test('every content encryption of the table is announced, and what is for reading old mail is not', () => {
  const names = Object.keys(CONTENT_ALGORITHMS) as ContentName[];
  const expected = names.filter((name) => name !== 'des-ede3-cbc');
  assert.deepEqual([...contentOf(ownCapabilities(null))].sort(), expected.sort());
});

test('RFC 8551 2.5.2: in order of preference, integrity first, then the longer key', () => {
  const worth = contentOf(ownCapabilities(null)).map((name) => {
    const { mode, keyBytes } = CONTENT_ALGORITHMS[name];
    return (mode === 'cbc' ? 0 : 100) + keyBytes;
  });
  assert.deepEqual(
    worth,
    worth.toSorted((a, b) => b - a),
  );
});

for (const [title, mine] of Object.entries(OWN)) {
  test(`${title}: each content encryption that we announce is read`, async () => {
    const capabilities = ownCapabilities(mine.certificate);
    const type = mine.privateKey.asymmetricKeyType;
    const transport = type === 'rsa' ? 'rsa-oaep' : type === 'ml-kem-768' ? 'ml-kem' : 'ecdh';
    for (const content of contentOf(capabilities)) {
      const message = await encrypted(mine.certificate, content, transport);
      assert.ok(await isRead(message, mine), content);
    }
  });
}

test('each way for a content key that we announce is read', async () => {
  const tried = new Set<string>();
  for (const [title, mine] of Object.entries(OWN)) {
    for (const one of ownCapabilities(mine.certificate)) {
      if (one.kind === 'content') continue;
      const content = one.kind === 'ecdh' && one.wrap === 'aes128' ? 'aes128-gcm' : 'aes256-gcm';
      const transport = one.kind === 'kem' ? 'ml-kem' : one.kind;
      tried.add(transport);
      const message = await encrypted(mine.certificate, content, transport);
      assert.ok(await isRead(message, mine), `${title} ${transport} ${content}`);
    }
  }
  assert.deepEqual([...tried].sort(), ['ecdh', 'ml-kem', 'rsa-oaep', 'rsa-pkcs1v15']);
});

test('what the key record holds for every signature is this list', () => {
  const mine = OWN['RSA 2048'];
  assert.ok(mine !== undefined);
  const { smimeCapabilities } = fixedAttributes(root, mine.certificate);
  assert.deepEqual(
    readCapabilities(Buffer.from(smimeCapabilities, 'base64')),
    ownCapabilities(mine.certificate),
  );
});
