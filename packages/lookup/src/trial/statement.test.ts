import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, sign } from 'node:crypto';
import { test } from 'node:test';
import { parseDomain } from '@sallyport/mail';
import { generateKeyPairPem, issueCertificate } from '@sallyport/pki';
import fc from 'fast-check';
import { MAX_STATEMENT_BYTES, readStatement } from './statement.ts';

const now = new Date('2026-03-01T12:00:00Z');
const bravo = parseDomain('bravo.example');
assert.ok(bravo !== null);
const domain = bravo;

const KINDS = {
  RS256: { algorithm: 'rsa-2048', hash: 'sha256', how: {} },
  ES256: { algorithm: 'ec-p256', hash: 'sha256', how: { dsaEncoding: 'ieee-p1363' } },
} as const;
type Kind = keyof typeof KINDS;

function signerOf(kind: Kind) {
  const { privateKeyPem } = generateKeyPairPem(KINDS[kind].algorithm);
  const certificate = issueCertificate({
    subject: { cn: 'domain-signing-authority' },
    privateKey: privateKeyPem,
    notBefore: new Date('2026-01-01T00:00:00Z'),
    days: 365,
    emails: ['domain-signing-authority@bravo.example'],
  });
  return { kind, certificate, privateKey: createPrivateKey(privateKeyPem) };
}
const signers = { RS256: signerOf('RS256'), ES256: signerOf('ES256') };
const own = signers.RS256.certificate.toString('base64');

const payload = {
  version: 1,
  domain: 'bravo.example',
  issued: '2026-03-01T00:00:00Z',
  expires: '2026-03-08T00:00:00Z',
  certificates: { signing: [own], encryption: [own, own] },
  accepts: {
    profiles: ['domsec'],
    content: ['aes256-gcm'],
    keyTransport: ['rsa-oaep'],
    signatures: ['rsa-sha256'],
  },
  demands: { signature: 'domain', encryption: true },
  tls: {
    level: 'encrypt',
    minVersion: 'TLSv1.2',
    mx: ['gw.bravo.example'],
    clientCertificate: false,
  },
  contact: 'security@bravo.example',
};

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A statement as its owner would sign it, with parts of header and payload replaced. */
function make(changes: { kind?: Kind; header?: object; payload?: object } = {}): Buffer {
  const { kind = 'RS256' } = changes;
  const { certificate, privateKey } = signers[kind];
  const x5c = [certificate.toString('base64')];
  const header = { alg: kind, typ: 'domsec-statement+jws', x5c, ...changes.header };
  const input = `${part(header)}.${part({ ...payload, ...changes.payload })}`;
  const { hash, how } = KINDS[kind];
  const signature = sign(hash, Buffer.from(input), { key: privateKey, ...how });
  return Buffer.from(`${input}.${signature.toString('base64url')}\n`);
}

function reasonOf(bytes: Buffer): string {
  const read = readStatement(bytes, domain, now);
  return read.kind === 'unusable' ? read.reason : 'a statement';
}

test('a statement is read whatever kind of key signed it', () => {
  for (const kind of ['RS256', 'ES256'] as const) {
    const read = readStatement(make({ kind }), domain, now);
    assert.ok(read.kind === 'statement', kind);
    const { statement } = read;
    assert.deepEqual(statement.signedBy, signers[kind].certificate);
    assert.equal(statement.algorithm, kind);
    assert.equal(statement.encryption.length, 2);
    assert.deepEqual(statement.signing, [signers.RS256.certificate]);
    assert.equal(statement.demands.signature, 'domain');
    assert.equal(statement.expires.toISOString(), '2026-03-08T00:00:00.000Z');
  }
});

test('fields and words that are not known are passed over', () => {
  const accepts = { ...payload.accepts, content: ['cipher-of-2040'], hybrid: true };
  const read = readStatement(make({ payload: { accepts, more: [1] } }), domain, now);
  assert.ok(read.kind === 'statement');
  assert.deepEqual(read.statement.accepts.content, ['cipher-of-2040']);
  assert.ok(!('more' in read.statement));
});

test('RFC 7515: none, MACs, swapped algorithms and other types are refused', () => {
  const [header = '', body = ''] = make().toString().trim().split('.');
  const mac = (input: string): string =>
    createHmac('sha256', signers.RS256.certificate).update(input).digest('base64url');
  const headerOf = (alg: string): string => part({ alg, typ: 'domsec-statement+jws', x5c: [own] });
  for (const [what, bytes, why] of [
    ['none', `${headerOf('none')}.${body}.`, /no JWS|not known/],
    ['none with a signature', `${headerOf('none')}.${body}.AAAA`, /not known/],
    ['HS256', `${headerOf('HS256')}.${body}.${mac(`${headerOf('HS256')}.${body}`)}`, /not known/],
    ['four parts', `${header}.${body}.AAAA.AAAA`, /no JWS/],
    ['two parts', `${header}.${body}`, /no JWS/],
    ['padding', `${header}=.${body}.AAAA`, /no JWS/],
    ['empty', '', /no JWS/],
  ] as const) {
    assert.match(reasonOf(Buffer.from(bytes)), why, what);
  }
  for (const [header, why] of [
    [{ alg: 'ES256' }, /does not fit its first certificate/],
    [{ alg: 'PS256' }, /does not fit its first certificate/],
    [{ alg: 'RS512' }, /does not fit its first certificate/],
    [{ typ: 'JWT' }, /not that of a domain statement/],
    [{ crit: ['exp'] }, /not that of a domain statement/],
    [{ x5c: [] }, /not that of a domain statement/],
    [{ x5c: ['AAAA'] }, /cannot be read/],
    [{ x5c: [signers.ES256.certificate.toString('base64')] }, /does not fit/],
    [{ x5c: Array.from({ length: 12 }, () => own) }, /too many certificates/],
  ] as const) {
    assert.match(reasonOf(make({ header })), why, JSON.stringify(header).slice(0, 60));
  }
});

test('a statement of another domain, time or version is refused', () => {
  for (const [changed, why] of [
    [{ domain: 'acme.example' }, /another domain/],
    [{ domain: 'sub.bravo.example' }, /another domain/],
    [{ issued: '2026-03-02T00:00:00Z' }, /in the future/],
    [{ expires: '2026-03-01T11:59:59Z' }, /expired/],
    [{ issued: '2026-02-01T00:00:00Z', expires: '2027-02-01T00:00:00Z' }, /too long/],
    [{ version: 2 }, /not what version 1 says/],
    [{ certificates: { signing: [], encryption: ['no base64!'] } }, /not what version 1 says/],
    [{ demands: { signature: 'domain', encryption: 'yes' } }, /not what version 1 says/],
  ] as const) {
    assert.match(reasonOf(make({ payload: changed })), why, JSON.stringify(changed));
  }
});

test('a statement that is longer than any may be is not looked at', () => {
  assert.match(reasonOf(Buffer.alloc(MAX_STATEMENT_BYTES + 1, 0x41)), /longer/);
});

test('no statement with one octet changed is taken', () => {
  const bytes = make().subarray(0, -1);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ flip;
      // The last character of a part may hold bits that say nothing.
      const same = decoded(changed) === decoded(bytes);
      assert.equal(readStatement(changed, domain, now).kind === 'statement', same);
    }),
    { numRuns: 400, seed: 7 },
  );
});

function decoded(bytes: Buffer): string {
  const [header, body, signature = ''] = bytes.toString('latin1').trim().split('.');
  return [header, body, Buffer.from(signature, 'base64url').toString('hex')].join('.');
}
