import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Domain } from '@sallyport/mail';
import { layoutOf } from '../gateway/layout.ts';
import { createCa, createInnerKeys, createTlsFiles } from '../gateway/provision.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

function serve(configFile: string, ...more: string[]) {
  const args = [MAIN, 'serve', '--config', configFile, ...more];
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
}

test('serve refuses a secret that others may read, or that is missing, with path and reason', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-serve-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const at = (name: string): string => join(folder, name);
  const layout = layoutOf({
    dataFolder: at('data'),
    runtimeFolder: at('run'),
  });
  await createInnerKeys(layout);
  const ca = createCa('acme.example' as Domain, 'ec-p256', new Date());
  const files = { certificateFile: at('tls.pem'), keyFile: at('tls-key.pem') };
  await createTlsFiles({ ca, hostName: 'gw.acme.example', ...files, now: new Date() });
  await writeFile(
    at('gateway.yaml'),
    `gateway: { name: gw.acme.example }
domains: [{ name: acme.example, recipients: { kind: any } }]
routes: [{ domain: acme.example, nextHops: ["127.0.0.1:1"] }]
ingress: { relay: { listen: ["127.0.0.1:1"], allow: [127.0.0.1] }, tls: { certificateFile: tls.pem, keyFile: tls-key.pem } }
`,
  );

  await chmod(layout.spoolKeys.workerPrivate, 0o644);
  const open = serve(at('gateway.yaml'));
  assert.equal(open.status, 1);
  assert.match(
    open.stderr,
    /worker\/spool-key\.pem: may be read by others \(mode 644\); set it to 600/,
  );

  const clock = serve(at('gateway.yaml'), '--test-clock', at('now'));
  assert.equal(clock.status, 1);
  assert.match(clock.stderr, /--test-clock: is for tests: the config must say test: true/);

  await rm(layout.spoolKeys.workerPrivate);
  const missing = serve(at('gateway.yaml'));
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /worker\/spool-key\.pem: cannot be read \(ENOENT\)/);

  await chmod(at('tls-key.pem'), 0o640);
  const tls = serve(at('gateway.yaml'));
  assert.equal(tls.status, 1);
  assert.match(tls.stderr, /ingress\.tls\.keyFile: .*may be read by others \(mode 640\)/);
});
