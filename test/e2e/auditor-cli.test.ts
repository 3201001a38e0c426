/**
 * An auditor at the command line: an account of the host that may read the config and a copy of the
 * audit folder, and nothing else. It verifies and proves; whatever changes something or leads to
 * content is refused by the files and sockets themselves, command by command.
 */
import assert from 'node:assert/strict';
import { chmod, cp, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, makeGateway } from '../harness/gateway.ts';
import { textMessage } from '../harness/messages.ts';
import { asAccount, NOBODY, noOtherAccounts } from '../harness/other-account.ts';
import { freePort } from '../harness/ports.ts';
import { run } from '../harness/process.ts';
import { sendMessage } from '../harness/smtp-client.ts';

const CLI = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url));
const KEY = 'dsa-acme.example-2026-01-01';

/** Every command that changes a gateway, or shows what waits in it. CONFIG stands for --config FILE. */
const FORBIDDEN: readonly (readonly string[])[] = [
  ['key', 'list', 'CONFIG'],
  ['key', 'generate', '--for', 'domain-signing', 'CONFIG'],
  ['key', 'rollover', '--csr', 'CONFIG'],
  ['key', 'csr', KEY, 'CONFIG'],
  ['key', 'activate', KEY, 'CONFIG'],
  ['key', 'retire', KEY, 'CONFIG'],
  ['key', 'destroy', KEY, 'CONFIG'],
  ['partner', 'list', 'CONFIG'],
  ['partner', 'import', 'POLICY', '--reason', 'none', 'CONFIG'],
  ['partner', 'propose', 'POLICY', '--reason', 'none', 'CONFIG'],
  ['partner', 'approve', '1', 'CONFIG'],
  ['partner', 'activate', '1', 'CONFIG'],
  ['partner', 'rollback', '1', '--reason', 'none', 'CONFIG'],
  ['partner', 'simulate', '--from', 'a@acme.example', '--to', 'b@bravo.example', 'CONFIG'],
  ['cert', 'locate', 'bob@bravo.example', 'CONFIG'],
  ['queue', 'list', 'CONFIG'],
  ['queue', 'show', 'ID', 'CONFIG'],
  ['queue', 'release', 'ID', 'CONFIG'],
  ['queue', 'retry', 'ID', 'CONFIG'],
  ['queue', 'drop', 'ID', 'CONFIG'],
  ['queue', 'pause', 'bravo.example', 'CONFIG'],
  ['queue', 'resume', 'bravo.example', 'CONFIG'],
  ['account', 'list', 'CONFIG'],
  ['account', 'add', 'mallory', '--role', 'security-admin', 'CONFIG'],
  ['account', 'token', 'create', 'auditor', '--name', 'x', '--scope', 'queue.change', 'CONFIG'],
  ['audit', 'retain', '--before', '2030-01-01T00:00:00Z', 'CONFIG'],
  ['user', 'add', 'mallory', 'CONFIG'],
  ['directory', 'list', 'CONFIG'],
];

describe('an auditor at the command line', { skip: noOtherAccounts() }, () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let copy: string;
  let held = '';

  const auditor = async (...line: readonly string[]) => {
    const words = line.flatMap((word) => {
      if (word === 'CONFIG') return ['--config', gateway.configFile];
      if (word === 'POLICY') return [gateway.configFile];
      return [word === 'ID' ? held : word];
    });
    const [program, command] = asAccount({ user: NOBODY }, process.execPath, CLI, ...words);
    return await run(program, command);
  };

  before(async () => {
    gateway = stack.use(
      await makeGateway({
        domain: 'acme.example',
        innerPort: await freePort(),
        dnsPort: await freePort(),
        egressPort: await freePort(),
      }),
    );
    await gateway.setPolicy({
      partners: [
        {
          name: 'Bravo',
          domains: ['bravo.example'],
          outbound: {
            sign: 'domain',
            encrypt: 'required',
            otherwise: 'hold',
            discovery: ['pinned'],
          },
        },
      ],
    });
    await gateway.start();
    const [from, to] = ['alice@acme.example', 'bob@bravo.example'];
    await sendMessage(gateway.relay, {
      from,
      to: [to],
      data: textMessage({ from, to, text: 'x' }),
    });
    held = (await gateway.waitForEntry(({ state }) => state === 'held', 'a held message')).id;
    await chmod(gateway.folder, 0o755);
    copy = stack.use(await temporaryFolder('copy')).path;
    await cp(gateway.layout.audit, copy, { recursive: true });
    for (const name of ['', ...(await readdir(copy))]) await chmod(join(copy, name), 0o755);
  });
  after(() => stack.disposeAsync());

  test('a copy of the log is verified, searched and proved', async () => {
    const verified = await auditor('audit', 'verify', copy);
    assert.equal(verified.code, 0, verified.stderr);
    const listed = await auditor('audit', 'list', copy);
    assert.match(String(listed.stdout), /accepted/);
    assert.doesNotMatch(String(listed.stdout), /a message/); // its subject
    const shown = await auditor('audit', 'show', '1', copy);
    assert.equal(shown.code, 0, shown.stderr);
  });

  test('everything that changes something, or leads to what waits, is refused', async () => {
    const before = await stateOf(gateway);
    const waiting = [...FORBIDDEN];
    const takeNext = async (): Promise<void> => {
      for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
        const { code, stdout } = await auditor(...line);
        assert.notEqual(code, 0, line.join(' '));
        assert.doesNotMatch(String(stdout), /bob@bravo\.example/, line.join(' '));
      }
    };
    await Promise.all(Array.from({ length: 4 }, takeNext));
    assert.deepEqual(await stateOf(gateway), before);
  });

  test('the sealed message itself cannot be read', async () => {
    const [file = ''] = await gateway.queue('hold');
    const [program, line] = asAccount(
      { user: NOBODY },
      'cat',
      join(gateway.layout.spool, 'hold', file),
    );
    const { code, stdout } = await run(program, line);
    assert.notEqual(code, 0);
    assert.equal(String(stdout), '');
  });
});

/** What there is of policy, keys, accounts, held mail and log. */
async function stateOf({ layout, queue }: Gateway): Promise<object> {
  const names = async (folder: string): Promise<string[]> =>
    (await readdir(folder).catch(() => [])).sort();
  const segments = await names(layout.audit);
  return {
    policy: await names(layout.policy),
    keys: await names(layout.keys),
    accounts: await names(layout.accounts),
    held: await queue('hold'),
    log: await Promise.all(
      segments.map(async (name) => (await stat(join(layout.audit, name))).size),
    ),
  };
}
