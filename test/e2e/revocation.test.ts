/** A partner's key that its CA revoked, and a CA that does not answer. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { makeCmsMaker, SIGNATURE_TYPE, withHeader } from '../harness/cms-maker.ts';
import { sallyport } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { headerOf, textEntity } from '../harness/messages.ts';
import { type PartnerWorld, startPartnerWorld } from '../harness/partner-world.ts';
import { type Reply, sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const skip = skipWithout('nsd', 'unbound', 'bind9-dnsutils', 'openssl', 'gcc', 'libssl-dev');
/** Longer, and mail to a revoked key would leave after its list was fetched. */
const REVOKED_WITHIN_MS = 60_000;

describe('revocation', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: PartnerWorld;

  before(async () => {
    world = await startPartnerWorld(stack, [
      { name: 'revoked', trust: { revocation: 'soft' } },
      { name: 'hard', trust: { revocation: 'hard' } },
      { name: 'soft', trust: { revocation: 'soft' } },
      { name: 'off', trust: { revocation: 'off' } },
      { name: 'inward', trust: { revocation: 'hard' } },
    ]);
    for (const name of ['hard', 'soft']) world.lists.setDown(world.listOf(name), true);
  });
  after(() => stack.disposeAsync());

  const send = async (partner: string): Promise<void> => {
    const reply = await world.send(partner);
    assert.equal(reply.code, 250, reply.text);
  };
  /** What the newest decision over mail to a partner was, once there are so many. */
  const decided = async (partner: string, count: number) =>
    await waitFor(
      async () => {
        const all = await world.decisions(partner);
        return all.length >= count ? all.at(-1)?.facts : undefined;
      },
      { what: `decision ${count} for ${partner}` },
    );

  test('a revoked key stops being used within 60 s of its list being fetched', {
    timeout: 90_000,
  }, async () => {
    await send('revoked');
    const before = await decided('revoked', 1);
    assert.equal(before['decision'], 'protect');
    assert.deepEqual(before['revocation'], { mode: 'soft', status: 'good' });
    const { encryption } = world.keysOf('revoked');
    const list = world.listOf('revoked');
    world.lists.publish(list, [encryption.der]);
    const hasNewList = (): boolean =>
      world.lists.served.some(({ path, revoked }) => path === list && revoked === 1);
    let fetchedAt: number | null = null;
    for (let count = 2; ; count += 1) {
      await send('revoked');
      const { decision, fault } = await decided('revoked', count);
      fetchedAt ??= hasNewList() ? performance.now() : null;
      if (decision === 'hold') {
        assert.equal(fault, 'recipient-certificate-revoked');
        break;
      }
      // Mail leaves until the list was fetched, and not much longer.
      assert.equal(decision, 'protect');
      assert.ok(fetchedAt === null || performance.now() - fetchedAt < REVOKED_WITHIN_MS);
    }
    assert.ok(hasNewList());
    const located = await sallyport(
      ...['cert', 'locate', 'bob@revoked.example', '--config', world.gateway.configFile],
    );
    assert.equal(located.code, 1);
    assert.match(String(located.stdout), /revocation +found .*fetch revocation list http/);
    assert.match(String(located.stdout), /revocation +unusable/);
  });

  test('CRL server down: hard waits and encrypts to nobody, soft sends and says so, off does not ask', async () => {
    for (const name of ['hard', 'soft', 'off']) await send(name);
    await world.gateway.waitForEvent(
      ({ kind, facts }) => kind === 'deferred' && facts['fault'] === 'revocation-unavailable',
      { what: 'mail that waits for the list' },
    );
    assert.deepEqual(await world.decisions('hard'), []);
    const soft = await decided('soft', 1);
    assert.deepEqual(
      [soft['decision'], soft['revocation']],
      ['protect', { mode: 'soft', status: 'unknown' }],
    );
    assert.match(String(soft['sentence']), /whether it is revoked could not be found out/);
    const off = await decided('off', 1);
    assert.deepEqual(off['revocation'], { mode: 'off', status: 'not-checked' });
    const asked = world.lists.served.map(({ path }) => path);
    assert.equal(asked.includes(world.listOf('off')), false);
    // A worker that starts anew asks at once; the one that ran would wait half a minute.
    world.lists.setDown(world.listOf('hard'), false);
    await world.gateway.kill('worker-outward');
    const hard = await decided('hard', 1);
    assert.deepEqual(
      [hard['decision'], hard['revocation']],
      ['protect', { mode: 'hard', status: 'good' }],
    );
  });

  test('inward, hard: 451 without the list, 250 with it, 550 once it names the signer', async () => {
    const maker = await makeCmsMaker(world.folder);
    const { signing } = world.keysOf('inward');
    const list = world.listOf('inward');
    const mail = async (): Promise<Reply> => {
      const [from, to] = ['bob@inward.example', 'alice@acme.example'];
      const entity = await maker.signed(textEntity('hello'), signing, [SIGNATURE_TYPE.domain]);
      const data = withHeader(headerOf({ from, to }), entity);
      return await sendMessage(world.gateway.partner, { from, to: [to], data }, world.gateway.tls);
    };
    world.lists.setDown(list, true);
    assert.match((await mail()).text, /^451 4\.4\.3 /);
    world.lists.setDown(list, false);
    await world.gateway.kill('worker-inward');
    const taken = async (): Promise<Reply | null> => {
      const reply = await mail();
      return reply.code === 250 ? reply : null;
    };
    await waitFor(taken, { what: 'mail whose signer is not revoked' });
    world.lists.publish(list, [signing.der]);
    const refused = async (): Promise<Reply | null> => {
      const reply = await mail();
      return reply.code === 250 ? null : reply;
    };
    const reply = await waitFor(refused, { what: 'mail whose signer is revoked' });
    assert.match(reply.text, /^550 5\.7\.1 the signer's certificate is revoked/);
    for (const words of [
      '"revocation":{"mode":"hard","status":"good"}',
      '"signature":"unverifiable"',
      '"signature":"invalid"',
    ]) {
      await world.gateway.waitForEvent(
        ({ kind, facts }) => kind === 'opened' && JSON.stringify(facts).includes(words),
        { what: words },
      );
    }
  });
});
