import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ROLES } from '../../services/cli/src/gateway/roles.ts';
import { DEPLOY, parseUnit, readRows, readUnits, type Unit } from '../harness/deploy.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { run } from '../harness/process.ts';

const units = readUnits();
const sandbox = parseUnit(
  'sandbox',
  readFileSync(join(DEPLOY, 'systemd/sallyport-.service.d/10-sandbox.conf'), 'utf8'),
);
const users = new Set(
  readRows('sysusers.d/sallyport.conf').flatMap(([type, name = '']) => (type === 'u' ? name : [])),
);
// An account has a group of its name.
const groups = new Set([
  ...users,
  ...readRows('sysusers.d/sallyport.conf').flatMap(([type, name = '']) =>
    type === 'g' ? name : [],
  ),
]);
const folders = new Set(readRows('tmpfiles.d/sallyport.conf').map(([, path = '']) => path));

/** What systemd-analyze says of each, at most: its own scale, 10 is no wall at all. */
const MOST_EXPOSURE: Readonly<Record<string, number>> = { recorder: 0.5, keyholder: 0.5 };
const MOST_ELSE = 1.6;

function missing(tool: string): string | false {
  const found = spawnSync(tool, ['--version']).error === undefined;
  return found ? false : `needs ${tool}`;
}

const PROJECT = join(DEPLOY, '..');

const needsRoot = process.getuid?.() === 0 ? false : 'needs root';

/** The units where systemd finds them, with programs that are there. */
async function withUnits(use: (folder: string) => Promise<void>): Promise<void> {
  await using folder = await temporaryFolder('units');
  cpSync(join(DEPLOY, 'systemd'), folder.path, { recursive: true });
  for (const file of globSync('*.service', { cwd: folder.path })) {
    const path = join(folder.path, file);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('ExecStart=/opt/sallyport', `ExecStart=${PROJECT}`));
  }
  await use(folder.path);
}

describe('the units', () => {
  test('each role has one, and runs as an account that there is', () => {
    for (const role of ROLES) assert.ok(units.has(role), `${role} has no unit`);
    for (const [role, unit] of units) {
      assert.match(unit.words('ExecStart').join(' '), new RegExp(`serve --role ${role} --config`));
      const [user = ''] = unit.words('User');
      assert.ok(users.has(user), `${role} runs as ${user}`);
      for (const group of unit.words('SupplementaryGroups')) {
        assert.ok(groups.has(group), `${role} is in ${group}`);
      }
      assert.deepEqual(unit.words('WantedBy'), ['sallyport.target']);
    }
  });

  test('no two share an account but the two mail workers, which share a key', () => {
    const byUser = Map.groupBy(units.values(), (unit) => unit.words('User')[0] ?? '');
    const shared = [...byUser.values()].filter((some) => some.length > 1);
    assert.deepEqual(
      shared.map((some) => some.map(({ name }) => name)),
      [['worker-inward', 'worker-outward']],
    );
  });

  test('each has the whole sandbox', () => {
    const demanded = {
      NoNewPrivileges: 'yes',
      ProtectSystem: 'strict',
      ProtectHome: 'yes',
      PrivateTmp: 'yes',
      PrivateDevices: 'yes',
      RestrictNamespaces: 'yes',
      LimitCORE: '0',
    };
    for (const [setting, value] of Object.entries(demanded)) {
      assert.deepEqual(sandbox.settings.get(setting), [value], setting);
    }
    assert.deepEqual(sandbox.settings.get('SystemCallFilter'), [
      '@system-service',
      '~@privileged @resources',
    ]);
    for (const [role, unit] of units) {
      const binds = ['ingress', 'directory', 'console'].includes(role);
      const wanted = binds ? ['CAP_NET_BIND_SERVICE'] : [];
      assert.deepEqual(unit.words('CapabilityBoundingSet'), wanted, role);
      assert.deepEqual(unit.words('AmbientCapabilities'), wanted, role);
      assert.match(unit.words('UMask')[0] ?? '', /^00[07]7$/, role);
      // What the drop-in says would win over the unit.
      for (const setting of unit.settings.keys())
        assert.ok(!sandbox.settings.has(setting), setting);
    }
  });

  test('recorder and keyholder have no network', () => {
    for (const role of ['recorder', 'keyholder']) {
      const unit = units.get(role) as Unit;
      assert.deepEqual(unit.words('PrivateNetwork'), ['yes'], role);
      assert.deepEqual(unit.words('RestrictAddressFamilies'), ['AF_UNIX'], role);
    }
  });

  test('each writes only in folders that tmpfiles.d makes for it', () => {
    for (const [role, unit] of units) {
      for (const path of unit.words('ReadWritePaths'))
        assert.ok(folders.has(path), `${role} ${path}`);
    }
    const writers = (folder: string): string[] =>
      [...units.values()]
        .filter((unit) => unit.words('ReadWritePaths').includes(`/var/lib/sallyport/${folder}`))
        .map(({ name }) => name);
    assert.deepEqual(writers('audit'), ['recorder']);
    assert.deepEqual(writers('keys'), ['keyholder']);
    assert.deepEqual(writers('policy'), ['console', 'worker-outward']);
    for (const [, path, , user = '', group = ''] of readRows('tmpfiles.d/sallyport.conf')) {
      if (user !== '-' && user !== 'root') assert.ok(users.has(user), `${path}: ${user}`);
      if (group !== 'root') assert.ok(groups.has(group), `${path}: ${group}`);
    }
  });

  test('what they start finds its Node by itself: no npm need have linked it', async () => {
    const [program = ''] = units.get('recorder')?.words('ExecStart') ?? [];
    const here = program.replace('/opt/sallyport', PROJECT);
    const env = { PATH: '/usr/bin:/bin' };
    const told = await run('env', ['-i', `PATH=${env.PATH}`, here, 'serve', '--role', 'nobody']);
    assert.match(told.stderr, /required option '--config/);
    await using folder = await temporaryFolder('bare');
    mkdirSync(join(folder.path, 'scripts'));
    cpSync(here, join(folder.path, 'scripts/sallyport.sh'));
    const bare = await run(join(folder.path, 'scripts/sallyport.sh'), ['--version'], { env });
    assert.equal(bare.code, 1);
    assert.match(bare.stderr, /run npm ci/);
  });

  const noAnalyze = missing('systemd-analyze');
  test('systemd-analyze verify has nothing to say', { skip: noAnalyze }, () =>
    withUnits(async (folder) => {
      const files = globSync('*.{service,target}', { cwd: folder }).map((one) => join(folder, one));
      const env = { SYSTEMD_UNIT_PATH: `${folder}:` };
      const verified = await run('systemd-analyze', ['verify', '--man=no', ...files], { env });
      assert.equal(verified.stderr + String(verified.stdout), '');
      assert.equal(verified.code, 0);
      const broken = join(folder, 'sallyport-ingress.service');
      writeFileSync(broken, readFileSync(broken, 'utf8').replace('UMask=', 'UMaks='));
      const named = await run('systemd-analyze', ['verify', '--man=no', broken], { env });
      assert.match(named.stderr, /UMaks/);
    }),
  );

  test('systemd-analyze security: little is left open', { skip: noAnalyze }, (context) =>
    withUnits(async (folder) => {
      for (const role of units.keys()) {
        const told = await run(
          'systemd-analyze',
          ['security', '--offline=true', '--no-pager', `${folder}/sallyport-${role}.service`],
          { env: { SYSTEMD_UNIT_PATH: `${folder}:` } },
        );
        const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(String(told.stdout))?.[1]);
        assert.ok(exposure <= (MOST_EXPOSURE[role] ?? MOST_ELSE), `${role}: ${exposure}`);
        context.diagnostic(`${role}: exposure ${exposure}`);
      }
    }),
  );

  test('sysusers and tmpfiles take their files', {
    skip: missing('systemd-sysusers') || missing('systemd-tmpfiles') || needsRoot,
  }, async () => {
    await using root = await temporaryFolder('root');
    mkdirSync(join(root.path, 'etc'));
    const made = await run('systemd-sysusers', [
      `--root=${root.path}`,
      join(DEPLOY, 'sysusers.d/sallyport.conf'),
    ]);
    assert.equal(made.code, 0, made.stderr);
    const passwd = readFileSync(join(root.path, 'etc/passwd'), 'utf8');
    for (const user of users) assert.match(passwd, new RegExp(`^${user}:`, 'm'));
    const conf = join(DEPLOY, 'tmpfiles.d/sallyport.conf');
    const folders = await run('systemd-tmpfiles', ['--create', `--root=${root.path}`, conf]);
    assert.equal(folders.stderr, '');
    assert.equal(folders.code, 0);
  });
});
