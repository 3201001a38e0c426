import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from './proof.ts';
import { leafHash, MerkleTree, nodeHash } from './tree.ts';

/** RFC 9162 section 2.1.1, word for word. */
function mth(hashes: readonly Buffer[]): Buffer {
  const [only] = hashes;
  if (only === undefined) return createHash('sha256').digest();
  if (hashes.length === 1) return only;
  let k = 1;
  while (k * 2 < hashes.length) k *= 2;
  return nodeHash(mth(hashes.slice(0, k)), mth(hashes.slice(k)));
}

const leaves = (size: number) => Array.from({ length: size }, (_, i) => leafHash(`leaf ${i}`));

test('RFC 9162 2.1.1: known answers of the empty tree and of one leaf without bytes', () => {
  assert.equal(
    new MerkleTree().root().toString('hex'),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
  assert.equal(
    leafHash('').toString('hex'),
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  );
});

test('RFC 9162 2.1.2: the root grown leaf by leaf is the root of the definition', () => {
  const all = leaves(70);
  const tree = new MerkleTree();
  for (const [i, hash] of all.entries()) {
    assert.deepEqual(tree.root(), mth(all.slice(0, i)));
    tree.append(hash);
    assert.deepEqual(new MerkleTree(tree.size, tree.frontier).root(), tree.root());
  }
});

test('a tree of whole subtrees is the tree of their leaves; a subtree out of line is refused', () => {
  const all = leaves(13);
  const tree = new MerkleTree();
  tree.appendSubtree(mth(all.slice(0, 4)), 4);
  tree.appendSubtree(mth(all.slice(4, 8)), 4);
  for (const hash of all.slice(8)) tree.append(hash);
  assert.deepEqual(tree.root(), mth(all));
  assert.throws(() => tree.appendSubtree(mth(all), 4), RangeError);
  assert.throws(() => new MerkleTree(3, []), RangeError);
});

test('RFC 9162 2.1.3: an inclusion proof holds for its leaf, index, size and root and for no other', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(59), fc.nat(70), (size, at, other) => {
      const all = leaves(size);
      const index = at % size;
      const hash = all[index] ?? Buffer.alloc(0);
      const claim = { hash, index, size, root: mth(all) };
      const path = inclusionProof(all, index);
      assert.equal(verifyInclusion(claim, path), true);
      if (other !== index) assert.equal(verifyInclusion({ ...claim, index: other }, path), false);
      assert.equal(verifyInclusion({ ...claim, hash: leafHash('x') }, path), false);
      assert.equal(verifyInclusion(claim, [...path, hash]), false);
      if (path.length > 0) assert.equal(verifyInclusion(claim, path.slice(1)), false);
    }),
  );
  assert.throws(() => inclusionProof(leaves(2), 2), RangeError);
});

test('RFC 9162 2.1.4: a consistency proof holds for its two trees and for no other', () => {
  for (let size = 1; size <= 24; size += 1) {
    const all = leaves(size);
    for (let first = 1; first <= size; first += 1) {
      const heads = [
        { size: first, root: mth(all.slice(0, first)) },
        { size, root: mth(all) },
      ] as const;
      const path = consistencyProof(all, first);
      assert.equal(verifyConsistency(heads[0], heads[1], path), true, `${first} in ${size}`);
      const wrong = { size: first, root: leafHash('other') };
      assert.equal(verifyConsistency(wrong, heads[1], path), false);
      assert.equal(verifyConsistency(heads[0], { size, root: wrong.root }, path), false);
    }
  }
});
