import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTlsName } from './tls-name.ts';

function kindOf(dnsNames: string[], name: string, match?: string[]): string {
  return checkTlsName({ dnsNames, ipAddresses: ['127.0.0.1', '::1'] }, name, match).kind;
}

test('RFC 9525 6.3: a wildcard is the whole left-most label and stands for one label', () => {
  assert.equal(kindOf(['mx.bravo.example'], 'MX.bravo.example.'), 'ok');
  assert.equal(kindOf(['*.bravo.example'], 'mx.bravo.example'), 'ok');
  assert.equal(kindOf(['*.bravo.example'], 'a.mx.bravo.example'), 'mismatch');
  assert.equal(kindOf(['*.bravo.example'], 'bravo.example'), 'mismatch');
  assert.equal(kindOf(['m*.bravo.example'], 'mx.bravo.example'), 'mismatch');
  assert.equal(kindOf(['mx.*.example'], 'mx.bravo.example'), 'mismatch');
  assert.equal(kindOf(['*.example'], 'bravo.example'), 'mismatch', 'below a top-level domain');
  assert.equal(kindOf(['xn--bcher-kva.example'], 'bücher.example'), 'ok');
});

test('RFC 6125 7.2: a name is compared as a whole, never as a suffix', () => {
  assert.equal(kindOf(['bravo.example'], 'notbravo.example'), 'mismatch');
  assert.equal(kindOf(['notbravo.example'], 'bravo.example'), 'mismatch');
  assert.equal(kindOf([], 'bravo.example'), 'mismatch');
});

test('match entries replace the name; a leading period wants a subdomain', () => {
  assert.equal(kindOf(['mx.bravo.example'], 'other.example', ['.bravo.example']), 'ok');
  assert.equal(kindOf(['*.bravo.example'], 'other.example', ['.bravo.example']), 'ok');
  assert.equal(kindOf(['bravo.example'], 'bravo.example', ['.bravo.example']), 'mismatch');
  assert.equal(kindOf(['mx.notbravo.example'], 'x', ['.bravo.example']), 'mismatch');
  assert.equal(kindOf(['mx.bravo.example'], 'mx.bravo.example', ['mx.alpha.example']), 'mismatch');
});

test('RFC 9525 6.5: an address is compared with iPAddress only', () => {
  assert.equal(kindOf([], '127.0.0.1'), 'ok');
  assert.equal(kindOf([], '0:0:0:0:0:0:0:1'), 'ok');
  assert.equal(kindOf(['127.0.0.2'], '127.0.0.2'), 'mismatch');
});
