import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personalSigner } from './personal-signer.ts';

test('the mailbox of a person who signed is personal; an authority of a domain is nobody', () => {
  assert.deepEqual(personalSigner('alice@bravo.example'), {
    personal: { signer: 'alice@bravo.example' },
  });
  for (const name of [
    'domain-signing-authority@bravo.example',
    'Review-Authority@bravo.example',
    'CN=Bravo',
    null,
  ]) {
    assert.deepEqual(personalSigner(name), {}, String(name));
  }
});
