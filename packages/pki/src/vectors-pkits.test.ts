import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DerReader } from '@sallyport/der';
import { parseCertificate, type UntrustedCertificate } from './certificate.ts';
import { type Crl, parseCrl } from './crl.ts';
import { type PathInput, validatePath } from './path.ts';
import type { InitialPolicies } from './policy-tree.ts';
import {
  certificateIn,
  count,
  newTally,
  type Outcome,
  outcome,
  print,
  root,
  skip,
} from './test-vectors.ts';

interface PkitsCase {
  section: string;
  name: string;
  smime: string;
  default_inputs: 'valid' | 'invalid';
}

/** The certificates of a clear-signed message, the signer's first. */
function signedCertificates(file: string): UntrustedCertificate[] {
  const mail = readFileSync(file, 'latin1');
  const part = mail.slice(mail.indexOf('smime.p7s"\n', mail.lastIndexOf('filename=')));
  const base64 = part.slice(part.indexOf('\n\n') + 2, part.indexOf('\n------'));
  const contentInfo = new DerReader(Buffer.from(base64, 'base64')).sequence();
  contentInfo.oid();
  const signed = contentInfo.optionalExplicit(0)?.sequence();
  assert.ok(signed);
  signed.integer();
  signed.set();
  signed.sequence();
  const list = signed.optional('context', 0);
  assert.ok(list);
  signed.optional('context', 1);
  const signerInfo = signed.set().sequence();
  signerInfo.integer();
  const sid = signerInfo.sequence();
  const issuer = sid.next().bytes;
  const serial = sid.integerBytes();
  // A certificate that is malformed is one that no path can use.
  const parsed = new DerReader(list).all().flatMap((tlv) => {
    const certificate = parseCertificate(tlv.bytes);
    return certificate.kind === 'certificate' ? [certificate.value] : [];
  });
  const isSigner = (item: UntrustedCertificate) =>
    item.serial.equals(serial) && item.issuer.equals(issuer);
  const signers = parsed.filter(isSigner);
  return [...signers, ...parsed.filter((item) => !isSigner(item))];
}

function crlIn(file: string): Crl | null {
  const parsed = parseCrl(readFileSync(file));
  // PKITS has lists that are broken on purpose; a list that cannot be read is one that nobody has.
  return parsed.kind === 'crl' ? parsed.value : null;
}

function pkitsCrls(): Crl[] {
  return readdirSync(join(root, 'pkits/crls'))
    .sort()
    .flatMap((file) => crlIn(join(root, 'pkits/crls', file)) ?? []);
}

const folder = join(root, 'pkits');
const time = new Date('2012-01-01T00:00:00Z');

function pkitsCases(): PkitsCase[] {
  return JSON.parse(readFileSync(join(folder, 'expected-nist.json'), 'utf8')) as PkitsCase[];
}

function anchor(): UntrustedCertificate {
  const found = certificateIn(join(folder, 'certs/TrustAnchorRootCertificate.crt'));
  assert.ok(typeof found !== 'string');
  return found;
}

function runPkits(item: PkitsCase, more: Pick<PathInput, 'revocation' | 'policies'>): Outcome {
  const [leaf, ...intermediates] = signedCertificates(join(folder, 'smime', item.smime));
  if (leaf === undefined) return { isValid: false, why: 'malformed' };
  const purpose = 'email-sign';
  return outcome(
    validatePath({ leaf, intermediates, anchors: [anchor()], time, purpose, ...more }),
  );
}

test('NIST PKITS: sections 4.1 to 4.12 with default inputs and CRLs, in hard mode', {
  skip,
}, (t) => {
  const cases = pkitsCases();
  const crls = pkitsCrls();
  const tally = newTally();
  for (const item of cases) {
    const found = runPkits(item, { revocation: { mode: 'hard', crls } });
    count(tally, item.section, item.default_inputs === 'valid', found);
  }
  print(t, 'PKITS 4.1 to 4.12', tally);
  assert.equal(cases.length, 139);
  assert.deepEqual(tally.falseAccepts, []);
  // DSA is not accepted on purpose: FIPS 186-5 withdrew it, RFC 8550 section 4.3 does not list it.
  assert.deepEqual(tally.falseRejects, ['4.1.4', '4.1.5']);
  assert.equal(tally.right, 137);
});

test('NIST PKITS: sections 4.14 and 4.15, distribution points and delta CRLs', { skip }, (t) => {
  const files = readdirSync(join(folder, 'certs')).sort();
  const all = files.map((file) => certificateIn(join(folder, 'certs', file)));
  const intermediates = all.filter((item) => typeof item !== 'string');
  const crls = pkitsCrls();
  const tally = newTally();
  const wanted =
    /^(Valid|Invalid)(distributionPoint|NoissuingDist|onlyContains|onlySome|IDPwithindirect|cRLIssuer|deltaCRL)/;
  for (const [index, file] of files.entries()) {
    const verdict = wanted.exec(file)?.[1];
    const leaf = all[index];
    if (verdict === undefined || typeof leaf !== 'object') continue;
    const found = validatePath({
      leaf,
      intermediates,
      anchors: [anchor()],
      time,
      purpose: 'any',
      limits: { maxCertificates: files.length },
      revocation: { mode: 'hard', crls },
    });
    count(tally, file, verdict === 'Valid', outcome(found));
  }
  print(t, 'PKITS 4.14 and 4.15', tally);
  assert.deepEqual(tally.falseAccepts, []);
  // The CRL issuer's own list alone says that its certificate is good; OpenSSL refuses it as well.
  assert.deepEqual(tally.falseRejects, ['ValidcRLIssuerTest30EE.crt']);
  assert.equal(tally.right, 44);
});

test('NIST PKITS: sections 4.13 and 4.16, from the certificates', { skip }, (t) => {
  const files = readdirSync(join(folder, 'certs')).sort();
  const all = files.map((file) => certificateIn(join(folder, 'certs', file)));
  const intermediates = all.filter((item) => typeof item !== 'string');
  const tally = newTally();
  for (const [index, file] of files.entries()) {
    const [, verdict] =
      /^(Valid|Invalid).*(?:Constraints|CriticalCertificateExtension)Test\d+EE\.crt$/i.exec(file) ??
      [];
    const leaf = all[index];
    if (verdict === undefined || /pathLen|basic/i.test(file) || typeof leaf !== 'object') continue;
    const limits = { maxCertificates: files.length };
    const anchors = [anchor()];
    const found = validatePath({ leaf, intermediates, anchors, time, purpose: 'any', limits });
    count(tally, file, verdict === 'Valid', outcome(found));
  }
  print(t, 'PKITS 4.13 and 4.16, all 405 certificates given as intermediates', tally);
  assert.deepEqual(tally.falseAccepts, []);
  assert.deepEqual(tally.falseRejects, []);
  assert.equal(tally.right, 40);
});

const [P1, P2, P3, P6] = [1, 2, 3, 6].map((number) => `2.16.840.1.101.3.2.1.48.${number}`);

/** What the PKITS document expects of initial inputs other than the default. */
const WITH_INPUTS: readonly (readonly [string, InitialPolicies, boolean])[] = [
  ['4.8.1', { requireExplicit: true }, true],
  ['4.8.1', { requireExplicit: true, accepted: [`${P1}`] }, true],
  ['4.8.1', { requireExplicit: true, accepted: [`${P2}`] }, false],
  ['4.8.1', { requireExplicit: true, accepted: [`${P1}`, `${P2}`] }, true],
  ['4.8.2', {}, true],
  ['4.8.2', { requireExplicit: true }, false],
  ['4.8.3', {}, true],
  ['4.8.3', { requireExplicit: true }, false],
  ['4.8.3', { requireExplicit: true, accepted: [`${P1}`, `${P2}`] }, false],
  ['4.8.4', { requireExplicit: true }, false],
  ['4.8.5', { requireExplicit: true }, false],
  ['4.8.6', { accepted: [`${P1}`] }, true],
  ['4.8.6', { accepted: [`${P2}`] }, false],
  ['4.8.10', { accepted: [`${P1}`] }, true],
  ['4.8.10', { accepted: [`${P2}`] }, true],
  ['4.8.11', { accepted: [`${P1}`] }, true],
  ['4.8.13', { accepted: [`${P1}`] }, true],
  ['4.8.13', { accepted: [`${P3}`] }, true],
  ['4.8.14', { accepted: [`${P1}`] }, true],
  ['4.8.14', { accepted: [`${P2}`] }, false],
  ['4.8.18', { accepted: [`${P1}`] }, true],
  ['4.8.18', { accepted: [`${P2}`] }, true],
  ['4.10.1', { accepted: [`${P1}`] }, true],
  ['4.10.1', { accepted: [`${P2}`] }, false],
  ['4.10.1', { inhibitMapping: true }, false],
  ['4.10.3', { accepted: [`${P1}`] }, false],
  ['4.10.3', { accepted: [`${P2}`] }, true],
  ['4.10.5', { accepted: [`${P1}`] }, true],
  ['4.10.5', { accepted: [`${P6}`] }, false],
  ['4.10.6', { accepted: [`${P1}`] }, true],
  ['4.10.6', { accepted: [`${P6}`] }, false],
  ['4.10.12', { accepted: [`${P1}`] }, true],
  ['4.10.12', { accepted: [`${P2}`] }, true],
];

test('NIST PKITS: 4.8 and 4.10 with the other initial policies', { skip }, (t) => {
  const tally = newTally();
  for (const [section, policies, isValid] of WITH_INPUTS) {
    const item = pkitsCases().find((one) => one.section === section);
    assert.ok(item);
    count(tally, `${section} ${JSON.stringify(policies)}`, isValid, runPkits(item, { policies }));
  }
  print(t, 'PKITS with other inputs', tally);
  assert.deepEqual([...tally.falseAccepts, ...tally.falseRejects], []);
  assert.equal(tally.right, WITH_INPUTS.length);
});
