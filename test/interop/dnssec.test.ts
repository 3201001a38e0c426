import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  createResolver,
  type LocatePorts,
  LookupMemory,
  locateCertificates,
  type Resolver,
  systemRandom,
} from '@sallyport/lookup';
import { parseMailbox, systemClock } from '@sallyport/mail';
import { generateKeyPairPem, issueCertificate } from '@sallyport/pki';
import { type Dns, startDns } from '../harness/dns.ts';
import { freePort } from '../harness/ports.ts';

const certificateOf = (cn: string): Buffer =>
  issueCertificate({
    subject: { cn },
    privateKey: generateKeyPairPem('rsa-3072').privateKeyPem,
    notBefore: new Date(),
    days: 10,
    emails: ['bob@signed.test'],
  });
const bob = certificateOf('Bob');
const decoy = certificateOf('Decoy');

const label = (localPart: string): string =>
  `${createHash('sha256').update(localPart).digest('hex').slice(0, 56)}._smimecert`;
const hash = createHash('sha512').update(bob).digest('hex');
const DCA = label('domain-confidentiality-authority');

const RECORDS = [
  'a IN A 198.51.100.1',
  'alias IN CNAME a',
  'abroad IN CNAME a.plain.test.',
  'home IN CNAME a.signed.test.',
  '_ldap._tcp IN SRV 0 0 389 .',
  `${label('bob')} IN SMIMEA 3 0 0 ${bob.toString('hex')}`,
  `${label('carol')} IN SMIMEA 3 0 2 ${hash}`,
  `carol IN CERT PKIX 0 0 ${decoy.toString('base64')}`,
  `carol IN CERT PKIX 0 0 ${bob.toString('base64')}`,
  `${DCA} IN SMIMEA 3 0 0 ${decoy.toString('hex')}`,
];

describe('the DNS stub and its doors against NSD and a validating Unbound', () => {
  const stack = new AsyncDisposableStack();
  let dns: Dns;
  before(async () => {
    const zones = (['signed', 'plain', 'bogus'] as const).map((kind) => ({
      name: `${kind}.test`,
      kind,
      records: RECORDS,
    }));
    dns = stack.use(
      await startDns([...zones, { name: 'broken.test', kind: 'broken', records: [] }]),
    );
  });
  after(() => stack.disposeAsync());

  const resolverAt = (ports: readonly number[], trusted = true): Resolver =>
    createResolver({
      servers: ports.map((port) => ({ address: dns.host, port })),
      trusted,
      timeoutMs: 2_000,
      clock: systemClock,
      random: systemRandom,
    });

  const locate = async (address: string, trusted: boolean) => {
    const mailbox = parseMailbox(address);
    assert.ok(mailbox !== null);
    const ports: LocatePorts = {
      resolver: resolverAt([dns.port], trusted),
      clock: systemClock,
      random: systemRandom,
      memory: new LookupMemory(systemClock),
      allowPrivateAddresses: false,
    };
    return await locateCertificates({
      mailbox,
      role: 'confidentiality',
      doors: ['smimea', 'cert'],
      bindings: ['address'],
      pinned: [],
      validate: (_, candidate) =>
        candidate.dnssec === true
          ? { kind: 'usable' as const }
          : { kind: 'unusable' as const, code: 'untrusted', reason: 'no path' },
      ports,
    });
  };

  test('a zone whose signatures do not fit, or without data, is a failure and never "nothing"', async () => {
    const resolver = resolverAt([dns.port]);
    for (const zone of ['bogus.test', 'broken.test']) {
      for (const name of [`a.${zone}`, `gone.${zone}`, `alias.${zone}`]) {
        const answer = await resolver.query(name, 'A');
        assert.deepEqual(answer, { kind: 'failure', reason: 'servfail' }, name);
      }
    }
    const bogus = await locate('bob@bogus.test', true);
    assert.ok(bogus.kind === 'unavailable' && bogus.fault === 'dns-failure');
  });

  test('RFC 4035 4.9.3: what is there and what is not is proven in a signed zone only', async () => {
    const resolver = resolverAt([dns.port]);
    for (const [zone, secure] of [
      ['signed.test', true],
      ['plain.test', false],
    ] as const) {
      const there = await resolver.query(`a.${zone}`, 'A');
      assert.ok(there.kind === 'answer' && there.secure === secure, zone);
      const gone = await resolver.query(`gone.${zone}`, 'A');
      assert.deepEqual(gone, { kind: 'none', reason: 'nxdomain', secure });
      const empty = await resolver.query(`a.${zone}`, 'TXT');
      assert.deepEqual(empty, { kind: 'none', reason: 'nodata', secure });
    }
  });

  test('an alias out of the signed zone, or into it, proves nothing', async () => {
    const resolver = resolverAt([dns.port]);
    const inside = await resolver.query('ALIAS.signed.test.', 'A');
    assert.ok(inside.kind === 'answer' && inside.secure);
    assert.equal(inside.canonicalName, 'a.signed.test');
    for (const name of ['abroad.signed.test', 'home.plain.test']) {
      const answer = await resolver.query(name, 'A');
      assert.ok(answer.kind === 'answer' && !answer.secure, name);
    }
  });

  test('a resolver that is not configured as trusted proves nothing by its AD bit', async () => {
    const answer = await resolverAt([dns.port], false).query('a.signed.test', 'A');
    assert.ok(answer.kind === 'answer' && !answer.secure);
  });

  test('the next server is asked when the first is not there', async () => {
    const answer = await resolverAt([await freePort(), dns.port]).query('a.signed.test', 'A');
    assert.equal(answer.kind, 'answer');
  });

  test('RFC 8162 6: an SMIMEA record counts from the signed zone through a trusted resolver', async () => {
    for (const [address, trusted] of [
      ['bob@plain.test', true],
      ['bob@signed.test', false],
      ['carol@plain.test', true],
    ] as const) {
      const result = await locate(address, trusted);
      assert.equal(result.kind, 'none', address);
      assert.ok(result.unusable.every(({ code }) => code === 'untrusted'));
    }
    const found = await locate('bob@signed.test', true);
    assert.ok(found.kind === 'found' && found.certificate.equals(bob));
  });

  test('CD-6: the name of another case is another name', async () => {
    assert.equal((await locate('Bob@signed.test', true)).kind, 'none');
  });

  test('CD-3: certificates longer than a datagram come by TCP, and a proven hash chooses among them', async () => {
    const found = await locate('carol@signed.test', true);
    assert.ok(found.kind === 'found' && found.certificate.equals(bob));
    assert.equal(found.door, 'cert');
    assert.deepEqual(
      found.unusable.map(({ code }) => code),
      found.unusable.map(() => 'dnssec-mismatch'),
    );
  });
});
