import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PolicyUnavailable } from '@sallyport/policy-store/read';
import { policyTrouble } from './policy-trouble.ts';

const rejecting = (error: Error) => ({ current: () => Promise.reject(error) });

test('a worker without a policy that it can use says that mail waits', async () => {
  const trouble = await policyTrouble(rejecting(new PolicyUnavailable('no policy is active')));
  assert.equal(trouble?.ok, false);
  assert.match(trouble?.sentence ?? '', /^no policy is active, so mail waits/);
});

test('a surprise is thrown on', async () => {
  await assert.rejects(policyTrouble(rejecting(new Error('bug'))), /bug/);
});
