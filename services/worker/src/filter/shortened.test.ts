import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferContent, type Content } from '@sallyport/mail';
import { shortened } from './shortened.ts';

function chunked(bytes: Buffer, size: number): Content {
  return {
    sizeBytes: bytes.length,
    open: async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    },
  };
}

async function keptOf(content: Content): Promise<Buffer> {
  const kept: Buffer[] = [];
  for await (const chunk of shortened(content)) kept.push(chunk);
  return Buffer.concat(kept);
}

const line = 'a line of the body, again and again\r\n';
const long = line.repeat(100_000);

test('a message whose bodies are short stays byte for byte, however it is cut', async () => {
  const parts = ['\r\n', '\n', '-', '--', '--a', 'text', 'A: b', '\r'];
  let state = 20_261_121;
  for (let round = 0; round < 500; round += 1) {
    let text = '';
    for (let part = 0; part < round % 60; part += 1) {
      state = (state * 48_271) % 2_147_483_647;
      text += parts[state % parts.length] ?? '';
    }
    const bytes = Buffer.from(text);
    assert.deepEqual(await keptOf(chunked(bytes, 1 + (state % 40))), bytes);
  }
});

test('of a long body only the beginning stays; delimiters and headers after it all stay', async () => {
  const text = `A: b\r\n\r\n${long}--x\r\nC: d\r\n\r\nshort\r\n--x--\r\n`;
  for (const size of [1_000, 65_536]) {
    const kept = (await keptOf(chunked(Buffer.from(text), size))).toString();
    assert.ok(kept.length < 1.2 * 1024 * 1024 && kept.length > 1024 * 1024 - 100);
    assert.ok(text.startsWith(kept.slice(0, 1_000_000)));
    assert.ok(kept.endsWith('again\r\n--x\r\nC: d\r\n\r\nshort\r\n--x--\r\n'));
  }
});

test('a line without end does not swallow the delimiter after it, and a header stays whole', async () => {
  const endless = `\r\n${'y'.repeat(3_000_000)}\r\n--x\r\n`;
  const kept = (await keptOf(chunked(Buffer.from(endless), 10_000))).toString();
  assert.ok(kept.endsWith('y\r\n--x\r\n') && kept.length < 1_100_000);
  const header = Buffer.from(`--x\r\n${'A: b\r\n'.repeat(300_000)}\r\n`);
  assert.deepEqual(await keptOf(bufferContent(header)), header);
});
