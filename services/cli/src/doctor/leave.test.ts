import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';

test('a check that waits for what never comes ends with its time, and so does the process', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const script = `
    import { once } from 'node:events';
    import { connect } from 'node:net';
    import { runChecks } from '${new URL('check.ts', import.meta.url)}';
    import { leave } from '${new URL('leave.ts', import.meta.url)}';
    const look = () => once(connect(${port}, '127.0.0.1'), 'data');
    const check = { area: 'clock elsewhere', asksOthers: false, look };
    console.log(JSON.stringify(await runChecks([check], {}, 100)));
    await leave(3);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(late);
  silent.close();
  assert.equal(code, 3);
  assert.match(text, /"code":"clock-elsewhere-not-known".*no end within 0\.1 s/);
});
