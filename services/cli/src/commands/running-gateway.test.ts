import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { initialised, sallyport, serve } from '../testing.ts';

/** Roles that need no port of the host. */
const ROLES = 'recorder,keyholder,worker-outward,worker-advise,egress';

describe('commands that work on a running gateway', () => {
  let folder = '';
  let config = '';
  let cleanUp = async (): Promise<void> => {};
  let stop = async (): Promise<void> => {};
  const at = (name: string): string => join(folder, name);
  const ask = async (...args: string[]): ReturnType<typeof sallyport> =>
    await sallyport([...args, '--config', config]);

  before(async () => {
    ({ folder, config, remove: cleanUp } = await initialised());
    // Nobody answers DNS there: a lookup must end in a failure, not on the network.
    const text = await readFile(config, 'utf8');
    await writeFile(config, `${text}\ndns: { servers: ["127.0.0.1:9"] }\n`);
    stop = await serve(['--config', config, '--role', ROLES]);
  });
  after(async () => {
    await stop();
    await cleanUp();
  });

  test('an empty queue is said to be empty, and an unknown id is a failure', async () => {
    const listed = await ask('queue', 'list');
    assert.deepEqual([listed.code, listed.text], [0, 'The queue is empty.\n']);
    for (const verb of ['show', 'release', 'retry', 'drop']) {
      const ran = await ask('queue', verb, '00000000000000000000');
      assert.equal(ran.code, 1, verb);
      assert.match(ran.stderr, /^[^\n]+\.\n$/);
    }
  });

  test('pause, resume, partner import and key generate are recorded with who did it', async () => {
    await writeFile(at('policy.yaml'), 'partners: []\n');
    const done = [
      await ask('queue', 'pause', 'bravo.example', '--by', 'alice'),
      await ask('queue', 'resume', 'bravo.example', '--by', 'alice'),
      await ask('partner', 'import', at('policy.yaml'), '--reason', 'a test', '--by', 'alice'),
      await ask(
        'key',
        'generate',
        '--for',
        'domain-signing',
        '--algorithm',
        'ec-p256',
        '--by',
        'alice',
      ),
    ];
    for (const ran of done) assert.equal(ran.code, 0, ran.stderr);
    for (const kind of [
      'destination-paused',
      'destination-resumed',
      'policy-activated',
      'key-generated',
    ]) {
      const listed = await ask('audit', 'list', '--kind', kind, '--json');
      const lines = listed.text.trim().split('\n');
      if (kind.startsWith('destination-')) assert.equal(lines.length, 1, 'by one process alone');
      // The version that init wrote came before.
      const event = JSON.parse(lines.at(-1) ?? '') as {
        kind: string;
        personal: { by: string };
        index: number;
      };
      assert.equal(event.kind, kind);
      assert.equal(event.personal.by, 'alice');
      const shown = await sallyport(['audit', 'show', String(event.index), at('g/data/audit')]);
      assert.match(shown.text, new RegExp(`^event ${event.index}: ${kind}`));
    }
  });

  test('simulate says the decision and its rule', async () => {
    const path = ['--from', 'alice@acme.example', '--to', 'bob@bravo.example'];
    const ran = await ask('partner', 'simulate', ...path, '--json');
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal((JSON.parse(ran.text) as { rule: string }).rule, 'default');
  });

  test('audit verify: the live log is whole, a planted edit is named, a cut shows against a checkpoint', async () => {
    const live = ['audit', 'verify', at('g/data/audit')];
    const whole = await sallyport([...live, '--save-checkpoint', at('checkpoint.json')]);
    assert.equal(whole.code, 0, whole.text);
    assert.match(whole.text, /consistency, not origin/);
    assert.match(whole.text, /No checkpoint was given/);
    const kept = await sallyport([...live, '--against', at('checkpoint.json')]);
    assert.match(kept.text, /The checkpoint is part of this log/);

    const [segment = ''] = (await readdir(at('g/data/audit'))).filter((name) =>
      name.endsWith('.jsonl'),
    );
    const lines = (await readFile(at(`g/data/audit/${segment}`), 'utf8')).trimEnd().split('\n');
    const key = ['--key', at('g/data/audit/log-key.pub.pem')];
    await mkdir(at('copy'));
    const copy = async (text: readonly string[]): Promise<void> =>
      await writeFile(at(`copy/${segment}`), text.map((line) => `${line}\n`).join(''));

    await copy(lines.map((line) => line.replace('bravo.example', 'gravo.example')));
    const edited = await sallyport(['audit', 'verify', at('copy'), ...key]);
    const place = lines.findIndex((line) => line.includes('bravo.example')) + 1;
    assert.equal(edited.code, 1);
    assert.match(edited.text, new RegExp(`DAMAGED at ${segment}, line ${place}: `));

    // A stopped log that ends without a head: read again, and still torn.
    await copy(lines.slice(0, -1));
    const torn = await sallyport(['audit', 'verify', at('copy'), ...key]);
    assert.equal(torn.code, 1);
    assert.match(torn.text, /no signed head covers/);

    const heads = lines.flatMap((line, index) => (line.startsWith('{"head"') ? [index] : []));
    await copy(lines.slice(0, (heads[0] ?? 0) + 1));
    assert.equal((await sallyport(['audit', 'verify', at('copy'), ...key])).code, 0);
    const cut = await sallyport([
      'audit',
      'verify',
      at('copy'),
      ...key,
      '--against',
      at('checkpoint.json'),
    ]);
    assert.equal(cut.code, 1);
    assert.match(cut.text, /the end was cut/);
  });
});
