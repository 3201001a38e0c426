import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { MESSAGE_LIMITS } from '@sallyport/domsec';
import type { DkimFields } from '@sallyport/ipc';
import { bufferContent, readContent } from '@sallyport/mail';
import { readEntityBytes } from '@sallyport/mime';
import { signDkim } from './sign.ts';
import { signedFields } from './signed-fields.ts';

const MESSAGE = [
  'Received: from mail.acme.example',
  'To: bob@bravo.example',
  'From: Ann',
  '\t<ann@acme.example>',
  'List-Id: <first.acme.example>',
  'List-Id: <second.acme.example>',
  'X-Other: not signed',
  'Subject: caf\u00c3\u00a9',
  '',
  'hello  ',
  '',
  '',
].join('\r\n');

function headerOf(text: string) {
  const read = readEntityBytes(Buffer.from(text, 'latin1'), MESSAGE_LIMITS.mime);
  assert.ok(read.kind === 'entity');
  return read.value.header;
}

test('RFC 6376 5.4: what people read and what says how is signed, the lowest of a name first, and sealed', () => {
  const chosen = signedFields(headerOf(MESSAGE));
  assert.deepEqual(chosen?.fields, [
    { name: 'from', value: 'Ann\t<ann@acme.example>' },
    { name: 'to', value: 'bob@bravo.example' },
    { name: 'subject', value: 'caf\u00c3\u00a9' },
    { name: 'list-id', value: '<second.acme.example>' },
    { name: 'list-id', value: '<first.acme.example>' },
  ]);
  for (const name of ['from', 'to', 'cc', 'reply-to', 'subject', 'content-type']) {
    assert.ok(chosen?.absent.includes(name), name);
  }
  assert.ok(!chosen?.absent.includes('list-id'), 'a list may add its own');
});

test('a field too long to be signed is left out whole; without exactly one From nothing is signed', () => {
  const long = MESSAGE.replace('bob@', `${'x'.repeat(70_000)}@`);
  const chosen = signedFields(headerOf(long));
  assert.ok(chosen?.fields.every(({ name }) => name !== 'to'));
  assert.ok(!chosen?.absent.includes('to'));
  assert.equal(signedFields(headerOf(`From: eve@evil.example\r\n${MESSAGE}`)), null);
  assert.equal(signedFields(headerOf('Subject: x\r\n\r\nx')), null);
});

test('each key puts its field on top, the body is hashed once, and no byte below changes', async () => {
  const asked: DkimFields[] = [];
  const signer = (field: string | null) => ({
    sign: (fields: DkimFields) => {
      asked.push(fields);
      return Promise.resolve(field);
    },
  });
  const bytes = Buffer.from(MESSAGE, 'latin1');
  let reads = 0;
  const content = {
    sizeBytes: bytes.length,
    async *open() {
      reads += 1;
      yield bytes;
    },
  };
  const signers = [signer('DKIM-Signature: a\r\n'), signer(null), signer('DKIM-Signature: b\r\n')];
  const signed = (await readContent(await signDkim(content, signers))).toString('latin1');
  assert.equal(signed, `DKIM-Signature: a\r\nDKIM-Signature: b\r\n${MESSAGE}`);
  assert.equal(reads, 1);
  const bodyHash = createHash('sha256').update('hello\r\n').digest('base64');
  assert.deepEqual(
    asked.map((one) => one.bodyHash),
    [bodyHash, bodyHash, bodyHash],
  );
});

test('without a key, or with a From that nobody may sign for, the message is what it was', async () => {
  const content = bufferContent(Buffer.from(MESSAGE, 'latin1'));
  assert.equal(await signDkim(content, []), content);
  const twice = bufferContent(Buffer.from(`From: x@y.example\r\n${MESSAGE}`, 'latin1'));
  const sign = () => Promise.reject(new Error('nothing is to be signed'));
  assert.equal(await signDkim(twice, [{ sign }]), twice);
});
