import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSelected, type QueueSelection } from './hint.ts';

const entry = {
  reversePath: 'alice@acme.example',
  forwardPaths: ['Bob@bravo.example', 'carol@mail.charlie.example'],
};

const CASES: readonly (readonly [QueueSelection, boolean])[] = [
  [{}, true],
  [{ recipient: 'bob@BRAVO.example' }, true],
  [{ recipient: 'bravo.example' }, true],
  [{ recipient: 'example' }, false],
  [{ recipient: 'ob@bravo.example' }, false],
  [{ recipient: 'alice@acme.example' }, false],
  [{ partnerDomains: ['bravo.example'] }, true],
  [{ partnerDomains: ['*.charlie.example'] }, true],
  [{ partnerDomains: ['*.bravo.example'] }, false],
  [{ partnerDomains: ['acme.example'] }, true],
  [{ partnerDomains: ['acme.example'], recipient: 'delta.example' }, false],
  [{ partnerDomains: [] }, false],
];

test('queue verbs mean a message by its recipient, and by a partner on either side', () => {
  for (const [selection, expected] of CASES) {
    assert.equal(isSelected(entry, selection), expected, JSON.stringify(selection));
  }
});
