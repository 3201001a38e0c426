/** What is true of outgoing mail whose own signatures must be asked about. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferContent, newQueueId } from '@sallyport/mail';
import { parsePolicyDocument } from '@sallyport/policy';
import type { LookupPorts } from '../shared/lookup-ports.ts';
import { Unavailable } from '../shared/ports.ts';
import { silentLookup } from '../shared/test-lookup-ports.ts';
import { crlf, issued, makeRoot, NOW, pem, sign, withList } from '../shared/test-signers.ts';
import { messageFacts } from './facts.ts';
import { HEADER, openForeign } from './testing.ts';

const root = makeRoot('Acme Root');
const alice = issued('Alice', 'alice@acme.example', root);

async function innerSignatures(revocation: string, lookup: LookupPorts): Promise<string> {
  const trust = { anchors: [pem(root)], revocation };
  const parsed = parsePolicyDocument({ default: { trust } });
  assert.ok(parsed.kind === 'ok');
  const text = `From: alice@acme.example\nTo: bob@bravo.example\n${sign(alice)}`;
  const message = await openForeign(bufferContent(crlf(text)));
  const active = { version: 1, sha256: '', policy: parsed.policy };
  const header = { ...HEADER, id: newQueueId(NOW), createdAt: NOW.toISOString() };
  const context = { active, now: NOW, receipt: null, lookup };
  const own = new Set(['acme.example']);
  return (await messageFacts(header, message, own, context)).innerSignatures;
}

test("DS-G2: an author's revoked signature is not valid; one that nobody can say of waits in hard mode", async () => {
  const world = (): LookupPorts => silentLookup({ now: () => NOW });
  assert.equal(await innerSignatures('hard', await withList(world(), root, [])), 'valid');
  assert.equal(await innerSignatures('soft', await withList(world(), root, [alice])), 'invalid');
  assert.equal(await innerSignatures('soft', world()), 'valid');
  await assert.rejects(
    innerSignatures('hard', world()),
    (error) => error instanceof Unavailable && error.fault === 'revocation-unavailable',
  );
});
