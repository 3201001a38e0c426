/** A short slice of `npm run fuzz` with a fixed seed: 10,000 inputs, the same ones each time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '../harness/folder.ts';
import { chunksFor, runChunk } from './campaign.ts';
import { RULES } from './differences.ts';
import { ORACLE_FILES, runDifferential } from './differential.ts';
import { mutateBer } from './mutate-message.ts';
import { startOracle } from './oracle.ts';
import type { Target } from './target.ts';
import { quickTargets } from './targets.ts';

const SEED = 20_261_121;
const INPUTS = 10_000;
const DIFFERENTIAL_INPUTS = 500;

const targets = await quickTargets();
const chunks = chunksFor(targets, { inputs: INPUTS, seed: SEED, chunkInputs: INPUTS });

for (const chunk of chunks) {
  test(`${chunk.inputs} mutated inputs break no rule: ${chunk.target}`, async () => {
    const target = targets.find((one) => one.name === chunk.target);
    assert.ok(target);
    const { inputs, failure } = await runChunk(target, chunk);
    assert.equal(failure?.reason, undefined, `bytes in base64: ${failure?.bytes}`);
    assert.equal(inputs, chunk.inputs);
  });
}

test('every seed is taken as it is: the mutations begin where the readers say yes', async () => {
  for (const target of targets) {
    for (const { bytes } of target.seeds.slice(0, 60)) await target.check(bytes);
  }
});

test('what OpenSSL says of mutated objects differs from what we say only as reviewed', async () => {
  await using folder = await temporaryFolder('fuzz');
  await using oracle = await startOracle(folder.path, ORACLE_FILES);
  const options = { inputs: DIFFERENTIAL_INPUTS, seed: SEED, rules: RULES };
  const { agreed, unexplained } = await runDifferential(oracle, options);
  assert.deepEqual(unexplained, []);
  assert.ok((agreed['verify: both accept'] ?? 0) > 0, 'nothing is accepted by both');
  assert.ok((agreed['decrypt: both accept'] ?? 0) > 0, 'nothing is decrypted by both');
});

test('a reader that throws is found and its input made small', async () => {
  const seeds = [{ name: 'zeros', bytes: Buffer.alloc(100) }];
  const base = { name: 'broken', share: 1, seeds, mutate: mutateBer };
  const chunk = { target: 'broken', seed: SEED, inputs: 500 };
  const throwing: Target = {
    ...base,
    check: (bytes) => {
      if (bytes.length < 90) throw new TypeError('out of bounds');
      return 'read';
    },
  };
  const thrown = await runChunk(throwing, chunk);
  assert.match(thrown.failure?.reason ?? '', /out of bounds/);
  assert.equal(thrown.failure?.plan.edits.length, 1);
  const again = await runChunk(throwing, chunk);
  assert.equal(again.failure?.bytes, thrown.failure?.bytes, 'the same seed finds the same input');
});
