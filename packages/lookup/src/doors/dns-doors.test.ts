import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { parseMailbox } from '@sallyport/mail';
import { freePort } from '@sallyport/test/ports';
import { locateCertificates } from '../locate.ts';
import type { Candidate, DoorName, LocatePorts, LocateRequest } from '../locate-types.ts';
import { certsOnly, makeCertificate } from '../test-peers.ts';
import { startWeb, type TestZone, webPorts } from '../test-web.ts';
import { smimeaName } from './smimea.ts';

type Options = Partial<Omit<LocateRequest<{ kind: 'usable' }>, 'ports' | 'mailbox' | 'validate'>>;

function mailboxOf(address: string) {
  const mailbox = parseMailbox(address);
  assert.ok(mailbox !== null, address);
  return mailbox;
}

/** All candidates that the search shows to its judge, who takes those of `accept`. */
async function search(
  address: string,
  ports: LocatePorts,
  { accept = [], ...options }: Options & { readonly accept?: readonly Buffer[] } = {},
) {
  const shown: Candidate[] = [];
  const doors: readonly DoorName[] = ['smimea', 'cert'];
  const result = await locateCertificates({
    mailbox: mailboxOf(address),
    role: 'confidentiality',
    doors,
    pinned: [],
    ...options,
    validate: (der, candidate) => {
      shown.push(candidate);
      return accept.some((one) => one.equals(der))
        ? { kind: 'usable' as const }
        : { kind: 'unusable' as const, code: 'untrusted', reason: 'no path' };
    },
    ports,
  });
  return { result, shown };
}

const bob = makeCertificate('Bob', 'bob@bravo.example');
const other = makeCertificate('Other', 'bob@bravo.example');
const domain = makeCertificate('bravo.example', 'postmaster@bravo.example');
const dca = makeCertificate(
  'domain-confidentiality-authority',
  'domain-confidentiality-authority@bravo.example',
);
const ca = makeCertificate('Bravo CA', 'ca@bravo.example');

const association = (usage: number, der: Buffer, selector = 0, matchingType = 0) => ({
  usage,
  selector,
  matchingType,
  association: der,
});
const pkix = (certificate: Buffer, certType = 1) => ({
  certType,
  keyTag: 0,
  algorithm: 0,
  certificate,
});
const BOB = `SMIMEA ${smimeaName(mailboxOf('bob@bravo.example'))}`;
const DCA = `SMIMEA ${smimeaName(mailboxOf('domain-confidentiality-authority@bravo.example'))}`;

test('RFC 8162 3: the label of the example, and those of the RFC 3183 authorities', () => {
  const label = (local: string) => smimeaName(mailboxOf(`${local}@example.com`)).split('.')[0];
  assert.equal(label('hugh'), 'c93f1e400f26708f98cb19d936620da35eec8f72e57f9eec01c1afd6');
  assert.equal(
    label('domain-confidentiality-authority'),
    '9d5192e5c4d2026ecac9a6473ead72c5b8870d2ad76d605945bfee26',
  );
  assert.equal(
    label('domain-signing-authority'),
    '9c50a3787291ab282edd76cf6594d3527704149410b75d5f9031ad73',
  );
});

test('CD-6: the local-part is never folded or cut; quotes go, and the form is NFC', () => {
  const name = (address: string) => smimeaName(mailboxOf(address));
  assert.notEqual(name('Bob@bravo.example'), name('bob@bravo.example'));
  assert.notEqual(name('bob+x@bravo.example'), name('bob@bravo.example'));
  assert.equal(name('"bob"@bravo.example'), name('bob@bravo.example'));
  assert.equal(name('jos\u0065\u0301@bravo.example'), name('jos\u00e9@bravo.example'));
});

test('RFC 8162 6: without DNSSEC a certificate is a candidate only, and a hash says nothing', async () => {
  const ports = webPorts({
    [BOB]: [association(3, bob), association(3, Buffer.alloc(32), 0, 1), association(2, ca)],
    'CERT bob.bravo.example': [pkix(other)],
  });
  const { result, shown } = await search('bob@bravo.example', ports);
  assert.equal(result.kind, 'none');
  assert.deepEqual(
    shown.map(({ der, dnssec, dnssecAnchors }) => [der === bob, dnssec, dnssecAnchors]),
    [
      [true, undefined, undefined],
      [false, undefined, undefined],
    ],
  );
  assert.ok(result.trace.some(({ reason }) => reason.includes('not proven by DNSSEC')));
});

test('RFC 8162 2: a proven association of usage 3 names the certificate, others are refused unseen', async () => {
  const ports = webPorts({
    [BOB]: { secure: [association(3, bob)] },
    'CERT bob.bravo.example': [pkix(other)],
  });
  const decoy = await search('bob@bravo.example', ports, { accept: [other] });
  assert.equal(decoy.result.kind, 'none');
  assert.deepEqual(
    decoy.result.unusable.map(({ code, reason }) => [code, reason]),
    [
      ['untrusted', 'no path'],
      ['dnssec-mismatch', 'DNSSEC association names another certificate'],
    ],
  );
  const { result } = await search('bob@bravo.example', ports, { accept: [bob, other] });
  assert.ok(result.kind === 'found' && result.candidate.dnssec === true);
  assert.ok(result.certificate.equals(bob));
});

test('RFC 8162 5: a proven hash makes the certificate of a later door proven', async () => {
  const hash = createHash('sha256').update(bob).digest();
  const ports = webPorts({
    [BOB]: { secure: [association(3, hash, 0, 1)] },
    'CERT bob.bravo.example': [pkix(other), pkix(bob)],
  });
  const { result, shown } = await search('bob@bravo.example', ports, { accept: [bob, other] });
  assert.ok(result.kind === 'found' && result.candidate.dnssec === true);
  assert.equal(result.door, 'cert');
  assert.equal(shown.length, 1);
});

test('usage 2: a path without the named CA is not enough, and a judge without paths finds none', async () => {
  const ports = webPorts({
    [BOB]: { secure: [association(2, ca)] },
    'CERT bob.bravo.example': [pkix(bob)],
  });
  const none = await search('bob@bravo.example', ports, { accept: [bob] });
  assert.equal(none.result.kind, 'none');
  const wrong = await search('bob@bravo.example', ports, {
    accept: [bob],
    pathOf: () => [bob, other],
  });
  assert.equal(wrong.result.kind, 'none');
  const right = await search('bob@bravo.example', ports, {
    accept: [bob],
    pathOf: () => [bob, ca],
  });
  assert.ok(right.result.kind === 'found');
  assert.deepEqual(right.result.candidate.dnssecAnchors, [ca]);
});

test('CD-7: a bogus or failing answer is no knowledge, wherever it stands in the search', async () => {
  for (const question of [BOB, DCA, 'CERT bob.bravo.example', 'CERT bravo.example']) {
    const { result } = await search('bob@bravo.example', webPorts({ [question]: 'servfail' }));
    assert.ok(result.kind === 'unavailable' && result.fault === 'dns-failure', question);
  }
  const rest: TestZone = { 'CERT bravo.example': [pkix(domain)] };
  const { result } = await search('bob@bravo.example', webPorts({ [BOB]: 'servfail', ...rest }), {
    accept: [domain],
  });
  assert.equal(result.kind, 'found');
});

test('CD-4: in the DNS first the address everywhere, then the domain and its authority', async () => {
  const ports = webPorts();
  await search('bob@bravo.example', ports);
  assert.deepEqual(ports.asked, [
    BOB,
    'CERT bob.bravo.example',
    DCA,
    'CERT bravo.example',
    'CERT domain-confidentiality-authority.bravo.example',
  ]);
  const preferred = webPorts();
  await search('bob@bravo.example', preferred, { bindings: ['authority', 'address'] });
  assert.deepEqual(preferred.asked, [
    DCA,
    'CERT domain-confidentiality-authority.bravo.example',
    BOB,
    'CERT bob.bravo.example',
  ]);
});

test('TM-4: for a signer the name is domain-signing-authority', async () => {
  const ports = webPorts();
  await search('bob@bravo.example', ports, { role: 'signing', bindings: ['authority'] });
  assert.deepEqual(ports.asked, [
    'SMIMEA 9c50a3787291ab282edd76cf6594d3527704149410b75d5f9031ad73._smimecert.bravo.example',
    'CERT domain-signing-authority.bravo.example',
  ]);
});

test('RFC 4398 2.1, CD-3: bare DER and DER behind its OID; CRLs, CA certificates and PGP are left', async () => {
  const oid = (hex: string) => Buffer.concat([Buffer.from(hex, 'hex'), bob]);
  const decoys = webPorts({
    'CERT bob.bravo.example': [
      pkix(oid('03550427')), // a CRL
      pkix(oid('03550425')), // a CA certificate
      pkix(bob, 3), // OpenPGP
      pkix(Buffer.alloc(0)),
      pkix(Buffer.from('03550424', 'hex')),
    ],
  });
  const none = await search('bob@bravo.example', decoys);
  assert.deepEqual(none.shown, []);
  for (const content of [bob, oid('03550424'), oid('050603550424')]) {
    const ports = webPorts({ 'CERT bob.bravo.example': [pkix(content)] });
    const { result } = await search('bob@bravo.example', ports, { accept: [bob] });
    assert.ok(result.kind === 'found' && result.certificate.equals(bob));
    assert.equal(result.candidate.binding, 'address');
  }
});

test('an address that the DNS cannot carry is left out of CERT, and asked for as SMIMEA', async () => {
  const ports = webPorts();
  const { result } = await search('"b b"@bravo.example', ports, { bindings: ['address'] });
  assert.equal(result.kind, 'none');
  assert.equal(ports.asked.length, 1);
  assert.equal(result.trace.at(-1)?.outcome, 'skipped');
});

test('RFC 4398 2.1: an IPKIX URL is fetched with the rules of every fetch, and its failure is an outage', async () => {
  await using web = await startWeb((path) => {
    if (path === '/bob.cer') return { body: bob };
    if (path === '/bob.p7c') return { body: certsOnly(other, bob) };
    if (path === '/down') return { status: 503 };
    return path === '/junk' ? { body: 'no certificate' } : undefined;
  });
  const zone = (url: string, more: TestZone = {}): TestZone => ({
    'CERT bob.bravo.example': [pkix(Buffer.from(url), 4)],
    'A web.bravo.example': ['127.0.0.1'],
    ...more,
  });
  const at = (path: string) => `http://web.bravo.example:${web.port}${path}`;
  const closed = `http://web.bravo.example:${await freePort()}/`;
  const kinds: string[] = [];
  for (const url of [at('/none'), at('/junk'), at('/down'), closed, 'file:///x']) {
    const { result, shown } = await search('bob@bravo.example', webPorts(zone(url)));
    assert.deepEqual(shown, [], url);
    kinds.push(result.kind);
  }
  assert.deepEqual(kinds, ['none', 'none', 'unavailable', 'unavailable', 'none']);
  const before = web.asked.length;
  const publicOnly = { ...webPorts(zone(at('/bob.cer'))), allowPrivateAddresses: false };
  const refused = await search('bob@bravo.example', publicOnly, { accept: [bob] });
  assert.notEqual(refused.result.kind, 'found');
  assert.equal(web.asked.length, before);
  for (const path of ['/bob.cer', '/bob.p7c']) {
    const { result } = await search('bob@bravo.example', webPorts(zone(at(path))), {
      accept: [bob],
    });
    assert.ok(result.kind === 'found' && result.certificate.equals(bob), path);
  }
});

test('a URL with control characters neither goes out nor into the trace', async () => {
  const ports = webPorts({ 'CERT bob.bravo.example': [pkix(Buffer.from('http://x/\r\nA: b'), 4)] });
  const { result } = await search('bob@bravo.example', ports);
  assert.ok(!result.trace.some(({ query }) => query.startsWith('GET')));
});

test('a thousand records are not a thousand candidates', async () => {
  const many = Array.from({ length: 1_000 }, (_, at) => pkix(Buffer.of(0x30, at >> 8, at & 0xff)));
  const ports = webPorts({ 'CERT bob.bravo.example': many });
  const { shown } = await search('bob@bravo.example', ports, { bindings: ['address'] });
  assert.equal(shown.length, 32);
});

test('what came with verified mail is a candidate of its mailbox and of the authority', async () => {
  const asked: string[] = [];
  const ports: LocatePorts = {
    ...webPorts(),
    harvested: ({ localPart }) => {
      asked.push(localPart);
      return Promise.resolve(localPart === 'bob' ? [other] : [dca]);
    },
  };
  const { result } = await search('bob@bravo.example', ports, {
    doors: ['harvested'],
    accept: [dca],
  });
  assert.ok(result.kind === 'found' && result.candidate.binding === 'authority');
  assert.equal(result.candidate.dnssec, undefined);
  assert.deepEqual(asked, ['bob', 'domain-confidentiality-authority']);
  const without = await search('bob@bravo.example', webPorts(), { doors: ['harvested'] });
  assert.equal(without.result.kind, 'none');
});
