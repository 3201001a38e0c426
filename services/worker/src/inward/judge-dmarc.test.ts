/** SPF, DKIM and DMARC in the judgement of a message from outside, and in what is delivered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferContent, newQueueId, readContent } from '@sallyport/mail';
import { parsePolicyDocument } from '@sallyport/policy';
import {
  AUTHSERV_ID,
  authenticated,
  CLIENT,
  DKIM_ZONE,
  NOW,
  signSimply,
  type Zone,
  zoneResolver,
} from '../authentication/testing.ts';
import type { Keyring } from '../shared/keyholder-client.ts';
import { silentLookup } from '../shared/test-lookup-ports.ts';
import { type Judgement, judgeMessage } from './judge.ts';

const REJECT: Zone = { 'TXT _dmarc.acme.example': ['v=DMARC1; p=reject'] };
const MESSAGE = signSimply({
  header: ['From: Ann <ann@acme.example>', 'To: bob@bravo.example', 'Subject:  odd \t spaces '],
  body: 'It  is signed. \r\n.\r\n\r\n',
  signed: 'from:from:to:subject',
});

async function judged(
  message: string,
  zone: Zone,
  inbound: object = {},
): Promise<Extract<Judgement, { kind: 'judged' }>> {
  const rule = { signature: 'when-present', encryption: 'when-present', ...inbound };
  const parsed = parsePolicyDocument({
    partners: [{ name: 'Acme', domains: ['acme.example'], inbound: rule }],
  });
  assert.ok(parsed.kind === 'ok', JSON.stringify(parsed));
  const clock = { now: () => NOW };
  const judgement = await judgeMessage(
    {
      queueId: newQueueId(NOW),
      client: CLIENT,
      reversePath: 'ann@acme.example',
      content: bufferContent(Buffer.from(message, 'latin1')),
      released: false,
    },
    { version: 1, sha256: '', policy: parsed.policy },
    {
      keyring: {
        ownRecipients: () => Promise.resolve([]),
        unwrapperFor: () => null,
      } as unknown as Keyring,
      scanner: null,
      mayOpen: () => Promise.resolve(true),
      correlates: () => Promise.resolve(false),
      authservId: AUTHSERV_ID,
      lookup: { ...silentLookup(clock), resolver: zoneResolver(zone) },
      now: NOW,
    },
  );
  assert.ok(judgement.kind === 'judged', JSON.stringify(judgement));
  return judgement;
}

async function deliveredText({ delivered }: Awaited<ReturnType<typeof judged>>): Promise<string> {
  return (await readContent(delivered)).toString('latin1');
}

test("a partner's DKIM signature is as good after delivery as before, and every byte under ours stays", async () => {
  for (const deliver of ['clear', 'signed', 'as-received']) {
    const text = await deliveredText(await judged(MESSAGE, DKIM_ZONE, { deliver }));
    assert.ok(text.endsWith(MESSAGE), deliver);
    const { dkim } = await authenticated(text, DKIM_ZONE);
    assert.deepEqual(
      dkim.map(({ result }) => result),
      ['pass'],
    );
  }
});

test('RFC 8601: one field in our name says smime, spf, dkim and dmarc; one that a stranger wrote is gone', async () => {
  const forged = `Authentication-Results: ${AUTHSERV_ID}; dmarc=pass header.from=bank.example\r\n${MESSAGE}`;
  const text = await deliveredText(await judged(forged, { ...DKIM_ZONE, ...REJECT }));
  const header = text.slice(0, text.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ');
  const fields = header.split('\r\n').filter((line) => /^authentication-results:/i.test(line));
  assert.equal(fields.length, 1);
  assert.match(
    fields[0] ?? '',
    /^Authentication-Results: gw\.bravo\.example; smime=none; spf=none smtp\.mailfrom=acme\.example; dkim=pass header\.d=acme\.example .*; dmarc=pass header\.from=acme\.example policy\.dmarc=reject$/,
  );
});

test('the rule decides over a DMARC failure; a DNS that is away stops mail only where the rule demands it', async () => {
  const plain = MESSAGE.replace(/^DKIM-Signature[^\n]*\n/, '');
  const outcome = async (zone: Zone, dmarc: string): Promise<string> => {
    const { decision } = await judged(plain, zone, { dmarc });
    return decision.kind === 'deliver' ? `deliver ${decision.flagged}` : decision.kind;
  };
  assert.equal(await outcome(REJECT, 'ignore'), 'deliver false');
  assert.equal(await outcome(REJECT, 'flag'), 'deliver true');
  assert.equal(await outcome(REJECT, 'hold'), 'hold');
  assert.equal(await outcome(REJECT, 'refuse'), 'refuse');
  const away: Zone = { 'TXT _dmarc.acme.example': 'failure', 'TXT acme.example': 'failure' };
  assert.equal(await outcome(away, 'flag'), 'deliver false');
  assert.equal(await outcome(away, 'refuse'), 'wait');
  const { authentication } = await judged(plain, away);
  assert.deepEqual(
    [authentication.spf.result, authentication.dmarc.result],
    ['temperror', 'temperror'],
  );
});
