import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SurveyedHost, SurveyedMail } from '@sallyport/survey';
import { levelFindings } from './levels.ts';

function host(more: {
  readonly name?: string;
  readonly outcome?: SurveyedHost['tls']['outcome'];
  readonly check?: SurveyedHost['tlsa']['check'];
}): SurveyedHost {
  const { name = 'mx.bravo.example', outcome = 'verified', check = 'not-applicable' } = more;
  return {
    name,
    preference: 10,
    addresses: ['192.0.2.1'],
    dnssec: 'secure',
    tls: {
      outcome,
      version: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      fingerprint: outcome === 'verified' || outcome === 'unverified' ? 'a'.repeat(64) : null,
      chain: [],
      sentence: 'as it is',
    },
    tlsa: { dnssec: 'secure', records: [], failure: null, check, sentence: 'as it is' },
  };
}

function holds(hosts: readonly SurveyedHost[], dnssec: SurveyedMail['dnssec'] = 'secure') {
  const mail: SurveyedMail = { kind: 'mx', dnssec, reason: null, hosts };
  const found = levelFindings(mail, 'bravo.example');
  return Object.fromEntries(found.map((one) => [one.level, one.holds]));
}

test('a level holds only if it holds for each host', () => {
  const both = [host({}), host({ name: 'b.bravo.example', outcome: 'unverified' })];
  assert.deepEqual(holds(both), {
    may: 'yes',
    encrypt: 'yes',
    fingerprint: 'yes',
    verify: 'no',
    secure: 'no',
    dane: 'yes',
    'dane-only': 'no',
  });
});

test('a host without TLS takes mail by may alone', () => {
  const { may, encrypt, secure } = holds([host({ outcome: 'none' })]);
  assert.deepEqual({ may, encrypt, secure }, { may: 'yes', encrypt: 'no', secure: 'no' });
});

test('verify needs an MX that DNSSEC proves; without a trusted resolver nobody knows', () => {
  assert.equal(holds([host({})])['verify'], 'yes');
  assert.equal(holds([host({})], 'insecure')['verify'], 'no');
  assert.equal(holds([host({})], 'unknown')['verify'], 'unknown');
});

test('TLSA records that do not fit stop dane and dane-only', () => {
  const { dane, 'dane-only': only } = holds([host({ check: 'misfit' })]);
  assert.deepEqual([dane, only], ['no', 'no']);
  assert.equal(holds([host({ check: 'fits' })])['dane-only'], 'yes');
});

test('of a host that does not answer, or a domain that takes no mail, nothing is known', () => {
  assert.deepEqual(
    new Set(Object.values(holds([host({ outcome: 'unreachable' })]))),
    new Set(['unknown']),
  );
  const none: SurveyedMail = { kind: 'null-mx', dnssec: 'secure', reason: 'no mail', hosts: [] };
  assert.ok(levelFindings(none, 'x').every((one) => one.holds === 'unknown'));
});
