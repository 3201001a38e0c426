import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, test } from 'node:test';
import { createTestCa } from './test-support/certificates.ts';
import { checkTlsSession, type TlsSessionFacts } from './tls-check.ts';
import type { TlsDemand } from './tls-demand-types.ts';
import type { TlsPin } from './tls-rule.ts';

const ca = createTestCa();
after(() => ca.remove());
const leaf = new X509Certificate(ca.issue({ names: ['mx.bravo.example'] }).cert);
const spki = createHash('sha256')
  .update(leaf.publicKey.export({ type: 'spki', format: 'der' }))
  .digest('hex');

const demand = (more: Partial<TlsDemand>): TlsDemand => ({
  usesTls: true,
  isMandatory: true,
  minVersion: 'TLSv1.2',
  ciphers: 'floor',
  serverName: 'mx.bravo.example',
  showsCertificate: true,
  anchors: [],
  checks: [],
  observed: [],
  ...more,
});
const facts = (more: Partial<TlsSessionFacts> = {}): TlsSessionFacts => ({
  protocol: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  chain: [leaf.raw],
  authorized: false,
  authorizationError: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  mx: 'mx.bravo.example',
  now: new Date('2026-11-21T12:00:00Z'),
  ...more,
});
const pinned = (pins: readonly TlsPin[]) => demand({ checks: [{ kind: 'pins', pins }] });

test('a pinned key is enough, and a backup or the next one is told apart', () => {
  const rows: [TlsPin, RegExp][] = [
    [{ spki, state: 'current' }, /is pinned$/],
    [{ spki, state: 'backup' }, /pinned as backup/],
    [{ spki, state: 'pending', from: '2026-11-21' }, /pinned as the next one/],
  ];
  for (const [pin, sentence] of rows) {
    const found = checkTlsSession(
      pinned([{ spki: '00'.repeat(32), state: 'current' }, pin]),
      facts(),
    );
    assert.equal(found.kind, 'ok', found.sentence);
    assert.match(found.sentence, sentence);
  }
});

test('a key that is not pinned, or not yet, is refused and named', () => {
  const rows: [TlsPin, RegExp][] = [
    [{ spki: '00'.repeat(32), state: 'current' }, new RegExp(`${spki}, which is not pinned`)],
    [{ spki, state: 'pending', from: '2026-11-22' }, /pinned from 2026-11-22 on only/],
    [{ spki, state: 'pending' }, /only/],
  ];
  for (const [pin, sentence] of rows) {
    const found = checkTlsSession(pinned([pin]), facts());
    assert.ok(found.kind === 'refuse');
    assert.equal(found.fault, 'tls-not-trusted');
    assert.match(found.sentence, sentence);
  }
});

test('a server without a certificate meets no check of identity', () => {
  const found = checkTlsSession(pinned([{ spki, state: 'current' }]), facts({ chain: [] }));
  assert.equal(found.kind, 'refuse');
});

test('names: path, name and period each fail in the words of RFC 8460', () => {
  const check = { kind: 'names', names: ['mx.bravo.example'], policy: 'rule' } as const;
  const trusted = { authorized: true, authorizationError: null };
  for (const [names, more, result] of [
    [['mx.bravo.example'], trusted, null],
    [['mx.charlie.example'], trusted, 'certificate-host-mismatch'],
    [['mx.bravo.example'], {}, 'certificate-not-trusted'],
    [['mx.bravo.example'], { authorizationError: 'CERT_HAS_EXPIRED' }, 'certificate-expired'],
  ] as const) {
    const found = checkTlsSession(demand({ checks: [{ ...check, names }] }), facts(more));
    assert.equal(found.findings[0]?.failure?.result ?? null, result);
    assert.equal(found.kind, result === null ? 'ok' : 'refuse');
  }
});

test('what is only observed fails without consequence', () => {
  const check = { kind: 'names', names: ['mx.bravo.example'], policy: 'sts' } as const;
  const found = checkTlsSession(demand({ observed: [check] }), facts());
  assert.equal(found.kind, 'ok');
  assert.equal(found.findings[0]?.failure?.result, 'certificate-not-trusted');
});

test('a version below the floor is refused, whatever the handshake allowed', () => {
  for (const protocol of ['TLSv1.1', 'TLSv1.2', null]) {
    const found = checkTlsSession(demand({ minVersion: 'TLSv1.3' }), facts({ protocol }));
    assert.ok(found.kind === 'refuse');
    assert.equal(found.fault, 'tls-handshake-failed');
  }
});
