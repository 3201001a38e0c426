import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anchorsFor, strictestSenderLookup, trustSchema } from './trust-fields.ts';

const pem = (name: string): string =>
  `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;

test('TM-1: anchors of a direction take the place of those for both', () => {
  const both = trustSchema.parse({ anchors: [pem('a')] });
  assert.deepEqual(anchorsFor(both, 'encrypt'), [pem('a')]);
  assert.deepEqual(anchorsFor(both, 'sign'), [pem('a')]);
  const apart = trustSchema.parse({ anchors: [pem('a')], signAnchors: [pem('b')] });
  assert.deepEqual(anchorsFor(apart, 'encrypt'), [pem('a')]);
  assert.deepEqual(anchorsFor(apart, 'sign'), [pem('b')]);
  const none = trustSchema.parse({ anchors: [pem('a')], encryptAnchors: [] });
  assert.deepEqual(anchorsFor(none, 'encrypt'), [], 'an empty list is no missing one');
});

test('a partner without a word on it is checked softly, waits with a new key, and takes DNSSEC', () => {
  const { revocation, keyChange, smimea, senderLookup } = trustSchema.parse({});
  assert.deepEqual(
    [revocation, keyChange, smimea, senderLookup],
    ['soft', 'approve', 'accept', 'off'],
  );
});

test('TM-4: of several records the strictest demand counts', () => {
  const of = (...words: string[]) =>
    strictestSenderLookup(words.map((senderLookup) => trustSchema.parse({ senderLookup })));
  assert.equal(of(), 'off');
  assert.equal(of('off', 'compare'), 'compare');
  assert.equal(of('require', 'compare'), 'require');
});

test('a certificate that lost its end is no certificate, alone or after a whole one', () => {
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n';
  for (const text of [broken, `${pem('a')}${broken}`, 'none']) {
    assert.equal(trustSchema.safeParse({ pinned: [text] }).success, false, text);
  }
  assert.equal(trustSchema.safeParse({ pinned: [`${pem('a')}${pem('b')}`] }).success, true);
});
