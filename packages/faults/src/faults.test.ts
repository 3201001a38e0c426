import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  enhancedCode,
  FATES,
  FAULTS,
  type FaultId,
  faultOf,
  isFaultId,
  isLimitFault,
  isTransient,
  type ReplyFaultId,
  replyLine,
} from './index.ts';

const ids = Object.keys(FAULTS) as FaultId[];

test('style, Faults: the table of design is in the catalogue, code by code', () => {
  const table: [FaultId, number | null, string][] = [
    ['internal', 451, '4.3.0'],
    ['overloaded', 421, '4.3.2'],
    ['spool-full', 452, '4.3.1'],
    ['too-many-recipients', 452, '4.5.3'],
    ['message-too-big', 552, '5.3.4'],
    ['bare-line-end', 521, '5.5.2'],
    ['starttls-required', 530, '5.7.0'],
    ['relay-denied', 550, '5.7.1'],
    ['recipient-unknown', 550, '5.1.1'],
    ['routing-loop', 554, '5.4.6'],
    ['content-refused', 554, '5.7.1'],
    ['decryption-failed', 554, '5.7.5'],
    ['algorithm-unsupported', 554, '5.7.6'],
    ['message-integrity', 554, '5.7.7'],
    ['signature-required', 550, '5.7.1'],
    ['directory-unreachable', 451, '4.4.3'],
    ['recipient-certificate-missing', 550, '5.7.5'],
    ['tls-not-offered', null, '4.7.4'],
    ['tls-not-trusted', null, '4.7.5'],
    ['null-mx', null, '5.1.10'],
  ];
  for (const [id, code, status] of table) {
    assert.equal(faultOf(id).code, code, id);
    assert.equal(enhancedCode(id), status, id);
  }
});

test('RFC 5321 4.2.1: the reply code has the digit of the class, so has the enhanced code', () => {
  for (const id of ids) {
    const { code } = faultOf(id);
    const digit = isTransient(id) ? '4' : '5';
    assert.equal(enhancedCode(id)[0], digit, id);
    if (code !== null) assert.equal(String(code)[0], digit, id);
    assert.match(enhancedCode(id), /^[45]\.\d{1,3}\.\d{1,3}$/);
  }
});

test('RFC 3464 2.3.4: a transient fault that ended is reported as permanent, and back', () => {
  assert.equal(enhancedCode('directory-unreachable', 'permanent'), '5.4.3');
  assert.equal(enhancedCode('message-integrity', 'transient'), '4.7.7');
});

test('RFC 5321 4.5.3.1.5: a reply line is one printable line of at most 512 octets', () => {
  for (const id of ids) {
    if (faultOf(id).code === null) continue;
    const line = replyLine(id as ReplyFaultId);
    assert.match(line, /^[45]\d\d [45]\.\d+\.\d+ [\x20-\x7e]+$/);
    assert.ok(line.length <= 510, id);
  }
});

test('text for strangers names no host, path, library or product of ours', () => {
  for (const id of ids) {
    const { text } = faultOf(id);
    assert.doesNotMatch(
      text,
      /sallyport|openssl|node|redis|clam|ldap:|\/[a-z]+\/|\.ts\b|recorder|keyholder|worker/i,
      id,
    );
    assert.match(text, /^\S.*[^.\s]$/, id);
  }
});

test('an outage of ours looks like every other local error from outside', () => {
  for (const id of [
    'recorder-unavailable',
    'keyholder-unavailable',
    'worker-unavailable',
  ] as const) {
    assert.equal(replyLine(id), replyLine('internal'));
  }
});

test('every fault has advice and a fate', () => {
  for (const id of ids) {
    assert.match(faultOf(id).advice, /^\S.*\.$/, id);
    assert.ok(FATES[id].fates.length > 0, id);
    assert.match(FATES[id].note, /\.$/, id);
  }
  assert.deepEqual(Object.keys(FATES).sort(), [...ids].sort());
});

test('names that an object has by nature are no faults', () => {
  for (const name of ['', 'toString', '__proto__', 'constructor', 'INTERNAL']) {
    assert.equal(isFaultId(name), false, name);
  }
  assert.ok(ids.every((id) => isFaultId(id) && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(id)));
});

test('TM-7: each limit has a fault of its own, and what is over one is never tried again', () => {
  const limits = ids.filter(isLimitFault);
  assert.equal(limits.length, 9);
  assert.equal(new Set(limits.map((id) => faultOf(id).text)).size, limits.length);
  for (const id of limits) assert.equal(enhancedCode(id), '5.6.0', id);
  assert.ok(!isLimitFault('message-malformed'));
});
