import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { UntrustedCertificate } from './certificate.ts';
import { validatePath } from './path.ts';
import type { PathLimits } from './path-search.ts';
import { parsePemCertificates } from './pem.ts';
import type { Purpose } from './purpose.ts';
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
import { checkTlsName } from './tls-name.ts';

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

function runLimbo(item: LimboCase, purpose: Purpose = 'tls-server'): Outcome {
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
  }
  print(t, 'x509-limbo (part of 2023-12-01)', tally);
  assert.deepEqual(tally.falseRejects, []);
  assert.deepEqual(tally.falseAccepts, []);
  assert.equal(tally.right, 73);
});

/**
 * Rules for who issues, not for who validates: they are checked for TLS servers (tls-profile.ts), and
 * private CAs of mail domains break them. None lets anybody issue for a name that is not theirs.
 */
const LIMBO_FOR_PUBLIC_CAS = [
  'rfc5280::aki::cross-signed-root-missing-aki',
  'rfc5280::ski::root-missing-ski',
  // PKITS 4.6.4 demands that this is accepted of an intermediate CA.
  'rfc5280::root-non-critical-basic-constraints',
  'webpki::aki::root-with-aki-missing-keyidentifier',
  'webpki::aki::root-with-aki-authoritycertissuer',
  'webpki::aki::root-with-aki-authoritycertserialnumber',
  'webpki::eku::ee-critical-eku',
];

test('x509-limbo: the rules for public CAs are those alone that private CAs may break', {
  skip,
}, () => {
  const text = readFileSync(join(root, 'limbo/limbo-part.json'), 'utf8');
  const { testcases } = JSON.parse(text) as { testcases: LimboCase[] };
  const isProfile = (item: LimboCase) => /^profile: .*(CA|key)/.test(runLimbo(item).why);
  const refused = testcases.filter(isProfile).filter((item) => runLimbo(item, 'any').isValid);
  const others = ['webpki::ee-basicconstraints-ca'];
  assert.deepEqual(
    refused.map(({ id }) => id).filter((id) => !others.includes(id)),
    LIMBO_FOR_PUBLIC_CAS,
  );
});

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
  assert.equal(tally.right, 30);
});
