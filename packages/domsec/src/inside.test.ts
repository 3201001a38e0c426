/** What layers hold, as programs write it: bare line ends, bare CMS objects, other types. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authEnvelopedData, envelopedData, signedData } from '@sallyport/cms';
import { bufferContent, type Content } from '@sallyport/mail';
import {
  alice,
  bytesOf,
  dcaRsa,
  judge,
  messageAround,
  opaque,
  open,
  signerInfo,
} from './test-fixtures.ts';

const bare = bufferContent(Buffer.from('Content-Type: text/plain\n\nhello\nBob\n'));

async function signed(content: Content): Promise<Content> {
  return opaque(signedData(content, [await signerInfo(content, alice)], [alice.certificate.der]));
}

test('RFC 8551 section 3.1.1: a signature over bare line feeds is checked as it is, and read in canonical form', async () => {
  const message = await open(await messageAround(await signed(bare)));
  assert.equal(judge(message).signature, 'valid');
  assert.equal(
    (await bytesOf(message.content.content)).toString('latin1'),
    'Content-Type: text/plain\r\n\r\nhello\r\nBob\r\n',
  );
});

test('the same octets with CRLF are not the ones that were signed', async () => {
  const crlf = bufferContent(Buffer.from('Content-Type: text/plain\r\n\r\nhello\r\nBob\r\n'));
  const cms = signedData(crlf, [await signerInfo(bare, alice)], [alice.certificate.der]);
  assert.equal(judge(await open(await messageAround(opaque(cms)))).signature, 'invalid');
});

test('a body in binary under a canonical header keeps its octets', async () => {
  const octets = 'Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\n\r\0\n';
  const binary = bufferContent(Buffer.from(octets, 'latin1'));
  const message = await open(await messageAround(await signed(binary)));
  assert.equal((await bytesOf(message.content.content)).toString('latin1'), octets);
});

test('decrypted content with bare line feeds is read too', async () => {
  const [first] = [dcaRsa.certificate];
  const gcm = await authEnvelopedData(bare, [first], {
    content: 'aes256-gcm',
    keyTransport: 'auto',
  });
  const cbc = envelopedData(await signed(bare), [first], {
    content: 'aes256-cbc',
    keyTransport: 'auto',
  });
  for (const cms of [gcm, cbc]) {
    const message = await open(await messageAround(opaque(cms)));
    assert.match((await bytesOf(message.content.body)).toString('latin1'), /^hello\r\nBob\r\n$/);
  }
});

test('a bare CMS object need not hold MIME; a mail must', async () => {
  const sentence = bufferContent(Buffer.from('This is some sample content.'));
  const bytes = await messageAround(await signed(sentence));
  const asMail = judge(await open(bytes));
  assert.deepEqual([asMail.signature, asMail.fault], ['invalid', 'message-malformed']);
  const asObject = await open(bytes, { contentForm: 'any' });
  assert.equal(judge(asObject).signature, 'valid');
  assert.equal(String(await bytesOf(asObject.content.body)), 'This is some sample content.');
});

test('RFC 8551 section 3.2: what was signed as another type is no mail', async () => {
  const content = bufferContent(Buffer.from('Content-Type: text/plain\r\n\r\nhello\r\n'));
  const cms = await bytesOf(
    signedData(content, [await signerInfo(content, alice)], [alice.certificate.der]),
  );
  const data = Buffer.from('06092a864886f70d010701', 'hex');
  const other = Buffer.from('06092a864886f70d010705', 'hex');
  const altered = Buffer.from(cms);
  other.copy(altered, altered.indexOf(data));
  const verdict = judge(await open(await messageAround(opaque(bufferContent(altered)))));
  assert.deepEqual([verdict.signature, verdict.fault], ['invalid', 'algorithm-unsupported']);
});
