import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OID } from '@sallyport/der';
import { bufferContent } from '@sallyport/mail';
import { DEFAULT_MIME_LIMITS, type Entity, readEntityBytes } from '@sallyport/mime';
import fc from 'fast-check';
import { encodeEssAttribute } from './labels-encode.ts';
import { readEssAttributes } from './labels-read.ts';
import type { Layer, LayerSigner, OpenedMessage } from './layers.ts';
import { planListHandling } from './list.ts';
import { encapsulatedState } from './list-verified.ts';
import type { LayerReport } from './verdict-types.ts';

/**
 * One layer each: signed, signed by a list, domain-signed, empty, untrusted list, encrypted for us,
 * for somebody else, and what does not open. No cryptography: the search looks at what was found.
 */
const KINDS = ['S', 'M', 'D', '0', 'U', 'E', 'F', 'X'] as const;
type Kind = (typeof KINDS)[number];

function entity(text: string): Entity {
  const read = readEntityBytes(
    Buffer.from(`Content-Type: text/plain\r\n\r\n${text}`),
    DEFAULT_MIME_LIMITS,
  );
  assert.ok(read.kind === 'entity');
  return { ...read.value, body: bufferContent(Buffer.from(text)) };
}

const HISTORY = encodeEssAttribute({
  kind: 'ml-expansion-history',
  entries: [
    {
      list: { kind: 'subjectKeyId', subjectKeyId: Buffer.of(1) },
      time: new Date(0),
      receiptPolicy: null,
    },
  ],
});

function signer(kind: Kind): LayerSigner {
  const attributes = new Map<string, Buffer[]>(
    kind === 'M' || kind === 'U' ? [[HISTORY.oid, [HISTORY.value]]] : [],
  );
  return {
    certificate: null,
    check: { kind: 'valid' },
    types: kind === 'D' ? ['domain'] : null,
    signingTime: null,
    digestAlgorithm: 'sha256',
    signatureAlgorithm: 'rsa-sha256',
    legacy: [],
    attributes,
    ess: readEssAttributes({ attributes, duplicateAttributes: [] }),
    capabilities: null,
    encryptionKeyPreference: null,
  };
}

function make(kind: Kind, index: number): { readonly layer: Layer; readonly report: LayerReport } {
  const inside = entity(`inside of ${index}`);
  const outside = entity('outside');
  if (kind === 'E' || kind === 'F' || kind === 'X') {
    const state = ({ E: 'opened', F: 'foreign', X: 'failed' } as const)[kind];
    const base = { authenticated: false, keyId: null } as const;
    const algorithm = 'aes256-cbc';
    return {
      layer: {
        kind: 'encrypted',
        ...base,
        contentAlgorithm: algorithm,
        state,
        legacy: [],
        isUnsupported: false,
        outside,
        inside: state === 'opened' ? inside : null,
      } as unknown as Layer,
      report: {
        kind: 'encrypted',
        ...base,
        state,
        algorithm,
        legacy: [],
        isUnsupported: false,
      } as unknown as LayerReport,
    };
  }
  const empty = kind === '0';
  const signers = empty ? [] : [signer(kind)];
  const state = kind === 'U' ? 'unverifiable' : 'valid';
  const layer = {
    kind: 'signed',
    form: 'opaque',
    empty,
    signers,
    certificates: [],
    outside,
    inside,
  };
  const role = kind === 'D' ? 'domain' : 'originator';
  const report = empty
    ? { kind: 'empty' }
    : { kind: 'signed', form: 'opaque', state, role, mapping: 'ok', signers: [{ state }] };
  return { layer: layer as Layer, report: report as unknown as LayerReport };
}

const sequences = fc
  .array(fc.constantFrom(...KINDS), { maxLength: 7 })
  // Nothing can be seen inside of what does not open.
  .map((kinds) => {
    const shut = kinds.findIndex((kind) => kind === 'F' || kind === 'X');
    return shut === -1 ? kinds : kinds.slice(0, shut + 1);
  });

test('RFC 3183 5: for no sequence of layers is something stripped, kept or laid bare that must not be', () => {
  fc.assert(
    fc.property(sequences, (kinds) => {
      const made = kinds.map(make);
      const layers = made.map(({ layer }) => layer);
      const reports = made.map(({ report }) => report);
      const root = entity('root');
      const message = { root, layers, content: root, partial: false } as unknown as OpenedMessage;
      const plan = planListHandling(message, reports);
      const text = kinds.join('');
      if (plan.kind === 'refused') {
        assert.match(text, /[EFX]/, `${text}: only encryption stands in the way here`);
        return;
      }
      if (plan.kind === 'encapsulate') {
        assert.doesNotMatch(text, /E/, `${text}: a partner could not open what is for us`);
        const untilDomain = text.replace(/D.*/, '');
        assert.doesNotMatch(untilDomain, /M/, `${text}: a list agent would strip our signature`);
        return;
      }
      const last = layers.findIndex(
        (layer) => layer.kind !== 'broken' && layer.inside?.body === plan.message.body,
      );
      const removed = text.slice(0, last + 1);
      const rest = text.slice(last + 1);
      assert.doesNotMatch(removed, /[DFX]/, `${text}: never stripped`);
      assert.equal(removed.match(/E/g)?.length ?? 0, plan.opened ? 1 : 0, text);
      assert.match(removed, plan.opened ? /E$/ : /M$/, text);
      assert.equal(plan.isLayered, rest.length > 0, text);
      assert.equal(plan.outer !== null, removed.includes('M'), text);
      if (plan.opened) assert.equal(plan.mustEncrypt, /[EFX]/.test(rest), text);
      else assert.doesNotMatch(rest.replace(/D.*/, ''), /[EFX]/, `${text}: the search went on`);
    }),
    { numRuns: 5_000, seed: 3183 },
  );
});

test('RFC 3183 3.2 (DS-G2): for no sequence is a state better than its worst layer before a domain signature', () => {
  fc.assert(
    fc.property(sequences, (kinds) => {
      const state = encapsulatedState(kinds.map(make).map(({ report }) => report));
      const text = kinds.join('');
      const judged = text.replace(/D.*/, 'D');
      const expected = /[UFX]/.test(judged)
        ? 'unverifiable'
        : /[SMD]/.test(judged)
          ? 'valid'
          : 'none';
      assert.equal(state, expected, text);
    }),
    { numRuns: 2_000, seed: 3183 },
  );
});

test('the attribute that the search is for is the one of RFC 7107', () => {
  assert.equal(HISTORY.oid, OID.mlExpansionHistory);
  assert.equal(OID.mlExpansionHistory, '1.2.840.113549.1.9.16.2.3');
});
