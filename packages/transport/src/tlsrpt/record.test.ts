import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readReportUris } from './record.ts';

test('RFC 8460 section 3: where a domain wants its reports', () => {
  for (const [records, uris] of [
    [['v=TLSRPTv1;rua=mailto:reports@example.com'], ['mailto:reports@example.com']],
    [
      ['v=TLSRPTv1; rua=mailto:a@example.com , https://example.com/v1/tlsrpt?x=1'],
      ['mailto:a@example.com', 'https://example.com/v1/tlsrpt?x=1'],
    ],
    [['other', 'v=TLSRPTv1; rua=mailto:a@example.com;'], ['mailto:a@example.com']],
    [['v=TLSRPTv1; rua=ftp://example.com'], null],
    [['v=TLSRPTv1'], null],
    [['v=TLSRPTv2; rua=mailto:a@example.com'], null],
    [['v=TLSRPTv1; rua=mailto:a@b', 'v=TLSRPTv1; rua=mailto:c@d'], null],
    [[`v=TLSRPTv1; rua=${'mailto:a@b,'.repeat(40)}`], null],
    [[], null],
  ] as const) {
    assert.deepEqual(readReportUris(records), uris, records.join(' | ').slice(0, 80));
  }
});
