import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DerReader } from '@sallyport/der';
import { parseCertificate, type UntrustedCertificate } from './certificate.ts';
import { type PathLimits, type PathResult, validatePath } from './path.ts';
import { parsePemCertificates } from './pem.ts';
import type { Purpose } from './purpose.ts';
import { checkTlsName } from './tls-name.ts';

const root = join(import.meta.dirname, '../../../../shared/vectors/x509');
const skip = existsSync(root) ? false : 'third-party vectors are not in ../shared/vectors';

/** `valid`, or why not. */
type Outcome = { readonly isValid: boolean; readonly why: string };

function outcome(result: PathResult): Outcome {
  return result.kind === 'valid'
    ? { isValid: true, why: 'valid' }
    : { isValid: false, why: `${result.code}: ${result.reason}` };
}

interface Tally {
  right: number;
  falseAccepts: string[];
  falseRejects: string[];
  details: string[];
}

function newTally(): Tally {
  return { right: 0, falseAccepts: [], falseRejects: [], details: [] };
}

function count(tally: Tally, id: string, shouldBeValid: boolean, found: Outcome): void {
  if (shouldBeValid === found.isValid) {
    tally.right += 1;
    return;
  }
  (found.isValid ? tally.falseAccepts : tally.falseRejects).push(id);
  tally.details.push(`${id}: ${found.why}`);
}

function print(t: TestContext, suite: string, tally: Tally): void {
  const { right, falseAccepts, falseRejects, details } = tally;
  const run = right + falseAccepts.length + falseRejects.length;
  t.diagnostic(
    `${suite}: ${right} of ${run} right, ${falseAccepts.length} false accepts, ${falseRejects.length} false rejects`,
  );
  for (const line of details) t.diagnostic(`  ${line}`);
}

interface LimboCase {
  id: string;
  expected_result: 'SUCCESS' | 'FAILURE';
  trusted_certs: string[];
  untrusted_intermediates: string[];
  peer_certificate: string;
  validation_time: string | null;
  expected_peer_name: { kind: string; value: string } | null;
  max_chain_depth: number | null;
  extended_key_usage: string[] | null;
}

function certificates(pems: string[]): UntrustedCertificate[] | string {
  const list: UntrustedCertificate[] = [];
  for (const parsed of pems.flatMap((pem) => parsePemCertificates(pem))) {
    if (parsed.kind === 'malformed') return parsed.reason;
    list.push(parsed.value);
  }
  return list;
}

function runLimbo(item: LimboCase): Outcome {
  const anchors = certificates(item.trusted_certs);
  const intermediates = certificates(item.untrusted_intermediates);
  const peer = certificates([item.peer_certificate]);
  if (typeof anchors === 'string') return { isValid: false, why: `malformed: ${anchors}` };
  if (typeof intermediates === 'string')
    return { isValid: false, why: `malformed: ${intermediates}` };
  const [leaf] = peer;
  if (typeof peer === 'string' || leaf === undefined || typeof leaf === 'string') {
    return { isValid: false, why: `malformed: ${peer}` };
  }
  const limits: Partial<PathLimits> =
    item.max_chain_depth === null ? {} : { maxIntermediates: item.max_chain_depth };
  const time = new Date(item.validation_time ?? '2023-12-01T00:00:00Z');
  const purpose: Purpose = 'tls-server';
  const path = outcome(validatePath({ leaf, intermediates, anchors, time, purpose, limits }));
  if (!path.isValid || item.expected_peer_name === null) return path;
  const name = checkTlsName(leaf, item.expected_peer_name.value);
  return name.kind === 'ok' ? path : { isValid: false, why: name.reason };
}

/**
 * Rules for who issues, not for who validates: RFC 5280 section 6 does not ask for them, and private
 * roots break them. The last four are of the CA/Browser Forum. None lets anybody issue for a name.
 */
const LIMBO_LENIENT = [
  'rfc5280::aki::cross-signed-root-missing-aki',
  'rfc5280::ski::root-missing-ski',
  // PKITS 4.6.4 demands that this is accepted.
  'rfc5280::root-non-critical-basic-constraints',
  'webpki::aki::root-with-aki-missing-keyidentifier',
  'webpki::aki::root-with-aki-authoritycertissuer',
  'webpki::aki::root-with-aki-authoritycertserialnumber',
  'webpki::eku::ee-critical-eku',
];

test('x509-limbo: the measured part of the suite', { skip }, (t) => {
  const text = readFileSync(join(root, 'limbo/limbo-part.json'), 'utf8');
  const { testcases } = JSON.parse(text) as { testcases: LimboCase[] };
  const tally = newTally();
  for (const item of testcases) {
    const found = runLimbo(item);
    count(tally, item.id, item.expected_result === 'SUCCESS', found);
  }
  print(t, 'x509-limbo (part of 2023-12-01)', tally);
  assert.deepEqual(tally.falseRejects, []);
  assert.deepEqual(tally.falseAccepts, LIMBO_LENIENT);
});

function certificateIn(file: string): UntrustedCertificate | string {
  const bytes = readFileSync(file);
  const [parsed = parseCertificate(bytes)] = parsePemCertificates(bytes.toString('latin1'));
  return parsed.kind === 'malformed' ? parsed.reason : parsed.value;
}

function runBsi(id: string): Outcome {
  const folder = join(root, 'bsi', id);
  const files = readdirSync(folder);
  const load = (suffix: string) =>
    files.filter((file) => file.endsWith(suffix)).map((file) => certificateIn(join(folder, file)));
  const sets = {
    leaf: load('.TC.pem.crt'),
    cas: load('.ca.pem.crt'),
    anchors: load('.TA.pem.crt'),
  };
  const all = [...sets.leaf, ...sets.cas, ...sets.anchors];
  const bad = all.find((item) => typeof item === 'string');
  const good = (list: (UntrustedCertificate | string)[]) =>
    list.filter((item) => typeof item !== 'string');
  const [leaf] = good(sets.leaf);
  if (leaf === undefined) return { isValid: false, why: `malformed: ${bad}` };
  return outcome(
    validatePath({
      leaf,
      intermediates: good(sets.cas),
      anchors: good(sets.anchors),
      time: new Date('2017-08-10T00:00:00Z'),
      purpose: 'any',
    }),
  );
}

test('BSI certification path tests', { skip }, (t) => {
  const lines = readFileSync(join(root, 'bsi/expected.txt'), 'utf8').split('\n');
  const tally = newTally();
  for (const line of lines) {
    const [id = '', verdict = ''] = line.split('$');
    if (id === '' || id.startsWith('#')) continue;
    count(tally, id, verdict === 'Verified', runBsi(id));
  }
  print(t, 'BSI (ext_17 has no expected result and is not run)', tally);
  assert.deepEqual(tally.falseRejects, []);
  // A negative serial (PKITS 4.4.14 demands that it is accepted) and a long name: both only warnings
  // in the suite's own words ("gracefully handled").
  assert.deepEqual(tally.falseAccepts, ['cert_path_common_06', 'cert_path_common_12']);
});

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

/** Invalid by revocation or by a bad CRL alone: revocation is not part of `validatePath` yet. */
const NEEDS_CRL = [
  ...[1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 15, 18, 20, 21].map((number) => `4.4.${number}`),
  ...['4.5.2', '4.5.5', '4.5.7', '4.7.4', '4.7.5'],
];

test('NIST PKITS: sections 4.1 to 4.12 with default inputs', { skip }, (t) => {
  const folder = join(root, 'pkits');
  const cases = JSON.parse(readFileSync(join(folder, 'expected-nist.json'), 'utf8')) as PkitsCase[];
  const anchor = certificateIn(join(folder, 'certs/TrustAnchorRootCertificate.crt'));
  assert.ok(typeof anchor !== 'string');
  const tally = newTally();
  const needsCrl: string[] = [];
  const needsTree: string[] = [];
  for (const item of cases) {
    const [leaf, ...intermediates] = signedCertificates(join(folder, 'smime', item.smime));
    const time = new Date('2012-01-01T00:00:00Z');
    const anchors = [anchor];
    const found =
      leaf === undefined
        ? { isValid: false, why: 'malformed' }
        : outcome(validatePath({ leaf, intermediates, anchors, time, purpose: 'email-sign' }));
    if (NEEDS_CRL.includes(item.section)) {
      assert.ok(found.isValid, `${item.section} fails for another reason: ${found.why}`);
      needsCrl.push(item.section);
    } else if (item.default_inputs === 'valid' && found.why.startsWith('policy:')) {
      needsTree.push(item.section);
    } else {
      count(tally, item.section, item.default_inputs === 'valid', found);
    }
  }
  print(t, 'PKITS 4.1 to 4.12', tally);
  t.diagnostic(`set aside, needs CRLs (accepted now): ${needsCrl.length} (${needsCrl.join(' ')})`);
  t.diagnostic(
    `set aside, needs the policy tree (refused now): ${needsTree.length} (${needsTree.join(' ')})`,
  );
  t.diagnostic(
    'not run: 4.14 and 4.15 (CRL distribution points, delta CRLs), 4.8 with other inputs',
  );
  assert.deepEqual(tally.falseAccepts, []);
  // DSA is not accepted on purpose: FIPS 186-5 withdrew it, RFC 8550 section 4.3 does not list it.
  assert.deepEqual(tally.falseRejects, ['4.1.4', '4.1.5']);
  assert.equal(needsCrl.length, NEEDS_CRL.length);
  assert.equal(needsTree.length, 23);
});

test('NIST PKITS: sections 4.13 and 4.16, from the certificates', { skip }, (t) => {
  const folder = join(root, 'pkits/certs');
  const files = readdirSync(folder).sort();
  const all = files.map((file) => certificateIn(join(folder, file)));
  const intermediates = all.filter((item) => typeof item !== 'string');
  const anchor = certificateIn(join(folder, 'TrustAnchorRootCertificate.crt'));
  assert.ok(typeof anchor !== 'string');
  const tally = newTally();
  for (const [index, file] of files.entries()) {
    const [, verdict] =
      /^(Valid|Invalid).*(?:Constraints|CriticalCertificateExtension)Test\d+EE\.crt$/i.exec(file) ??
      [];
    const leaf = all[index];
    if (verdict === undefined || /pathLen|basic/i.test(file) || typeof leaf !== 'object') continue;
    const time = new Date('2012-01-01T00:00:00Z');
    const limits = { maxCertificates: files.length };
    const anchors = [anchor];
    const found = validatePath({ leaf, intermediates, anchors, time, purpose: 'any', limits });
    count(tally, file, verdict === 'Valid', outcome(found));
  }
  print(t, 'PKITS 4.13 and 4.16, all 405 certificates given as intermediates', tally);
  assert.deepEqual(tally.falseAccepts, []);
  assert.deepEqual(tally.falseRejects, []);
});
