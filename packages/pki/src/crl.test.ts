import assert from 'node:assert/strict';
import { test } from 'node:test';
import { der } from '@sallyport/der';
import type { UntrustedCertificate } from './certificate.ts';
import { type Crl, MAX_CRL_BYTES, parseCrl } from './crl.ts';
import { revocationPlaces } from './distribution-points.ts';
import { PKIX } from './oids.ts';
import { type PathResult, validatePath } from './path.ts';
import type { RevocationFacts } from './revocation-types.ts';
import {
  CA_EXTENSIONS,
  certificate,
  crl,
  crlBytes,
  deltaOf,
  entry,
  extension,
  keyUsage,
  NOW,
  nameOf,
  type Party,
  uriPoint,
} from './test-authority.ts';

const root = certificate({ cn: 'Root', extensions: CA_EXTENSIONS });
const ca = certificate({ cn: 'CA', issuer: root, extensions: CA_EXTENSIONS });
const leaf = certificate({ cn: 'Leaf', issuer: ca, extensions: [keyUsage('digitalSignature')] });
const rootCrl = crl({ issuer: root });
const goodCrl = crl({ issuer: ca });
const listed = (party: Party, reason?: number) =>
  entry({ serial: party.certificate.serial, ...(reason === undefined ? {} : { reason }) });

interface Case {
  readonly leaf?: UntrustedCertificate;
  readonly intermediates?: readonly UntrustedCertificate[];
  readonly mode?: RevocationFacts['mode'];
  readonly time?: Date;
}

function validate(crls: readonly Crl[], options: Case = {}): PathResult {
  return validatePath({
    leaf: options.leaf ?? leaf.certificate,
    intermediates: options.intermediates ?? [ca.certificate],
    anchors: [root.certificate],
    time: options.time ?? NOW,
    purpose: 'any',
    revocation: { mode: options.mode ?? 'hard', crls },
  });
}

const codeOf = (result: PathResult) => (result.kind === 'valid' ? 'valid' : result.code);
const withRoot = (...crls: Crl[]) => [rootCrl, ...crls];

test('RFC 5280 6.3.3: hard mode demands a list for every certificate below the anchor', () => {
  assert.equal(codeOf(validate([])), 'revocation-unknown');
  assert.equal(codeOf(validate([goodCrl])), 'revocation-unknown');
  const missing = validate([rootCrl]);
  assert.ok(missing.kind === 'invalid');
  assert.equal(missing.fault, 'revocation-unavailable');
  assert.match(missing.reason, /CN=Leaf is revoked is not known: no list at hand/);
  const good = validate(withRoot(goodCrl));
  assert.ok(good.kind === 'valid', JSON.stringify(good));
  const { mode, certificates } = good.certificate.revocation;
  assert.equal(mode, 'hard');
  assert.deepEqual(
    certificates.map(({ certificate: { commonNames }, status }) => [commonNames[0], status.kind]),
    [
      ['Leaf', 'good'],
      ['CA', 'good'],
    ],
  );
});

test('soft mode records what is not known, and refuses what is revoked', () => {
  const result = validate([], { mode: 'soft' });
  assert.ok(result.kind === 'valid');
  const [own] = result.certificate.revocation.certificates;
  assert.deepEqual(own?.status, { kind: 'unknown', reason: 'no list at hand speaks about it' });
  const revoking = crl({ issuer: ca, entries: [listed(leaf, 1)] });
  const refused = validate([revoking], { mode: 'soft' });
  assert.ok(refused.kind === 'invalid');
  assert.equal(refused.code, 'revoked');
  assert.match(refused.reason, /CN=Leaf is revoked since 2026-01-01T00:00:00.000Z: keyCompromise/);
});

test('without revocation facts the mode is off, and the result says so', () => {
  const result = validatePath({
    leaf: leaf.certificate,
    intermediates: [ca.certificate],
    anchors: [root.certificate],
    time: NOW,
    purpose: 'any',
  });
  assert.ok(result.kind === 'valid');
  assert.deepEqual(result.certificate.revocation, { mode: 'off', certificates: [] });
});

test('a revoked CA revokes all below it', () => {
  const revoking = crl({ issuer: root, entries: [listed(ca, 2)] });
  assert.equal(codeOf(validate([revoking, goodCrl])), 'revoked');
  assert.equal(codeOf(validate([revoking], { mode: 'soft' })), 'revoked');
});

test('RFC 5280 5.1.2: a list of another time, or without an end, does not count', () => {
  const old = crl({ issuer: ca, nextUpdate: '2026-05-20T00:00:00Z' });
  const future = crl({ issuer: ca, thisUpdate: '2026-06-02T00:00:00Z' });
  const endless = crl({ issuer: ca, nextUpdate: null });
  for (const list of [old, future, endless]) {
    assert.equal(codeOf(validate(withRoot(list))), 'revocation-unknown');
  }
});

test('RFC 5280 6.3.3 (f), (g): only who may sign the list signs it', () => {
  const stranger = certificate({ cn: 'CA', extensions: CA_EXTENSIONS });
  const forged = crl({ issuer: stranger });
  const crowd = [ca.certificate, stranger.certificate];
  assert.equal(
    codeOf(validate(withRoot(forged), { intermediates: crowd })),
    'revocation-unknown',
    'a self-signed namesake',
  );
  const mute = certificate({
    cn: 'Mute',
    issuer: root,
    extensions: [CA_EXTENSIONS[0] ?? der.null(), keyUsage('keyCertSign')],
  });
  const below = certificate({ cn: 'Below', issuer: mute });
  const options = { leaf: below.certificate, intermediates: [mute.certificate] };
  assert.equal(
    codeOf(validate(withRoot(crl({ issuer: mute })), options)),
    'revocation-unknown',
    'a CA that may not sign lists',
  );
  const flipped = Buffer.from(goodCrl.der);
  flipped[flipped.length - 3] = (flipped.at(-3) ?? 0) ^ 1;
  const parsed = parseCrl(flipped);
  assert.ok(parsed.kind === 'crl');
  assert.equal(codeOf(validate(withRoot(parsed.value))), 'revocation-unknown');
});

test('RFC 5280 6.3.3 (f): a CRL key of its own counts while its certificate is good, and never vouches for itself', () => {
  const signer = certificate({ cn: 'CA', issuer: root, extensions: [keyUsage('cRLSign')] });
  const intermediates = [ca.certificate, signer.certificate];
  const list = crl({ issuer: signer });
  assert.equal(codeOf(validate(withRoot(list), { intermediates })), 'valid');
  const revoking = crl({ issuer: root, entries: [listed(signer)] });
  assert.equal(codeOf(validate([revoking, list], { intermediates })), 'revocation-unknown');
  const own = certificate({ cn: 'CA', issuer: ca, extensions: [keyUsage('cRLSign')] });
  const circle = crl({ issuer: own });
  assert.equal(
    codeOf(validate(withRoot(circle), { intermediates: [ca.certificate, own.certificate] })),
    'revocation-unknown',
  );
});

test('RFC 5280 5.2: a list with an unknown critical extension, of itself or of an entry, is not used', () => {
  const odd = extension('1.2.3.4', der.null(), 'critical');
  const ofList = crl({ issuer: ca, extensions: [odd] });
  const ofEntry = crl({
    issuer: ca,
    entries: [entry({ serial: Buffer.of(9), extensions: [odd] })],
  });
  const elsewhere = crl({
    issuer: ca,
    entries: [entry({ serial: Buffer.of(9), issuer: nameOf('Other') })],
  });
  for (const list of [ofList, ofEntry, elsewhere]) {
    assert.equal(codeOf(validate(withRoot(list))), 'revocation-unknown');
  }
});

test('the newest list decides: a hold that was lifted, a revocation that is new', () => {
  const older = crl({ issuer: ca, entries: [listed(leaf, 6)], thisUpdate: '2026-04-01T00:00:00Z' });
  assert.equal(codeOf(validate(withRoot(older, goodCrl))), 'valid');
  const newer = crl({ issuer: ca, entries: [listed(leaf)], thisUpdate: '2026-05-30T00:00:00Z' });
  assert.equal(codeOf(validate(withRoot(goodCrl, newer))), 'revoked');
});

test('RFC 5280 5.2.4, 6.3.3 (c), (i) to (k): a delta adds and removes, if it continues the list', () => {
  const base = crl({ issuer: ca, number: 5, entries: [listed(leaf, 6)] });
  const delta = (fields: { base: number; number: number; entries?: Buffer[]; issuer?: Party }) =>
    crl({
      issuer: fields.issuer ?? ca,
      number: fields.number,
      entries: fields.entries ?? [],
      extensions: [deltaOf(fields.base)],
    });
  const removing = delta({ base: 4, number: 7, entries: [listed(leaf, 8)] });
  assert.equal(codeOf(validate(withRoot(base, removing))), 'valid');
  const clean = crl({ issuer: ca, number: 5 });
  const adding = delta({ base: 5, number: 6, entries: [listed(leaf, 1)] });
  assert.equal(codeOf(validate(withRoot(clean, adding))), 'revoked');
  assert.equal(codeOf(validate(withRoot(adding))), 'revocation-unknown', 'a delta alone');
  const ofLater = delta({ base: 6, number: 9, entries: [listed(leaf, 8)] });
  assert.equal(codeOf(validate(withRoot(base, ofLater))), 'revoked', 'continues a later list');
  const overdue = crl({ issuer: ca, number: 5, nextUpdate: '2026-05-10T00:00:00Z' });
  assert.equal(codeOf(validate(withRoot(overdue))), 'revocation-unknown');
  assert.equal(codeOf(validate(withRoot(overdue, delta({ base: 5, number: 8 })))), 'valid');
});

test('removeFromCRL in a complete list removes nothing', () => {
  const list = crl({ issuer: ca, entries: [listed(leaf, 8)] });
  assert.equal(codeOf(validate(withRoot(list))), 'revoked');
});

function pointed(...points: Buffer[]): Party {
  const value = der.sequence(...points.map((point) => der.sequence(point)));
  return certificate({
    cn: 'Pointed',
    issuer: ca,
    extensions: [extension(PKIX.crlDistributionPoints, value)],
  });
}

function idp(...fields: Buffer[]): Buffer {
  return extension(PKIX.issuingDistributionPoint, der.sequence(...fields), 'critical');
}

test('RFC 5280 6.3.3 (b): a list counts for the distribution points and kinds that it names', () => {
  const uri = 'http://crl.example/1';
  const party = pointed(uriPoint(uri));
  const check = (...fields: Buffer[]) =>
    codeOf(
      validate(withRoot(crl({ issuer: ca, extensions: [idp(...fields)] })), {
        leaf: party.certificate,
      }),
    );
  assert.equal(check(uriPoint(uri)), 'valid');
  assert.equal(check(uriPoint('http://crl.example/2')), 'revocation-unknown');
  const flag = (tag: number) => der.implicit(tag, der.boolean(true));
  assert.equal(check(uriPoint(uri), flag(1)), 'valid', 'end entities alone');
  assert.equal(check(uriPoint(uri), flag(2)), 'revocation-unknown', 'CAs alone');
  assert.equal(check(uriPoint(uri), flag(5)), 'revocation-unknown', 'attribute certificates');
  const some = der.implicit(3, der.namedBits([1, 2]));
  assert.equal(check(uriPoint(uri), some), 'revocation-unknown', 'two reasons are not all');
});

test('RFC 5280 6.3.3 (d), (e): lists for some reasons each add up', () => {
  const uri = 'http://crl.example/1';
  const party = pointed(uriPoint(uri));
  const part = (bits: number[], entries: Buffer[] = []) =>
    crl({
      issuer: ca,
      entries,
      extensions: [idp(uriPoint(uri), der.implicit(3, der.namedBits(bits)))],
    });
  const options = { leaf: party.certificate };
  const rest = [3, 4, 5, 6, 7, 8];
  assert.equal(codeOf(validate(withRoot(part([1, 2]), part(rest)), options)), 'valid');
  assert.equal(
    codeOf(validate(withRoot(part([1, 2]), part(rest, [listed(party, 4)])), options)),
    'revoked',
  );
});

test('RFC 5280 5.2.5, 5.3.3: an indirect list speaks for other issuers, entry by entry', () => {
  const clerk = certificate({ cn: 'Clerk', issuer: root, extensions: [keyUsage('cRLSign')] });
  const crlIssuer = der.explicit(2, der.explicit(4, nameOf('Clerk')));
  const party = pointed(crlIssuer);
  const intermediates = [ca.certificate, clerk.certificate];
  const isIndirect = idp(der.implicit(4, der.boolean(true)));
  const check = (entries: Buffer[], extensions = [isIndirect]) =>
    codeOf(
      validate(withRoot(crl({ issuer: clerk, entries, extensions })), {
        leaf: party.certificate,
        intermediates,
      }),
    );
  const { serial } = party.certificate;
  assert.equal(check([]), 'valid');
  assert.equal(check([], []), 'revocation-unknown', 'not indirect');
  assert.equal(check([entry({ serial })]), 'valid', "the clerk's own certificate of that number");
  assert.equal(check([entry({ serial, issuer: ca.certificate.subject })]), 'revoked');
  const before = entry({ serial: Buffer.of(3), issuer: ca.certificate.subject });
  assert.equal(check([before, entry({ serial })]), 'revoked', 'the issuer of the entry before');
});

test('a pinned certificate is good until its own issuer says that it is revoked', () => {
  const pin = (crls: Crl[], others: UntrustedCertificate[]) =>
    validatePath({
      leaf: leaf.certificate,
      intermediates: others,
      anchors: [leaf.certificate],
      time: NOW,
      purpose: 'any',
      revocation: { mode: 'hard', crls },
    });
  const revoking = crl({ issuer: ca, entries: [listed(leaf)] });
  assert.equal(codeOf(pin([revoking], [ca.certificate])), 'revoked');
  const unknown = pin([revoking], []);
  assert.ok(unknown.kind === 'valid');
  assert.equal(unknown.certificate.revocation.certificates[0]?.status.kind, 'unknown');
  const namesake = certificate({ cn: 'CA', extensions: CA_EXTENSIONS });
  const lie = crl({ issuer: namesake, entries: [listed(leaf)] });
  assert.equal(codeOf(pin([lie], [namesake.certificate])), 'valid', 'a stranger revokes nothing');
});

test('an end entity that one path shows to be revoked is refused on every other path', () => {
  // Two CA certificates of one key, below two anchors; only the first anchor's clerk knows better.
  const other = certificate({ cn: 'Other root', extensions: CA_EXTENSIONS });
  const cross = certificate({
    cn: 'CA',
    issuer: other,
    privateKey: ca.privateKey,
    extensions: CA_EXTENSIONS,
  });
  const clerk = certificate({ cn: 'Clerk', issuer: root, extensions: [keyUsage('cRLSign')] });
  const party = pointed(der.explicit(2, der.explicit(4, nameOf('Clerk'))));
  const revoking = crl({
    issuer: clerk,
    entries: [entry({ serial: party.certificate.serial, issuer: ca.certificate.subject })],
    extensions: [idp(der.implicit(4, der.boolean(true)))],
  });
  const orders = [
    [ca.certificate, cross.certificate],
    [cross.certificate, ca.certificate],
  ];
  const codes = orders.map((pair) =>
    codeOf(
      validatePath({
        leaf: party.certificate,
        intermediates: [...pair, clerk.certificate],
        anchors: [root.certificate, other.certificate],
        time: NOW,
        purpose: 'any',
        revocation: { mode: 'hard', crls: [rootCrl, crl({ issuer: other }), revoking] },
      }),
    ),
  );
  assert.deepEqual(codes, ['revoked', 'revoked']);
});

test('a critical crlDistributionPoints is acted on only where revocation is checked', () => {
  const value = der.sequence(der.sequence(uriPoint('http://crl.example/1')));
  const points = extension(PKIX.crlDistributionPoints, value, 'critical');
  const party = certificate({ cn: 'Strict', issuer: ca, extensions: [points] });
  const input = {
    leaf: party.certificate,
    intermediates: [ca.certificate],
    anchors: [root.certificate],
    time: NOW,
    purpose: 'any',
  } as const;
  assert.equal(codeOf(validatePath(input)), 'critical-extension');
  assert.equal(codeOf(validate(withRoot(goodCrl), { leaf: party.certificate })), 'valid');
});

test('revocationPlaces tells where lists and responders are, and fetches nothing', () => {
  const access = der.sequence(
    der.sequence(der.oid(PKIX.ocsp), der.implicit(6, der.ia5String('http://ocsp.example/'))),
    der.sequence(der.oid(PKIX.caIssuers), der.implicit(6, der.ia5String('http://ca.example/'))),
  );
  const value = der.sequence(der.sequence(uriPoint('http://crl.example/1')));
  const party = certificate({
    cn: 'Places',
    issuer: ca,
    extensions: [
      extension(PKIX.authorityInfoAccess, access),
      extension(PKIX.crlDistributionPoints, value),
      extension(PKIX.freshestCrl, der.sequence(der.sequence(uriPoint('http://crl.example/delta')))),
    ],
  });
  assert.deepEqual(revocationPlaces(party.certificate), {
    crls: ['http://crl.example/1', 'http://crl.example/delta'],
    ocsp: ['http://ocsp.example/'],
  });
  assert.deepEqual(revocationPlaces(leaf.certificate), { crls: [], ocsp: [] });
});

test('what is no CRL is refused with a reason, and every cut and flip ends well', () => {
  const bytes = crlBytes({ issuer: ca, entries: [listed(leaf, 1)], number: 3 });
  assert.equal(parseCrl(Buffer.concat([bytes, Buffer.of(0)])).kind, 'malformed');
  assert.equal(parseCrl(Buffer.alloc(MAX_CRL_BYTES + 1)).kind, 'malformed');
  for (let at = 0; at < bytes.length; at += 1) {
    assert.equal(parseCrl(bytes.subarray(0, at)).kind, 'malformed');
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0x41;
    const parsed = parseCrl(changed);
    if (parsed.kind === 'malformed') continue;
    // A list that still reads was changed in what is signed: it never shows anybody to be good.
    assert.notEqual(codeOf(validate(withRoot(parsed.value))), 'valid');
  }
});

test('a crowd of false CRL issuers ends in a refusal, in soft mode as well', () => {
  const clerk = certificate({ cn: 'Clerk', issuer: root, extensions: [keyUsage('cRLSign')] });
  const party = pointed(der.explicit(2, der.explicit(4, nameOf('Clerk'))));
  const revoking = crl({
    issuer: clerk,
    entries: [entry({ serial: party.certificate.serial, issuer: ca.certificate.subject })],
    extensions: [idp(der.implicit(4, der.boolean(true)))],
  });
  const crowd = Array.from({ length: 200 }, () =>
    certificate({ cn: 'Clerk', extensions: [keyUsage('cRLSign')] }),
  ).map((one) => one.certificate);
  const check = (count: number, lists: Crl[]) =>
    codeOf(
      validate(lists, {
        leaf: party.certificate,
        intermediates: [ca.certificate, ...crowd.slice(0, count), clerk.certificate],
        mode: 'soft',
      }),
    );
  assert.equal(check(20, [revoking]), 'revoked');
  const junk = Array.from({ length: 2 }, (_, index) =>
    crl({
      issuer: { ...clerk, privateKey: root.privateKey },
      extensions: [idp(der.implicit(4, der.boolean(true)))],
      thisUpdate: `2026-05-2${index}T00:00:00Z`,
    }),
  );
  assert.equal(check(200, [...junk, revoking]), 'budget');
});

test('X.690 8.3.2: a padded serial number would match no certificate: such a list is refused', () => {
  const padded = entry({ serial: Buffer.from([0, ...leaf.certificate.serial]) });
  assert.equal(parseCrl(crlBytes({ issuer: ca, entries: [padded] })).kind, 'malformed');
  const negative = entry({ serial: Buffer.of(0xff, 0x7f) });
  assert.equal(parseCrl(crlBytes({ issuer: ca, entries: [negative] })).kind, 'crl');
});

test('a hundred thousand entries are read, and a certificate found in them', () => {
  const entries = Array.from({ length: 100_000 }, (_, index) => {
    const serial = Buffer.alloc(8);
    serial.writeUInt32BE(0x40000000 + index);
    return entry({ serial, reason: 4 });
  });
  const list = crl({ issuer: ca, entries: [...entries, listed(leaf, 1)] });
  assert.equal(codeOf(validate(withRoot(list))), 'revoked');
  const free = crl({ issuer: ca, entries });
  assert.equal(codeOf(validate(withRoot(free))), 'valid');
});
