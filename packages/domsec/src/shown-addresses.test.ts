import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferContent } from '@sallyport/mail';
import { mailbox } from '@sallyport/test/addresses';
import { crlf, judge, messageAround, open, otherDsa, signedBy } from './test-fixtures.ts';

test("an address shown behind more than is looked through is nobody's: the signer does not fit", async () => {
  const many = Array.from({ length: 60 }, (_, index) => `e${index}@other.example`).join(' ');
  const originators = [mailbox('eve@other.example')];
  const plain = bufferContent(crlf('Content-Type: text/plain\n\nhello\n'));
  for (const [before, word] of [
    ['', 'ok'],
    [' '.repeat(17_000), 'mismatch'],
    [many, 'mismatch'],
  ] as const) {
    for (const shown of ['Eve', 'president@acme.example']) {
      const outer = `From: "${before} ${shown}" <eve@other.example>\nMIME-Version: 1.0\n`;
      const message = await open(await messageAround(await signedBy(plain, otherDsa), outer));
      const { mapping, reason } = judge(message, { originators });
      assert.equal(mapping, shown === 'Eve' ? word : 'mismatch', reason);
    }
  }
});
