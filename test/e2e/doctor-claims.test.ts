import assert from 'node:assert/strict';
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Finding } from '../../services/cli/src/doctor/finding.ts';
import { type GatewayCopy, lookAt, soundGateway, writeLog } from '../harness/doctor.ts';
import type { Gateway } from '../harness/gateway.ts';
import { asAccount, noOtherAccounts } from '../harness/other-account.ts';
import { run } from '../harness/process.ts';

describe('doctor claims nothing that it did not look at', () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let copyOf: () => Promise<GatewayCopy>;

  before(async () => {
    ({ gateway, copyOf } = await soundGateway(stack));
  });
  after(() => stack.disposeAsync());

  test('our own port is not said to be of another program because the recorder is away', async () => {
    await using copy = await copyOf();
    await mkdir(join(copy.folder, 'r/health'), { recursive: true });
    await copy.listen({ path: join(copy.folder, 'r/health/ingress.sock') });
    await copy.listen({ port: gateway.partner.port }, '220 gw.acme.example ESMTP\r\n');
    const codes = (await lookAt(copy, { offline: true })).map(({ code }) => code);
    assert.ok(!codes.includes('port-taken'), codes.join());
    assert.ok(codes.includes('process-silent'));
  });

  test('a process of the config that has no socket of its own for others is missed as well', async () => {
    await using copy = await copyOf();
    for (const name of [
      'recorder',
      'keyholder-operator',
      'outward',
      'inward',
      'advise',
      'egress',
    ]) {
      await mkdir(join(copy.folder, 'r', name), { recursive: true });
      await copy.listen({ path: join(copy.folder, 'r', name, 'socket') });
    }
    const silent = (await lookAt(copy, { offline: true })).filter(
      ({ code }) => code === 'process-silent',
    );
    assert.match(silent.map(({ sentence }) => sentence).join(), /ingress does not answer/);
    assert.match(silent.map(({ sentence }) => sentence).join(), /directory does not answer/);
  });

  test('an account that may look at little says so, and claims neither faults nor health', {
    skip: noOtherAccounts(),
  }, async () => {
    await using copy = await copyOf();
    await writeLog(copy);
    // The config is for all to read, and nothing else.
    await chmod(copy.folder, 0o711);
    await chmod(dirname(copy.folder), 0o711);
    await chmod(copy.configFile, 0o644);
    await chmod(copy.data, 0o700);
    const cli = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url));
    const doctor = ['doctor', '--offline', '--json', '--config', copy.configFile];
    const [command, line] = asAccount(
      { user: 65_534, groups: '65534' },
      process.execPath,
      cli,
      ...doctor,
    );
    const looked = await run(command, line);
    const { findings } = JSON.parse(String(looked.stdout)) as {
      findings: (Finding & { area: string })[];
    };
    const of = (area: string): string[] =>
      findings.filter((one) => one.area === area).map(({ level, code }) => `${level} ${code}`);
    assert.deepEqual(of('secrets'), ['warning secrets-not-seen']);
    assert.deepEqual(of('folders'), ['warning folders-not-seen', 'warning test-config']);
    assert.deepEqual(of('audit log'), ['warning audit-not-seen']);
    assert.deepEqual(of('keys'), ['warning keys-not-known']);
  });
});
