import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { parseMailbox } from '@sallyport/mail';
import {
  generateKeyPairPem,
  issueCertificate,
  type ValidatedCertificate,
  validatePath,
} from '@sallyport/pki';
import { certificateOf } from '@sallyport/test/certificates';
import { smimeaName } from './doors/smimea.ts';
import { locateCertificates } from './locate.ts';
import { webPorts } from './test-web.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const mailbox = parseMailbox('bob@bravo.example');
assert.ok(mailbox !== null);

/** A CA and a certificate of it for Bob. */
function makeChain(cn: string): { readonly ca: Buffer; readonly leaf: Buffer } {
  const authority = generateKeyPairPem('ec-p256');
  const period = { notBefore: new Date('2025-12-01T00:00:00Z'), days: 100 };
  const ca = issueCertificate({
    subject: { cn },
    privateKey: authority.privateKeyPem,
    ...period,
    ca: { pathLength: 0 },
    keyUsage: ['keyCertSign', 'cRLSign'],
  });
  const leaf = issueCertificate({
    subject: { cn: 'Bob' },
    spki: generateKeyPairPem('ec-p256').spki,
    issuer: { certificate: certificateOf(ca), privateKey: authority.privateKeyPem },
    ...period,
    emails: ['bob@bravo.example'],
    keyUsage: ['keyAgreement'],
  });
  return { ca, leaf };
}

interface Usable {
  readonly kind: 'usable';
  readonly certificate: ValidatedCertificate;
}

/** Judges by RFC 5280, with the configured anchors and those that DNSSEC names. */
const search = (association: object, leaf: Buffer, anchors: readonly Buffer[]) =>
  locateCertificates<Usable>({
    mailbox,
    role: 'confidentiality',
    doors: ['smimea', 'cert'],
    bindings: ['address'],
    pinned: [],
    validate: (der, { dnssecAnchors = [] }) => {
      const path = validatePath({
        leaf: certificateOf(der),
        intermediates: [],
        anchors: [...anchors, ...dnssecAnchors].map(certificateOf),
        time: NOW,
        purpose: 'email-encrypt',
      });
      return path.kind === 'valid'
        ? { kind: 'usable', certificate: path.certificate }
        : { kind: 'unusable', code: path.code, reason: path.reason };
    },
    pathOf: ({ certificate }) => certificate.path.map(({ der }) => der),
    ports: webPorts({
      [`SMIMEA ${smimeaName(mailbox)}`]: { secure: [association] },
      'CERT bob.bravo.example': [{ certType: 1, keyTag: 0, algorithm: 0, certificate: leaf }],
    }),
  });

test('usage 2: a certificate of the CA that DNSSEC names has a path, one of another CA has none', async () => {
  const [good, evil] = [makeChain('Bravo CA'), makeChain('Evil CA')];
  const named = { usage: 2, selector: 0, matchingType: 0, association: good.ca };
  assert.equal((await search(named, evil.leaf, [])).kind, 'none');
  assert.equal((await search(named, evil.leaf, [evil.ca])).kind, 'none');
  assert.equal((await search(named, good.leaf, [])).kind, 'found');
});

test('usage 0: the CA must be named by DNSSEC and be a configured anchor besides', async () => {
  const [good, evil] = [makeChain('Bravo CA'), makeChain('Evil CA')];
  const association = createHash('sha256').update(good.ca).digest();
  const named = { usage: 0, selector: 0, matchingType: 1, association };
  assert.equal((await search(named, good.leaf, [])).kind, 'none');
  const other = await search(named, evil.leaf, [evil.ca, good.ca]);
  assert.equal(other.unusable[0]?.code, 'dnssec-mismatch');
  assert.equal((await search(named, good.leaf, [good.ca])).kind, 'found');
});
