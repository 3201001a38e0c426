import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DEPLOY, readUnits } from '../harness/deploy.ts';
import { startDns } from '../harness/dns.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, makeGateway, sallyport } from '../harness/gateway.ts';
import { textMessage } from '../harness/messages.ts';
import { noOtherAccounts, asAccount as runAs } from '../harness/other-account.ts';
import { freePort } from '../harness/ports.ts';
import { type RunningProcess, runOk, startProcess } from '../harness/process.ts';
import {
  politeScript,
  type ScriptedServer,
  startScriptedServer,
} from '../harness/scripted-server.ts';
import { sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const CLI = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url));
const RUN = [
  'recorder',
  'keyholder',
  'worker-outward',
  'worker-inward',
  'worker-advise',
  'egress',
  'directory',
  'shipper',
  'ingress',
] as const;
type Role = (typeof RUN)[number];

function unfit(): string | false {
  for (const tool of ['systemd-sysusers', 'systemd-tmpfiles']) {
    if (spawnSync(tool, ['--version']).error !== undefined) return `needs ${tool}`;
  }
  return noOtherAccounts();
}

/** Numbers of the accounts and groups that deploy/sysusers.d makes. */
interface Numbers {
  readonly user: (name: string) => number;
  readonly group: (name: string) => number;
}

async function numbersIn(root: string): Promise<Numbers> {
  await mkdir(join(root, 'etc'));
  await runOk('systemd-sysusers', [`--root=${root}`, join(DEPLOY, 'sysusers.d/sallyport.conf')]);
  const read = async (file: string): Promise<Map<string, number>> => {
    const lines = (await readFile(join(root, 'etc', file), 'utf8')).split('\n');
    return new Map(lines.map((line) => [line.split(':')[0] ?? '', Number(line.split(':')[2])]));
  };
  const [users, groups] = [await read('passwd'), await read('group')];
  const found = (map: Map<string, number>) => (name: string) => {
    const number = name === 'root' ? 0 : map.get(name);
    assert.ok(number !== undefined, name);
    return number;
  };
  return { user: found(users), group: found(groups) };
}

/** Makes the folders as deploy/tmpfiles.d says, but where the test has them. */
async function makeFolders(gateway: Gateway, numbers: Numbers): Promise<void> {
  const text = await readFile(join(DEPLOY, 'tmpfiles.d/sallyport.conf'), 'utf8');
  const numbered = text.replaceAll(
    /^(\S+\s+\S+\s+\S+\s+)(\S+)(\s+)(\S+)$/gm,
    (line, start: string, user: string, gap: string, group: string) =>
      line.startsWith('#')
        ? line
        : `${start}${user === '-' ? user : numbers.user(user)}${gap}${numbers.group(group)}`,
  );
  const moved = numbered
    .replaceAll('/var/lib/sallyport', join(gateway.folder, 'data'))
    .replaceAll('/run/sallyport', gateway.layout.runtime)
    .replaceAll('/etc/sallyport', join(gateway.folder, 'etc'));
  const conf = join(gateway.folder, 'tmpfiles.conf');
  await writeFile(conf, moved);
  await runOk('systemd-tmpfiles', ['--create', conf]);
}

describe('each process as an account of its own, as deploy/ has it', { skip: unfit() }, () => {
  const stack = new AsyncDisposableStack();
  const processes = new Map<Role, RunningProcess>();
  const units = readUnits();
  let gateway: Gateway;
  let inner: ScriptedServer;
  let partner: ScriptedServer;
  let numbers: Numbers;

  const settings = (role: Role) => {
    const unit = units.get(role);
    assert.ok(unit !== undefined);
    const [user = ''] = unit.words('User');
    const [umask = ''] = unit.words('UMask');
    const groups = unit.words('SupplementaryGroups').map((name) => String(numbers.group(name)));
    return { user: numbers.user(user), groups: groups.join(','), umask };
  };
  const asAccount = (role: Role, ...command: string[]): string[] => {
    const { user, groups, umask } = settings(role);
    const shell = ['sh', '-c', `umask ${umask} && exec "$@"`, 'sh'];
    const [, line] = runAs({ user, groups }, ...shell, ...command);
    return line;
  };

  before(async () => {
    inner = stack.use(await startScriptedServer(politeScript()));
    const dns = stack.use(
      await startDns([{ name: 'clear.example', records: ['@ IN MX 10 mx', 'mx IN A 127.0.0.1'] }]),
    );
    partner = stack.use(await startScriptedServer(politeScript()));
    const heads = stack.use(await temporaryFolder('heads'));
    gateway = stack.use(
      await makeGateway({
        domain: 'acme.example',
        innerPort: inner.port,
        dnsPort: dns.port,
        egressPort: await freePort(),
        users: { alice: 'secret' },
        config: {
          audit: { every: '1s', ship: [{ kind: 'file', path: join(heads.path, 'heads.jsonl') }] },
          routes: [
            {
              domain: 'acme.example',
              nextHops: [`127.0.0.1:${inner.port}`],
              tls: { level: 'none' },
            },
            {
              domain: 'bravo.example',
              nextHops: [`127.0.0.1:${partner.port}`],
              tls: { level: 'none' },
            },
          ],
        },
      }),
    );
    await gateway.setPolicy({
      partners: [
        {
          name: 'bravo',
          domains: ['bravo.example'],
          outbound: { sign: 'domain', profile: 'domsec', encrypt: 'none' },
          tls: { level: 'none' },
          trust: { anchors: [gateway.caPem] },
        },
      ],
    });
    const root = stack.use(await temporaryFolder('root'));
    numbers = await numbersIn(root.path);
    await mkdir(gateway.layout.ca);
    await writeFile(join(gateway.layout.ca, 'ca-key.pem'), 'secret', { mode: 0o600 });
    // As init leaves it: root's alone.
    const list = {
      crlNumber: 1,
      nextUpdate: new Date(Date.now() + 9e9).toISOString(),
      revoked: [],
    };
    const revocations = join(gateway.layout.ca, 'revocations.json');
    await writeFile(revocations, JSON.stringify(list), { mode: 0o640 });
    await makeFolders(gateway, numbers);
    // What LoadCredential does: the unit's account alone can read it.
    const ingress = settings('ingress').user;
    await chown(join(gateway.folder, 'tls-key.pem'), ingress, ingress);
    await chown(join(gateway.folder, 'passwords'), ingress, ingress);
    await writeFile(join(heads.path, 'heads.jsonl'), '');
    await chown(join(heads.path, 'heads.jsonl'), settings('shipper').user, 0);
    for (const role of RUN) {
      const serve = [
        process.execPath,
        CLI,
        'serve',
        '--role',
        role,
        '--config',
        gateway.configFile,
      ];
      processes.set(role, stack.use(await startProcess('setpriv', asAccount(role, ...serve))));
    }
    for (const [role, one] of processes) {
      const isReady = (): boolean => one.hasEnded() || one.output().includes('gateway.ready');
      await waitFor(isReady, { what: role, timeoutMs: 60_000 });
      assert.ok(!one.hasEnded(), `${role}: ${one.output()}`);
    }
  });
  after(() => stack.disposeAsync());

  const told = (): string =>
    [...processes].map(([role, one]) => `${role}: ${one.output()}`).join('\n');
  const took = async (server: ScriptedServer, pattern: RegExp): Promise<void> => {
    const isThere = (): boolean => server.lines.some((line) => pattern.test(line));
    await waitFor(isThere, { what: String(pattern) }).catch((cause: unknown) => {
      throw new Error(told(), { cause });
    });
  };
  const mail = (from: string, to: string) => ({
    from,
    to: [to],
    data: textMessage({ from, to, text: 'between accounts' }),
  });

  test('mail to a partner is signed and handed on: six accounts work on it', async () => {
    const reply = await sendMessage(gateway.relay, mail('alice@acme.example', 'bob@bravo.example'));
    assert.equal(reply.code, 250, told());
    await took(partner, /^RCPT TO:<bob@bravo\.example>/);
    await took(partner, /domain-signing-authority|multipart\/signed|application\/pkcs7-mime/);
    const { facts } = await gateway.waitForEvent(({ kind }) => kind === 'key-outcome');
    assert.equal(facts['outcome'], 'done');
    const withoutTrouble = (role: Role): void =>
      assert.doesNotMatch(processes.get(role)?.output() ?? '', /EACCES|EPERM|ERR_ACCESS_DENIED/);
    for (const role of RUN) withoutTrouble(role);
    const files = await stat(join(gateway.layout.spool, 'tmp'));
    assert.equal(files.mode & 0o7777, 0o2770, 'no process changed the folder');
  });

  test('mail from outside is judged and handed to the inner MTA', async () => {
    const reply = await sendMessage(
      gateway.partner,
      mail('carol@clear.example', 'alice@acme.example'),
    );
    assert.equal(reply.code, 250, told());
    await took(inner, /^RCPT TO:<alice@acme\.example>/);
  });

  test('what is encrypted to the domain is opened with its key', async () => {
    const before = (await gateway.events('key-outcome')).length;
    const plain = textMessage({
      from: 'carol@clear.example',
      to: 'alice@acme.example',
      text: 'in',
    });
    const made = await runOk(
      'openssl',
      [
        'cms',
        '-encrypt',
        '-aes256',
        '-from',
        'carol@clear.example',
        '-to',
        'alice@acme.example',
        '-subject',
        'in',
        gateway.dcaFile,
      ],
      { input: plain },
    );
    const data = String(made).replaceAll(/\r?\n/g, '\r\n');
    const from = 'carol@clear.example';
    const reply = await sendMessage(gateway.partner, { from, to: ['alice@acme.example'], data });
    assert.equal(reply.code, 250, `${reply.code} ${told()}`);
    const done = async (): Promise<boolean> =>
      (await gateway.events('key-outcome')).length > before;
    await waitFor(done, { what: 'unwrap' });
  });

  test('orders of the command line reach processes of all accounts', async () => {
    const listed = await sallyport('queue', 'list', '--config', gateway.configFile);
    assert.equal(listed.code, 0, listed.stderr);
    const located = await sallyport(
      'cert',
      'locate',
      'bob@nowhere.example',
      '--config',
      gateway.configFile,
    );
    assert.doesNotMatch(located.stderr, /not running/);
    const shipped = async (): Promise<boolean> =>
      processes.get('shipper')?.output().includes('"audit-head.shipped"') === true;
    await waitFor(shipped, { what: 'head shipped' });
  });

  test('an account gets no further than its own', async () => {
    const { layout, folder } = gateway;
    const tried = async (role: Role, act: string, path: string): Promise<number | null> => {
      const script = `require('node:fs').${act}`;
      const node = [process.execPath, '-e', script, path];
      return spawnSync('setpriv', asAccount(role, ...node)).status;
    };
    const reads = 'readFileSync(process.argv[1])';
    const lists = 'readdirSync(process.argv[1])';
    for (const role of RUN) {
      const { user } = settings(role);
      const secrets: [string, string][] = [
        [layout.logKey, reads],
        [layout.spoolKeys.workerPrivate, reads],
        [layout.spoolKeys.egressPrivate, reads],
        [join(folder, 'tls-key.pem'), reads],
        [layout.keys, lists],
        [join(layout.ca, 'ca-key.pem'), reads],
      ];
      for (const [path, act] of secrets) {
        const isOwn = (await stat(path)).uid === user;
        assert.equal(await tried(role, act, path), isOwn ? 0 : 1, `${role} ${path}`);
      }
    }
    const reaches = (role: Role, path: string): boolean => {
      const script =
        "require('node:net').connect(process.argv[1]).on('connect', () => process.exit(0)).on('error', () => process.exit(1))";
      const node = [process.execPath, '-e', script, path];
      return spawnSync('setpriv', asAccount(role, ...node)).status === 0;
    };
    const { sockets } = layout;
    const who = (path: string): string[] => RUN.filter((role) => reaches(role, path));
    assert.deepEqual(who(sockets.keyholderOutward), ['keyholder', 'worker-outward']);
    assert.deepEqual(who(sockets.keyholderInward), ['keyholder', 'worker-inward']);
    assert.deepEqual(who(sockets.keyholderOperator), ['keyholder']);
    assert.deepEqual(
      who(sockets.recorder),
      RUN.filter((r) => !['worker-advise', 'directory', 'shipper'].includes(r)),
    );
  });
});
