import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { der } from '@sallyport/der';
import { type OcspResponse, parseOcspResponse } from './ocsp.ts';
import { makeOcspRequest } from './ocsp-request.ts';
import { PKIX } from './oids.ts';
import { type PathResult, validatePath } from './path.ts';
import type { RevocationFacts } from './revocation-types.ts';
import {
  CA_EXTENSIONS,
  certificate,
  crl,
  entry,
  extension,
  keyUsage,
  NOW,
  type OcspFields,
  ocspBytes,
  type Party,
  revokedStatus,
} from './test-authority.ts';

const root = certificate({ cn: 'Root', extensions: CA_EXTENSIONS });
const leaf = certificate({ cn: 'Leaf', issuer: root });
const usage = (oid: string) => extension(PKIX.extendedKeyUsage, der.sequence(der.oid(oid)));
const OCSP_SIGNING = usage(PKIX.ocspSigning);
const NO_CHECK = extension(PKIX.ocspNoCheck, der.null());

function delegate(extensions: readonly Buffer[], issuer: Party = root): Party {
  return certificate({ cn: 'Responder', issuer, extensions });
}

function answer(fields: Partial<OcspFields> = {}): OcspResponse {
  const parsed = parseOcspResponse(ocspBytes({ about: leaf.certificate, issuer: root, ...fields }));
  assert.ok(parsed.kind === 'response', JSON.stringify(parsed));
  return parsed.value;
}

function byDelegate(responder: Party, fields: Partial<OcspFields> = {}): OcspResponse {
  return answer({ responder, certificates: [responder.certificate], ...fields });
}

function validate(
  response: OcspResponse | null,
  more: Partial<RevocationFacts> & { nonce?: Buffer } = {},
): PathResult {
  const { nonce, ...facts } = more;
  const fact = response && { response, ...(nonce === undefined ? {} : { nonce }) };
  return validatePath({
    leaf: leaf.certificate,
    intermediates: [],
    anchors: [root.certificate],
    time: NOW,
    purpose: 'any',
    revocation: { mode: 'hard', ocsp: fact === null ? [] : [fact], ...facts },
  });
}

function codeOf(result: PathResult): string {
  return result.kind === 'valid' ? 'valid' : result.code;
}

function reasonOf(result: PathResult): string {
  return result.kind === 'valid' ? 'valid' : result.reason;
}

test('RFC 6960 3.2: a good answer of the CA itself counts, named or by its key', () => {
  assert.equal(codeOf(validate(null)), 'revocation-unknown');
  for (const fields of [{}, { byKey: true }, { hash: 'sha256' as const }]) {
    const result = validate(answer(fields));
    assert.ok(result.kind === 'valid', reasonOf(result));
    const [own] = result.certificate.revocation.certificates;
    assert.ok(own?.status.kind === 'good' && own.status.source.kind === 'ocsp');
  }
});

test('RFC 6960 2.2: revoked is refused in every mode, unknown in hard mode', () => {
  const revoked = answer({ status: revokedStatus(new Date('2026-03-01T00:00:00Z'), 1) });
  assert.equal(codeOf(validate(revoked)), 'revoked');
  assert.equal(codeOf(validate(revoked, { mode: 'soft' })), 'revoked');
  assert.match(reasonOf(validate(revoked)), /revoked since 2026-03-01T00:00:00.000Z: keyComp/);
  const unknown = answer({ status: der.implicit(2, der.null()) });
  assert.equal(codeOf(validate(unknown)), 'revocation-unknown');
  assert.equal(codeOf(validate(unknown, { mode: 'soft' })), 'valid');
});

test('RFC 6960 3.2 (1): an answer about another certificate, or of another CA, says nothing', () => {
  const sibling = certificate({ cn: 'Sibling', issuer: root });
  assert.equal(codeOf(validate(answer({ about: sibling.certificate }))), 'revocation-unknown');
  // The same name and number, another key: who signs for that CA says nothing about this one's.
  const namesake = certificate({ cn: 'Root', extensions: CA_EXTENSIONS });
  const result = validate(answer({ issuer: namesake }));
  assert.match(reasonOf(result), /no list at hand speaks about it/);
  assert.match(reasonOf(validate(answer({ responder: namesake }))), /OCSP: the signature/);
});

test('RFC 6960 4.2.2.2: a delegated responder needs id-kp-OCSPSigning from this very CA', () => {
  assert.equal(codeOf(validate(byDelegate(delegate([OCSP_SIGNING, NO_CHECK])))), 'valid');
  const refused: [Party, RegExp][] = [
    [delegate([NO_CHECK]), /lacks id-kp-OCSPSigning/],
    [delegate([usage(PKIX.anyExtendedKeyUsage), NO_CHECK]), /lacks id-kp-OCSPSigning/],
    [delegate([OCSP_SIGNING, NO_CHECK, keyUsage('keyAgreement')]), /may not sign by its key usage/],
    [delegate([OCSP_SIGNING]), /not shown to be good/],
  ];
  for (const [party, reason] of refused) {
    const result = validate(byDelegate(party));
    assert.equal(codeOf(result), 'revocation-unknown');
    assert.match(reasonOf(result), reason);
  }
  const other = certificate({ cn: 'Other', issuer: root, extensions: CA_EXTENSIONS });
  const foreign = byDelegate(delegate([OCSP_SIGNING, NO_CHECK], other));
  assert.match(reasonOf(validate(foreign)), /another CA issued the responder/);
  const stranger = delegate([OCSP_SIGNING, NO_CHECK], certificate({ cn: 'Root' }));
  assert.match(reasonOf(validate(byDelegate(stranger))), /does not verify/);
  const absent = answer({ responder: delegate([OCSP_SIGNING, NO_CHECK]) });
  assert.match(reasonOf(validate(absent)), /is not in the response/);
});

test('RFC 6960 4.2.2.2.1: a responder without no-check is good or revoked by the list of its CA', () => {
  const party = delegate([OCSP_SIGNING]);
  const response = byDelegate(party);
  const options = (entries: Buffer[]) => ({ crls: [crl({ issuer: root, entries })] });
  assert.equal(codeOf(validate(response, options([]))), 'valid');
  const revoking = options([entry({ serial: party.certificate.serial })]);
  const result = validate(response, revoking);
  assert.ok(result.kind === 'valid', 'the list itself says that the end entity is good');
  const [own] = result.certificate.revocation.certificates;
  assert.ok(own?.status.kind === 'good' && own.status.source.kind === 'crl');
});

test('RFC 6960 3.2 (5), (6): an answer of another time does not count', () => {
  const cases: [Partial<OcspFields>, string][] = [
    [{ nextUpdate: '2026-05-31T23:00:00Z' }, 'too old'],
    [{ thisUpdate: '2026-06-01T00:10:00Z' }, 'a time to come'],
    [{ thisUpdate: '2026-05-30T00:00:00Z', nextUpdate: null }, 'too old'],
  ];
  for (const [fields, words] of cases) {
    const result = validate(answer(fields));
    assert.equal(codeOf(result), 'revocation-unknown');
    assert.ok(reasonOf(result).includes(words), reasonOf(result));
  }
  const fresh = answer({ thisUpdate: '2026-05-31T12:00:00Z', nextUpdate: null });
  assert.equal(codeOf(validate(fresh)), 'valid');
  assert.equal(codeOf(validate(answer({ thisUpdate: '2026-06-01T00:04:00Z' }))), 'valid');
});

test('RFC 9654 2.1: an answer with another nonce than the one asked with is a replay', () => {
  const nonce = Buffer.alloc(32, 7);
  const other = validate(answer({ nonce: Buffer.alloc(32, 8) }), { nonce });
  assert.match(reasonOf(other), /the nonce is another/);
  const same = validate(answer({ nonce }), { nonce });
  assert.ok(same.kind === 'valid');
  const [own] = same.certificate.revocation.certificates;
  assert.ok(own?.status.kind === 'good' && own.status.source.kind === 'ocsp');
  assert.equal(own.status.source.nonceMatched, true);
  assert.equal(codeOf(validate(answer(), { nonce })), 'valid', 'a responder may leave it out');
});

test('an answer that was changed or has an unknown critical extension does not count', () => {
  const odd = extension('1.2.3.4', der.null(), 'critical');
  assert.match(reasonOf(validate(answer({ extensions: [odd] }))), /critical extension 1\.2\.3\.4/);
  const bytes = ocspBytes({ about: leaf.certificate, issuer: root });
  for (let at = 0; at < bytes.length; at += 1) {
    assert.equal(parseOcspResponse(bytes.subarray(0, at)).kind, 'malformed');
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0x02;
    const parsed = parseOcspResponse(changed);
    if (parsed.kind === 'response') assert.notEqual(codeOf(validate(parsed.value)), 'valid');
  }
});

test('RFC 6960 4.2.1: an error of the responder is no answer, and garbage has a reason', () => {
  const tryLater = parseOcspResponse(der.sequence(der.enumerated(3)));
  assert.deepEqual(tryLater, { kind: 'error', status: 'tryLater' });
  for (const bytes of [
    der.sequence(der.enumerated(0)),
    der.sequence(der.enumerated(9)),
    der.null(),
  ]) {
    assert.equal(parseOcspResponse(bytes).kind, 'malformed');
  }
  assert.equal(parseOcspResponse(Buffer.alloc(1_000_000)).kind, 'malformed');
});

test('either source is enough to revoke: a good answer does not outweigh a list', () => {
  const crls = [crl({ issuer: root, entries: [entry({ serial: leaf.certificate.serial })] })];
  assert.equal(codeOf(validate(answer(), { crls })), 'revoked');
  const revoked = answer({ status: revokedStatus(NOW, 4) });
  assert.equal(codeOf(validate(revoked, { crls: [crl({ issuer: root })] })), 'revoked');
});

test('RFC 6960 4.1: openssl reads our request, and we read its answer', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ocsp-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, bytes: Buffer | string) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const nonce = Buffer.alloc(16, 5);
  const { certificate: issuer } = root;
  const request = makeOcspRequest({ certificate: leaf.certificate, issuer, nonce });
  const requestFile = write('request.der', request);
  const text = execFileSync('openssl', ['ocsp', '-reqin', requestFile, '-req_text', '-noverify'], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  assert.match(text, /Hash Algorithm: sha1/);
  assert.match(text, /OCSP Nonce:\s+0410050505/);
  const pem = (bytes: Buffer, label: string) =>
    `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;
  const ca = write('ca.pem', pem(issuer.der, 'CERTIFICATE'));
  const pkcs8 = root.privateKey.export({ format: 'pem', type: 'pkcs8' });
  const key = write('ca.key', pkcs8.toString());
  const serial = leaf.certificate.serial.toString('hex').toUpperCase();
  const index = write('index.txt', `V\t491231000000Z\t\t${serial}\tunknown\t/CN=Leaf\n`);
  const out = join(folder, 'response.der');
  const responder = ['-rsigner', ca, '-rkey', key, '-CA', ca, '-index', index, '-ndays', '1'];
  execFileSync('openssl', ['ocsp', ...responder, '-reqin', requestFile, '-respout', out], {
    stdio: 'pipe',
  });
  const parsed = parseOcspResponse(readFileSync(out));
  assert.ok(parsed.kind === 'response', JSON.stringify(parsed));
  const result = validatePath({
    leaf: leaf.certificate,
    intermediates: [],
    anchors: [issuer],
    time: parsed.value.producedAt,
    purpose: 'any',
    revocation: { mode: 'hard', ocsp: [{ response: parsed.value, nonce }] },
  });
  assert.ok(result.kind === 'valid', reasonOf(result));
  const [own] = result.certificate.revocation.certificates;
  assert.ok(own?.status.kind === 'good' && own.status.source.kind === 'ocsp');
  assert.equal(own.status.source.nonceMatched, true);
});

test('a nonce without octets or over 128 of them is not asked with', () => {
  for (const nonce of [Buffer.alloc(0), Buffer.alloc(129)]) {
    assert.throws(
      () => makeOcspRequest({ certificate: leaf.certificate, issuer: root.certificate, nonce }),
      RangeError,
    );
  }
});
