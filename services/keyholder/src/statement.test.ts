import assert from 'node:assert/strict';
import { type VerifyKeyObjectInput, verify, X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { StatementFields } from '@sallyport/ipc';
import { z } from 'zod';
import {
  closeKeyholderTests,
  eventsOfKey,
  openKeyholderTests,
  refused,
  setup,
  startWithOperator,
} from './testing.ts';

before(openKeyholderTests);
after(closeKeyholderTests);

const fields: StatementFields = {
  certificates: { signing: ['AQID'], encryption: ['BAUG'] },
  accepts: {
    profiles: ['domsec', 'compat'],
    content: ['aes256-gcm'],
    keyTransport: ['rsa-oaep'],
    signatures: ['rsa-sha256'],
  },
  demands: { signature: 'domain', encryption: true },
  tls: {
    level: 'encrypt',
    minVersion: 'TLSv1.2',
    mx: ['gw.acme.example'],
    clientCertificate: false,
  },
  contact: 'security@acme.example',
};
const headerSchema = z.strictObject({ alg: z.string(), typ: z.string(), x5c: z.array(z.string()) });
const payloadSchema = z.object({ domain: z.string(), issued: z.string(), expires: z.string() });

function readJws(jws: string) {
  const [header = '', payload = '', signature = ''] = jws.split('.');
  const json = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
  const { alg, typ, x5c } = headerSchema.parse(json(header));
  const [first = ''] = x5c;
  return {
    alg,
    typ,
    payload: json(payload),
    times: payloadSchema.parse(json(payload)),
    key: new X509Certificate(Buffer.from(first, 'base64')).publicKey,
    input: Buffer.from(`${header}.${payload}`),
    signature: Buffer.from(signature, 'base64url'),
  };
}

test('RFC 7515: an active signing key of each kind signs the statement of its own domain', async () => {
  const given = await setup();
  const raw = { dsaEncoding: 'ieee-p1363' } as const;
  const kinds: readonly [
    string,
    'rsa-2048' | 'ec-p256' | 'ec-p384' | 'ed25519',
    string,
    string | null,
    Partial<VerifyKeyObjectInput>,
  ][] = [
    ['s-rsa', 'rsa-2048', 'RS256', 'sha256', {}],
    ['s-p256', 'ec-p256', 'ES256', 'sha256', raw],
    ['s-p384', 'ec-p384', 'ES384', 'sha384', raw],
    ['s-ed', 'ed25519', 'EdDSA', null, {}],
  ];
  for (const [keyId, algorithm] of kinds) await given.addKey({ keyId, algorithm });
  const { operator, close } = await startWithOperator(given);
  for (const [keyId, , alg, hash, how] of kinds) {
    const { jws } = await operator.call('signStatement', { keyId, lifetimeHours: 48, fields });
    const read = readJws(jws);
    assert.equal(read.alg, alg);
    assert.equal(read.typ, 'domsec-statement+jws');
    assert.ok(verify(hash, read.input, { key: read.key, ...how }, read.signature), alg);
    assert.partialDeepStrictEqual(read.payload, { version: 1, domain: 'acme.example', ...fields });
    const { issued, expires } = read.times;
    assert.equal(Date.parse(expires) - Date.parse(issued), 48 * 3_600_000);
  }
  await close();
});

test('a statement is recorded before and after its signature', async () => {
  const given = await setup();
  await given.addKey({ keyId: 's-recorded' });
  const { operator, close } = await startWithOperator(given);
  await operator.call('signStatement', { keyId: 's-recorded', lifetimeHours: 1, fields });
  const events = await eventsOfKey('s-recorded');
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['key-intent', 'key-outcome'],
  );
  for (const { facts } of events) assert.equal(facts['operation'], 'sign-statement');
  await close();
});

test('no statement is signed with a key that is not active, of another class, or of a kind without JWS', async () => {
  const given = await setup();
  await given.addKey({ keyId: 's-dca', class: 'domain-confidentiality' });
  await given.addKey({ keyId: 's-retired', state: 'retired' });
  await given.addKey({ keyId: 's-mldsa', algorithm: 'ml-dsa-65' });
  const { operator, close } = await startWithOperator(given);
  for (const [keyId, fault] of [
    ['s-dca', 'own-key-unavailable'],
    ['s-retired', 'own-key-unavailable'],
    ['s-nobody', 'own-key-unavailable'],
    ['s-mldsa', null],
  ] as const) {
    const ask = operator.call('signStatement', { keyId, lifetimeHours: 1, fields });
    await assert.rejects(ask, refused(fault, /not in use for this|cannot be signed/), keyId);
  }
  await close();
});
