import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DerReader } from '@sallyport/der';
import { type UntrustedCertificate, parseCertificate } from './certificate.ts';
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
  if (typeof intermediates === 'string') return { isValid: false, why: `malformed: ${intermediates}` };
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

test('x509-limbo: the measured part of the suite', { skip }, (t) => {
  const text = readFileSync(join(root, 'limbo/limbo-part.json'), 'utf8');
  const { testcases } = JSON.parse(text) as { testcases: LimboCase[] };
  const tally = newTally();
  for (const item of testcases) {
    const found = runLimbo(item);
    count(tally, item.id, item.expected_result === 'SUCCESS', found);
    if (process.env['SHOW']) t.diagnostic(`${item.id} ${found.why}`);
  }
  t.diagnostic(`limbo: ${tally.right} of ${testcases.length}`);
  for (const line of tally.details) t.diagnostic(line);
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
  const sets = { leaf: load('.TC.pem.crt'), cas: load('.ca.pem.crt'), anchors: load('.TA.pem.crt') };
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
    count(tally, `${id} (${verdict})`, verdict === 'Verified', runBsi(id));
  }
  t.diagnostic(`bsi: ${tally.right}`);
  for (const line of tally.details) t.diagnostic(line);
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

test('NIST PKITS: sections 4.1 to 4.12 with default inputs', { skip }, (t) => {
  const folder = join(root, 'pkits');
  const cases = JSON.parse(readFileSync(join(folder, 'expected-nist.json'), 'utf8')) as PkitsCase[];
  const anchor = certificateIn(join(folder, 'certs/TrustAnchorRootCertificate.crt'));
  assert.ok(typeof anchor !== 'string');
  const tally = newTally();
  for (const item of cases) {
    const [leaf, ...intermediates] = signedCertificates(join(folder, 'smime', item.smime));
    const time = new Date('2012-01-01T00:00:00Z');
    const anchors = [anchor];
    const found =
      leaf === undefined
        ? { isValid: false, why: 'malformed' }
        : outcome(validatePath({ leaf, intermediates, anchors, time, purpose: 'email-sign' }));
    count(tally, `${item.section} ${item.name}`, item.default_inputs === 'valid', found);
    if (process.env['SHOW']) t.diagnostic(`${item.section} ${item.name} ${found.why}`);
  }
  t.diagnostic(`pkits: ${tally.right} of ${cases.length}`);
  for (const line of tally.details) t.diagnostic(line);
});
