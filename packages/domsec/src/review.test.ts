import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_MIME_LIMITS } from '@sallyport/mime';
import { mailbox } from '@sallyport/test/addresses';
import { signMessage } from './outward.ts';
import { type ReviewState, reviewState } from './review.ts';
import type { SignatureTypeName } from './sign-layer.ts';
import {
  alice,
  dsa,
  entity,
  type Identity,
  identity,
  judge,
  MESSAGE,
  messageAround,
  open,
  reviewer,
  root,
  signerOf,
} from './test-fixtures.ts';

const NAME = 'review-authority';
const at = (domain: string, issuer: Identity | null = root): Identity =>
  identity({
    cn: NAME,
    emails: [`${NAME}@${domain}`],
    ...(issuer === null ? {} : { issuer }),
  });

async function sign(
  who: Identity,
  types: readonly SignatureTypeName[],
  bytes = MESSAGE,
): Promise<Buffer> {
  const options = { types, profile: 'domsec', protectHeaders: true, limits: DEFAULT_MIME_LIMITS };
  return await messageAround(
    await signMessage(entity(bytes), signerOf(who), { ...options, profile: 'domsec' }),
  );
}

async function review(bytes: Buffer, reviewers: readonly string[] = []): Promise<ReviewState> {
  const opened = await open(bytes);
  const originators = [mailbox('alice@acme.example')];
  return reviewState(opened, judge(opened).layers, { originators, reviewers });
}

test('RFC 3183 3.4 (DS-V9): no signature, or one of another type, is no review', async () => {
  assert.equal((await review(MESSAGE)).kind, 'none');
  assert.equal((await review(await sign(alice, []))).kind, 'none');
  assert.equal((await review(await sign(dsa, ['domain']))).kind, 'none');
  assert.equal((await review(await sign(reviewer, []))).kind, 'none', 'the type makes it a review');
});

test('RFC 3183 3.4: a review by somebody who is no review-authority does not count', async () => {
  for (const who of [alice, dsa]) {
    const state = await review(await sign(who, ['review']));
    assert.ok(state.kind === 'unusable');
    assert.match(state.reason, /common name/);
  }
});

test('DS-V9: a review that is not trusted, or of another domain, does not count', async () => {
  const untrusted = await review(await sign(at('acme.example', null), ['review']));
  assert.ok(untrusted.kind === 'unusable');
  assert.match(untrusted.reason, /does not verify/);
  const foreign = at('bravo.example');
  const bytes = await sign(foreign, ['review']);
  const state = await review(bytes);
  assert.ok(state.kind === 'unusable');
  assert.match(state.reason, /does not stand for alice@acme.example/);
  assert.equal((await review(bytes, [`${NAME}@bravo.example`])).kind, 'reviewed', 'agreed on');
  const unnamed = await sign(alice, ['review']);
  assert.equal(
    (await review(unnamed, ['alice@acme.example'])).kind,
    'unusable',
    'name of no reviewer',
  );
});

test('RFC 3183 2.2: a review of the originator domain counts, on the outside and further in', async () => {
  const reviewed = await sign(reviewer, ['review']);
  assert.deepEqual(await review(reviewed), {
    kind: 'reviewed',
    reviewer: `${NAME}@acme.example`,
  });
  const wrapped = await sign(dsa, ['domain'], reviewed);
  assert.equal((await review(wrapped)).kind, 'reviewed');
  const bad = await sign(at('bravo.example'), ['review'], reviewed);
  assert.equal((await review(bad)).kind, 'reviewed', 'one that counts is enough');
});
