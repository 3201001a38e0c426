import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatHeadLine, LOG_KEY_FILE, segmentName, signHead } from '@sallyport/audit-log';
import { NewestHead } from './newest-head.ts';
import { checkpointOf } from './shipment.ts';
import { syslogFrame } from './syslog-target.ts';

const logKey = generateKeyPairSync('ed25519');
const otherKey = generateKeyPairSync('ed25519');

function head(size: number, key = logKey.privateKey) {
  const hex = '0'.repeat(64);
  return signHead({ size, root: hex, time: '2026-11-21T10:00:00.000Z', previous: hex }, key);
}

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'heads-'));
  try {
    const pem = logKey.publicKey.export({ type: 'spki', format: 'pem' });
    await writeFile(join(folder, LOG_KEY_FILE), pem);
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function sizeOf(heads: NewestHead): Promise<number | string> {
  const found = await heads.look();
  return found.kind === 'head' ? found.head.size : found.kind;
}

test('the newest whole head is found, across segments, with a torn tail behind it', () =>
  withFolder(async (folder) => {
    const heads = new NewestHead(folder);
    assert.equal(await sizeOf(heads), 'none');
    const first = join(folder, segmentName(0));
    await writeFile(first, `{"leaf":"x"}\n${formatHeadLine(head(1))}`);
    assert.equal(await sizeOf(heads), 1);
    const half = formatHeadLine(head(2)).slice(0, 40);
    await appendFile(first, half);
    assert.equal(await sizeOf(heads), 1, 'half a line is no head');
    await appendFile(first, formatHeadLine(head(2)).slice(40));
    assert.equal(await sizeOf(heads), 2);
    await writeFile(join(folder, segmentName(65_536)), '{"leaf":"torn');
    assert.equal(await sizeOf(heads), 2);
    assert.equal(
      await sizeOf(new NewestHead(folder)),
      2,
      'a start looks back past a torn beginning',
    );
    await writeFile(join(folder, segmentName(65_536)), formatHeadLine(head(65_540)));
    assert.equal(await sizeOf(heads), 65_540);
  }));

test('a log that got shorter is looked at anew', () =>
  withFolder(async (folder) => {
    const heads = new NewestHead(folder);
    const segment = join(folder, segmentName(0));
    await writeFile(segment, formatHeadLine(head(1)) + formatHeadLine(head(2)));
    assert.equal(await sizeOf(heads), 2);
    await truncate(segment, formatHeadLine(head(1)).length);
    assert.equal(await sizeOf(heads), 1);
  }));

test('a head of another key is not taken for one', () =>
  withFolder(async (folder) => {
    const heads = new NewestHead(folder);
    const segment = join(folder, segmentName(0));
    await writeFile(segment, formatHeadLine(head(1, otherKey.privateKey)));
    assert.equal(await sizeOf(heads), 'unsigned');
    await appendFile(segment, formatHeadLine(head(2)));
    assert.equal(await sizeOf(heads), 2);
    await rm(join(folder, LOG_KEY_FILE));
    await assert.rejects(async () => {
      await appendFile(segment, formatHeadLine(head(3)));
      await heads.look();
    }, /ENOENT/);
    assert.ok((await readFile(segment)).length > 0);
  }));

test('RFC 5425 section 4.3: the frame has its length in octets before it', () => {
  const checkpoint = checkpointOf(head(7), 'gw.acme.example');
  const frame = String(syslogFrame(checkpoint, 'gw.acme.example'));
  const [, digits = '', message = ''] = /^(\d+) (.*)$/s.exec(frame) ?? [];
  assert.equal(Buffer.byteLength(message), Number(digits));
  assert.ok(message.startsWith('<109>1 2026-11-21T10:00:00.000Z gw.acme.example sallyport - '));
  assert.match(String(syslogFrame(checkpoint, 'a b\n<1>')), / ab<1> sallyport /);
});
