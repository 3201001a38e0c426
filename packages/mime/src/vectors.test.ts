import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  decodeBody,
  type Entity,
  DEFAULT_MIME_LIMITS as LIMITS,
  readEntityBytes,
  replaceHeader,
  splitMultipart,
} from './index.ts';
import { bytesOf, chunked } from './test-fixtures.ts';

const VECTORS = new URL('../../../../shared/vectors/mime/', import.meta.url);

test('foreign and hostile messages: header and body, and parts and what is between them, are the whole', {
  skip: existsSync(VECTORS) ? false : 'shared/vectors/mime is absent',
}, async () => {
  let entities = 0;
  for (const entry of readdirSync(VECTORS, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const bytes = readFileSync(`${entry.parentPath}/${entry.name}`);
    for (const options of [{}, { lineEnds: 'any' }] as const) {
      const read = readEntityBytes(bytes, LIMITS, options);
      if (read.kind === 'malformed') continue;
      entities += 1;
      await checkWhole(read.value, bytes, options);
    }
  }
  assert.ok(entities > 200);
});

async function checkWhole(
  entity: Entity,
  bytes: Buffer,
  options: { lineEnds?: 'any' },
): Promise<void> {
  const raw = Buffer.concat(entity.header.map((field) => field.raw));
  assert.ok(raw.equals(bytes.subarray(0, raw.length)));
  assert.match(bytes.toString('latin1', raw.length, entity.headerBytes), /^(\r?\n)?$/);
  assert.ok((await bytesOf(entity.body)).equals(bytes.subarray(entity.headerBytes)));
  if (entity.header.every((field) => field.raw.at(-1) === 10) && !options.lineEnds) {
    assert.ok((await bytesOf(replaceHeader(entity, {}))).equals(bytes));
  }
  await decodeBody(entity);
  const streamed = { ...entity, body: chunked(await bytesOf(entity.body), 7) };
  const split = await splitMultipart(entity, LIMITS, options);
  const again = await splitMultipart(streamed, LIMITS, options);
  assert.equal(again.kind, split.kind);
  if (split.kind !== 'parts' || again.kind !== 'parts') return;
  for (const [index, part] of split.parts.entries()) {
    const start = entity.headerBytes + part.offset;
    const expected = bytes.subarray(start, start + part.content.sizeBytes);
    assert.ok((await bytesOf(part.content)).equals(expected));
    assert.ok((await bytesOf(again.parts[index]?.content ?? part.content)).equals(expected));
    await checkWhole(part, expected, options);
  }
}
