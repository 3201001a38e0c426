import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MESSAGE_LIMITS } from '@sallyport/domsec';
import { newQueueId } from '@sallyport/mail';
import { readEntityBytes } from '@sallyport/mime';
import { HEADER, NOW } from './testing.ts';
import { withTlsRequired } from './tls-required.ts';

const CASES: readonly (readonly [fields: string, requireTls: boolean, tag: unknown])[] = [
  ['', false, undefined],
  ['TLS-Required: No\r\n', false, 'no'],
  ['tls-required:\r\n no\r\n', false, 'no'],
  ['TLS-Required: Yes\r\n', false, undefined],
  ['TLS-Required: No\r\nTLS-Required: No\r\n', false, undefined],
  ['TLS-Required: No\r\n', true, undefined],
];

test('RFC 8689 4.1: TLS-Required: No counts once, and not beside REQUIRETLS', () => {
  for (const [fields, requireTls, tag] of CASES) {
    const text = `Subject: hi\r\n${fields}\r\ntext\r\n`;
    const read = readEntityBytes(Buffer.from(text), MESSAGE_LIMITS.mime);
    assert.ok(read.kind === 'entity');
    const header = { ...HEADER, id: newQueueId(NOW), requireTls };
    assert.equal(withTlsRequired(header, read.value).extra['tlsRequired'], tag, fields);
  }
});
