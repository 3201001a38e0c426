import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { newQueueId } from '@sallyport/mail';
import {
  acceptMessage,
  closeKeyholderTests,
  ktri,
  openKeyholderTests,
  refused,
  root,
  setup,
  signParams,
  start,
} from './testing.ts';

before(openKeyholderTests);
after(closeKeyholderTests);

test('no key is used without the recorder, nor for a message that was never accepted', async () => {
  const away = await setup({ recorderSocket: join(root, 'nobody.sock') });
  await away.addKey({ keyId: 'dsa' });
  await away.addKey({ keyId: 'dca', class: 'domain-confidentiality', signedAttributes: null });
  const one = await start(away);
  const queueId = await acceptMessage();
  const recipient = ktri(Buffer.alloc(256));
  await assert.rejects(
    one.outward.call('sign', signParams('dsa', queueId)),
    refused('recorder-unavailable', /could not be recorded/),
  );
  await assert.rejects(
    one.inward.call('unwrap', { keyId: 'dca', queueId, keyBytes: 16, recipient }),
    refused('recorder-unavailable', /could not be recorded/),
  );
  await one.close();
  const there = await setup();
  await there.addKey({ keyId: 'dsa' });
  const two = await start(there);
  await assert.rejects(
    two.outward.call('sign', signParams('dsa', newQueueId(new Date()))),
    refused(null, /^not-accepted$/),
  );
  await two.close();
});

test('a key is not used more often than its limit', async () => {
  const given = await setup({ signaturesPerMinute: 2 });
  await given.addKey({ keyId: 'dsa' });
  const { outward, close } = await start(given);
  const queueId = await acceptMessage();
  await outward.call('sign', signParams('dsa', queueId));
  await outward.call('sign', signParams('dsa', queueId));
  await assert.rejects(
    outward.call('sign', signParams('dsa', queueId)),
    refused('keyholder-unavailable', /more often/),
  );
  await close();
});
