import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isRanged, readContent, SMALL_CONTENT_BYTES, sliceContent } from '@sallyport/mail';
import { openFileContent } from '../message/file-content.ts';
import { messageSource } from '../message/source.ts';
import { openInput } from './read-input.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-input-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const line = 'a line of a long message\r\n';
const long = Buffer.from(`A: b\r\n\r\n${line.repeat(SMALL_CONTENT_BYTES / line.length + 1)}`);

function write(name: string, bytes: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

test('a long file is read again at each pass, and can be entered anywhere', async () => {
  const content = await openInput(write('long.eml', long));
  assert.ok(isRanged(content) && content.sizeBytes === long.length);
  for (let pass = 0; pass < 2; pass += 1) assert.ok((await readContent(content)).equals(long));
  const part = await readContent(sliceContent(content, 1_000_000, 100_000));
  assert.ok(part.equals(long.subarray(1_000_000, 1_100_000)));
  const { content: message, lineEnds } = await messageSource(content);
  assert.equal(lineEnds, 'crlf');
  assert.ok((await readContent(message)).equals(long));
});

test('a long file of a Unix tool is canonical once it is read; its From line is gone', async () => {
  const text = Buffer.from(`From somebody\n${long.toString().replaceAll('\r\n', '\n')}`);
  const { content, lineEnds } = await messageSource(await openInput(write('mbox', text)));
  assert.equal(lineEnds, 'normalised');
  assert.ok((await readContent(content)).equals(long));
});

test('of an open file only what was not read before is the message', async () => {
  const fd = openSync(write('rest', Buffer.from('before|after')), 'r');
  try {
    const content = openFileContent(fd, { offset: 7, sizeBytes: 5 });
    assert.equal((await readContent(content)).toString(), 'after');
    const cut = openFileContent(fd, { offset: 7, sizeBytes: 50 });
    await assert.rejects(readContent(cut), /shorter/);
  } finally {
    closeSync(fd);
  }
});

test('a folder is no message, and a file that is not there is a file error', async () => {
  await assert.rejects(openInput(folder), /is a folder/);
  await assert.rejects(openInput(join(folder, 'none')), /ENOENT/);
});
