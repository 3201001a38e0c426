import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type GatewayConfig, loadConfig } from '@sallyport/config';
import { processSpecs, ROLES } from '../../services/cli/src/gateway/roles.ts';
import { type ProcessSpec, permissionFlags } from '../../services/cli/src/gateway/supervisor.ts';
import { type Gateway, makeGateway } from '../harness/gateway.ts';
import { freePort } from '../harness/ports.ts';
import { run } from '../harness/process.ts';

/** Reads, then writes, then starts a process, and says how each ended. */
const SCRIPT = `
  const { readFileSync, readdirSync, statSync, writeFileSync } = require('node:fs');
  const tell = (act) => { try { act(); return 'done'; } catch (error) { return error.code; } };
  const [paths, folders] = process.argv.slice(1).map((text) => JSON.parse(text));
  const read = Object.fromEntries(paths.map((path) => [path, tell(() =>
    statSync(path).isDirectory() ? readdirSync(path) : readFileSync(path))]));
  const write = Object.fromEntries(folders.map((path) => [path, tell(() => writeFileSync(path + '/probe', ''))]));
  const spawn = tell(() => require('node:child_process').execFileSync('/bin/true'));
  console.log(JSON.stringify({ read, write, spawn }));
`;

interface Told {
  readonly read: Readonly<Record<string, string>>;
  readonly write: Readonly<Record<string, string>>;
  readonly spawn: string;
}

describe('what a process of the gateway may touch', () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let config: GatewayConfig;
  /** Everything that some role is let into, and what none is. */
  let places: readonly string[];

  before(async () => {
    const ports = {
      innerPort: await freePort(),
      dnsPort: await freePort(),
      egressPort: await freePort(),
    };
    gateway = stack.use(
      await makeGateway({
        domain: 'acme.example',
        ...ports,
        users: { alice: 'secret' },
        config: {
          audit: { ship: [{ kind: 'file', path: '/nowhere/heads.jsonl' }] },
          monitor: { listen: [`127.0.0.1:${await freePort()}`] },
          console: {
            listen: [`127.0.0.1:${await freePort()}`],
            tls: { certificateFile: 'tls.pem', keyFile: 'tls-key.pem' },
            publicUrl: 'https://gw.acme.example',
          },
        },
      }),
    );
    await gateway.setPolicy({ partners: [] });
    const loaded = await loadConfig(gateway.configFile);
    assert.equal(loaded.kind, 'ok');
    if (loaded.kind !== 'ok') return;
    config = loaded.config;
    const { layout } = gateway;
    await mkdir(layout.ca, { recursive: true });
    await writeFile(join(layout.ca, 'ca-key.pem'), 'secret', { mode: 0o600 });
    assert.ok(layout.seal.kind === 'credential');
    places = [
      layout.keys,
      layout.seal.credentialFile,
      layout.audit,
      layout.policy,
      layout.logKey,
      layout.ca,
      layout.spoolKeys.workerPrivate,
      layout.spoolKeys.egressPrivate,
      layout.spool,
      layout.capabilities,
      layout.harvested,
      layout.mtaStsPolicies,
      layout.published,
      join(gateway.folder, 'passwords'),
      join(gateway.folder, 'tls-key.pem'),
      '/etc/passwd',
    ];
  });
  after(() => stack.disposeAsync());

  const tellOf = async (spec: ProcessSpec): Promise<Told> => {
    const optionsFile = join(gateway.runtimeFolder, `${spec.name}.json`);
    await writeFile(optionsFile, '{}');
    const { layout } = gateway;
    const folders = [
      layout.keys,
      layout.audit,
      layout.policy,
      join(layout.spool, 'incoming'),
      layout.capabilities,
      layout.harvested,
      layout.mtaStsPolicies,
      layout.ca,
    ];
    const args = [JSON.stringify(places), JSON.stringify(folders)];
    const flags = [...permissionFlags(spec, optionsFile), '-e', SCRIPT, '--', ...args];
    const result = await run(process.execPath, flags);
    assert.equal(result.code, 0, result.stderr);
    return JSON.parse(String(result.stdout)) as Told;
  };
  const isUnder = (path: string, grants: readonly string[]): boolean =>
    grants.some((grant) => path === grant || path.startsWith(`${grant}/`));

  for (const role of ROLES) {
    test(`${role} is denied every folder and key that is not its own`, async () => {
      const spec = processSpecs(config, [role])[0];
      assert.ok(spec, 'the config has every role');
      const told = await tellOf(spec);
      const grants = [...spec.readable, ...spec.writable];
      for (const [path, outcome] of Object.entries(told.read)) {
        const expected: string = isUnder(path, grants) ? 'done' : 'ERR_ACCESS_DENIED';
        // A folder may be closed while single folders below it are open.
        if (expected !== outcome && grants.some((grant) => grant.startsWith(`${path}/`))) continue;
        assert.equal(outcome, expected, `${role} reads ${path}`);
      }
      for (const [folder, outcome] of Object.entries(told.write)) {
        const expected: string = isUnder(folder, spec.writable) ? 'done' : 'ERR_ACCESS_DENIED';
        assert.equal(outcome, expected, `${role} writes into ${folder}`);
      }
      assert.equal(told.spawn, 'ERR_ACCESS_DENIED', `${role} starts a process`);
    });
  }

  test('only the keyholder is let into the key folder, and nobody to the CA key', async () => {
    const reads = async (path: string): Promise<string[]> => {
      const names: string[] = [];
      for (const spec of processSpecs(config, ROLES)) {
        if ((await tellOf(spec)).read[path] === 'done') names.push(spec.name);
      }
      return names;
    };
    assert.deepEqual(await reads(gateway.layout.keys), ['keyholder']);
    const { seal } = gateway.layout;
    assert.ok(seal.kind === 'credential');
    assert.deepEqual(await reads(seal.credentialFile), ['keyholder']);
    assert.deepEqual(await reads(gateway.layout.logKey), ['recorder']);
    assert.deepEqual(await reads(gateway.layout.ca), []);
  });

  test('what mail taught is read by the workers, and written by worker inward alone', async () => {
    const { capabilities, harvested } = gateway.layout;
    const told = await Promise.all(
      processSpecs(config, ROLES).map(async (spec) => ({ spec, told: await tellOf(spec) })),
    );
    for (const folder of [capabilities, harvested]) {
      const may = (act: 'read' | 'write'): string[] =>
        told.flatMap(({ spec, told: one }) => (one[act][folder] === 'done' ? [spec.name] : []));
      assert.deepEqual(may('read'), ['worker-outward', 'worker-inward', 'worker-advise']);
      assert.deepEqual(may('write'), ['worker-inward']);
    }
  });

  test('native code and threads are for the keyholder alone, and only with a token configured', () => {
    const token = {
      moduleFile: '/usr/lib/token.so',
      pinFile: '/etc/pin',
      sessions: 4,
      timeout: 10_000,
      environment: { TOKEN_CONF: '/etc/token.conf' },
    };
    const withFlag = (keys: GatewayConfig['keys'], flag: string): string[] =>
      processSpecs({ ...config, keys }, ROLES)
        .filter((spec) => permissionFlags(spec, '/options.json').includes(flag))
        .map((spec) => spec.name);
    for (const flag of ['--allow-addons', '--allow-worker']) {
      assert.deepEqual(withFlag({}, flag), []);
      assert.deepEqual(withFlag({ token }, flag), ['keyholder']);
    }
  });

  test('the probe is able to find something: without flags everything is open', async () => {
    const args = [JSON.stringify(places), '[]'];
    const result = await run(process.execPath, ['-e', SCRIPT, '--', ...args]);
    const told = JSON.parse(String(result.stdout)) as Told;
    assert.deepEqual([...new Set(Object.values(told.read))], ['done']);
    assert.equal(told.spawn, 'done');
  });
});
