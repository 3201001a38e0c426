/** Whom a partner's record trusts: pins and their change, requirements, the sender looked up. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CmsMaker, makeCmsMaker, SIGNATURE_TYPE, withHeader } from '../harness/cms-maker.ts';
import { sallyport } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { headerOf, textEntity } from '../harness/messages.ts';
import { type PartnerWorld, startPartnerWorld } from '../harness/partner-world.ts';
import { type Reply, sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const skip = skipWithout(
  'nsd',
  'unbound',
  'bind9-dnsutils',
  'ldnsutils',
  'openssl',
  'gcc',
  'libssl-dev',
);

describe('trust', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: PartnerWorld;
  let maker: CmsMaker;

  before(async () => {
    world = await startPartnerWorld(stack, [
      {
        name: 'changed',
        published: (own) => ({ encryption: [own.newEncryption] }),
        trustWith: (own) => ({ pinned: [own.encryption.pem] }),
      },
      {
        name: 'lost',
        outbound: { discovery: ['cert'] },
        published: (own) => ({ encryption: [own.newEncryption] }),
        trust: { revocation: 'soft' },
        trustWith: (own) => ({ pinned: [own.encryption.pem] }),
      },
      {
        name: 'followed',
        outbound: { discovery: ['cert', 'pinned'] },
        published: (own) => ({ encryption: [own.newEncryption] }),
        trustWith: (own) => ({ pinned: [own.encryption.pem], keyChange: 'follow' }),
      },
      { name: 'weak', trust: { certificates: { encrypt: { keys: { curves: ['P-384'] } } } } },
      {
        name: 'compared',
        published: (own) => ({ signing: [own.newSigning] }),
        trust: { senderLookup: 'compare' },
      },
      { name: 'required', trust: { senderLookup: 'require' } },
      {
        name: 'dnssec',
        isSigned: true,
        outbound: { discovery: ['smimea'] },
        trust: { anchors: [] },
      },
      {
        name: 'demanding',
        isSigned: true,
        outbound: { discovery: ['smimea'] },
        trust: { anchors: [], smimea: 'path' },
      },
      {
        name: 'person',
        inbound: { signature: 'any-required' },
        outbound: { to: ['user', 'domain'], discovery: ['harvested', 'cert'] },
      },
    ]);
    maker = await makeCmsMaker(world.folder);
  });
  after(() => stack.disposeAsync());

  const fingerprints = async (kind: string): Promise<string> =>
    JSON.stringify((await world.gateway.events(kind)).map(({ facts }) => facts));
  const decided = async (partner: string) =>
    await waitFor(async () => (await world.decisions(partner)).at(-1)?.facts, {
      what: `decision for ${partner}`,
    });
  const changeOf = async (partner: string) =>
    (
      await world.gateway.waitForEvent(
        ({ kind, facts }) =>
          kind === 'partner-key-changed' && facts['domain'] === `${partner}.example`,
        { what: `key change of ${partner}` },
      )
    ).facts;
  const from = async (partner: string): Promise<Reply> => {
    const { signing } = world.keysOf(partner);
    const [author, to] = [`bob@${partner}.example`, 'alice@acme.example'];
    const entity = await maker.signed(textEntity('hello'), signing, [SIGNATURE_TYPE.domain]);
    const data = withHeader(headerOf({ from: author, to }), entity);
    const message = { from: author, to: [to], data };
    return await sendMessage(world.gateway.partner, message, world.gateway.tls);
  };

  test('while the pinned certificate serves, mail goes on with it, and its change is told', async () => {
    await world.send('changed');
    const { decision, proof } = await decided('changed');
    assert.deepEqual([decision, proof], ['protect', 'pinned']);
    const { outcome, door, direction } = await changeOf('changed');
    assert.deepEqual([outcome, door, direction], ['waits', 'cert', 'encrypt']);
    assert.equal((await fingerprints('decided')).includes('"decision":"hold"'), false);
  });

  test('once the pinned certificate is revoked, mail waits for the approval of the new one', async () => {
    world.lists.publish(world.listOf('lost'), [world.keysOf('lost').encryption.der]);
    await world.send('lost');
    const { decision, fault } = await decided('lost');
    assert.deepEqual([decision, fault], ['hold', 'partner-key-changed']);
    assert.equal((await changeOf('lost'))['outcome'], 'waits');
    const entry = await world.gateway.waitForEntry(
      (one) => JSON.stringify(one).includes('partner-key-changed'),
      'the held message',
    );
    assert.match(JSON.stringify(entry), /waits for approval/);
  });

  test('keyChange: follow uses the new certificate and records it', async () => {
    await world.send('followed');
    const { decision, proof } = await decided('followed');
    assert.deepEqual([decision, proof], ['protect', 'path']);
    assert.equal((await changeOf('followed'))['outcome'], 'followed');
  });

  test('TM-3: a certificate that is not as agreed is not used, and the field is named', async () => {
    await world.send('weak');
    const { decision, fault } = await decided('weak');
    assert.deepEqual([decision, fault], ['hold', 'recipient-certificate-unfit']);
    const at = ['--config', world.gateway.configFile];
    const located = await sallyport('cert', 'locate', 'bob@weak.example', ...at);
    assert.equal(located.code, 1);
    assert.match(String(located.stdout), /trust\.certificates\.encrypt\.keys: its key is EC P-256/);
  });

  test('CD-5: SMIMEA that DNSSEC proved needs no anchor, unless the rule demands a path', async () => {
    await world.send('dnssec');
    const { decision, proof, door } = await decided('dnssec');
    assert.deepEqual([decision, proof, door], ['protect', 'dnssec', 'smimea']);
    await world.send('demanding');
    const demanding = await decided('demanding');
    assert.equal(demanding['fault'], 'recipient-certificate-untrusted');
  });

  test('TM-4: another certificate in the directory than the one that signed is recorded, a match too', async () => {
    assert.equal((await from('compared')).code, 250);
    assert.equal((await from('required')).code, 250);
    const verdictsOf = async () =>
      (await world.gateway.events('opened')).map(({ facts }) => [
        facts['rule'],
        (facts['verdict'] as Record<string, unknown>)['senderLookup'],
      ]);
    const verdicts = await waitFor(
      async () => {
        const all = await verdictsOf();
        return all.length >= 2 ? all : undefined;
      },
      { what: 'two verdicts' },
    );
    assert.deepEqual(verdicts, [
      ['partner:compared', 'mismatch'],
      ['partner:required', 'match'],
    ]);
  });

  test('a certificate that verified mail brought is found behind its door, for the person alone', async () => {
    await world.send('person');
    const first = await decided('person');
    assert.deepEqual([first['owner'], first['door']], ['domain', 'cert']);
    const { person } = world.keysOf('person');
    const [author, to] = ['bob@person.example', 'alice@acme.example'];
    const entity = await maker.plainlySigned(textEntity('hello'), person);
    const data = withHeader(headerOf({ from: author, to }), entity);
    const message = { from: author, to: [to], data };
    const reply = await sendMessage(world.gateway.partner, message, world.gateway.tls);
    assert.equal(reply.code, 250, reply.text);
    await world.gateway.waitForEvent(({ kind }) => kind === 'certificate-harvested');
    await world.send('person');
    const second = await waitFor(async () => (await world.decisions('person')).at(1)?.facts, {
      what: 'second decision for person',
    });
    assert.deepEqual(
      [second['owner'], second['door'], second['proof']],
      ['user', 'harvested', 'path'],
    );
    assert.match(String(second['sentence']), /for the recipient's own certificate/);
  });

  test('cert locate --role signing finds the certificate that signs for a domain', async () => {
    const at = ['--role', 'signing', '--json', '--config', world.gateway.configFile];
    const located = await sallyport('cert', 'locate', 'bob@required.example', ...at);
    assert.equal(located.code, 0, String(located.stderr));
    const answer = JSON.parse(String(located.stdout)) as { certificates: string[]; found: object };
    const { signing } = world.keysOf('required');
    assert.deepEqual(answer.certificates, [signing.der.toString('base64')]);
    assert.deepEqual(answer.found, {
      door: 'cert',
      owner: 'domain',
      proof: 'path',
      revocation: { mode: 'off', status: 'not-checked', reason: '' },
    });
  });
});
