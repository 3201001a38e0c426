import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connectSocket, healthProtocol, type IpcClient, recorderProtocol } from '@sallyport/ipc';
import { type Issued, makeCa, type TestCa } from '../harness/ca.ts';
import { type TemporaryFolder, temporaryFolder } from '../harness/folder.ts';
import { type Gateway, makeGateway, sallyport } from '../harness/gateway.ts';
import {
  type Collector,
  type HttpsCollector,
  startHttpsCollector,
  startRefusingTls,
  startSyslogTls,
} from '../harness/head-collectors.ts';
import { freePort } from '../harness/ports.ts';
import { waitFor } from '../harness/wait.ts';

interface Head {
  readonly size: number;
}

function headOf(text: string): Head {
  const { gateway, head } = JSON.parse(text.slice(text.indexOf('{'))) as {
    gateway: string;
    head: Head;
  };
  assert.equal(gateway, 'gw.acme.example');
  return head;
}

const newest = (texts: readonly string[]): number =>
  Math.max(0, ...texts.map((text) => headOf(text).size));

describe('heads of the audit log are copied elsewhere', { concurrency: false }, () => {
  let folder: TemporaryFolder;
  let ca: TestCa;
  let good: Issued;
  let misnamed: Issued;
  let gateway: Gateway;
  let recorder: IpcClient<typeof recorderProtocol>;
  let syslog: Collector;
  let https: HttpsCollector;
  let httpsPort = 0;
  let wrongPort = 0;
  let strangerPort = 0;
  let refusingPort = 0;
  const at = (name: string): string => join(folder.path, name);
  const linesOf = async (file: string): Promise<string[]> =>
    (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  const record = async (): Promise<number> => {
    const event = { kind: 'service-started', service: 'test' };
    return (await recorder.call('record', { event, durable: true })).index + 1;
  };

  before(async () => {
    folder = await temporaryFolder('shipper');
    ca = await makeCa(folder.path);
    await mkdir(at('other'));
    const stranger = await makeCa(at('other'), 'Another CA');
    good = await ca.issueServer('good', ['localhost']);
    misnamed = await ca.issue({
      name: 'misnamed',
      commonName: 'log.elsewhere.example',
      key: 'ec',
      extensions: ['subjectAltName=DNS:log.elsewhere.example', 'extendedKeyUsage=serverAuth'],
    });
    const unknown = await stranger.issueServer('unknown', ['localhost']);
    syslog = await startSyslogTls(good);
    https = await startHttpsCollector(good);
    httpsPort = https.port;
    const wrong = await startSyslogTls(misnamed);
    const strange = await startHttpsCollector(unknown);
    wrongPort = wrong.port;
    strangerPort = strange.port;
    const refusing = await startRefusingTls(good);
    refusingPort = refusing.port;
    closing.push(wrong, strange, refusing);
    wrongs.push(wrong.received, strange.received);
    await writeFile(at('token'), 'a-token-of-the-test\n', { mode: 0o600 });
    await writeFile(at('copies.jsonl'), '');
    await mkdir(at('single'));
    const anchorsFile = ca.certificateFile;
    gateway = await makeGateway({
      domain: 'acme.example',
      innerPort: await freePort(),
      dnsPort: await freePort(),
      egressPort: await freePort(),
      config: {
        audit: {
          every: '1s',
          ship: [
            { kind: 'file', path: at('copies.jsonl') },
            { kind: 'file', path: at('single') },
            { kind: 'file', path: at('mount/later.jsonl') },
            { kind: 'syslog', host: 'localhost', port: syslog.port, anchorsFile },
            { kind: 'syslog', host: 'localhost', port: wrongPort, anchorsFile },
            { kind: 'syslog', host: 'localhost', port: refusingPort, anchorsFile },
            {
              kind: 'https',
              url: `https://localhost:${httpsPort}/heads?of=gw`,
              tokenFile: at('token'),
              anchorsFile,
            },
            { kind: 'https', url: `https://localhost:${strangerPort}/heads`, anchorsFile },
          ],
        },
      },
    });
    await gateway.start('recorder,shipper');
    recorder = connectSocket({
      path: gateway.layout.sockets.recorder,
      protocol: recorderProtocol,
      deadlineMs: 10_000,
    });
  });

  const closing: AsyncDisposable[] = [];
  const wrongs: (readonly string[])[] = [];

  after(async () => {
    recorder?.close();
    await gateway?.[Symbol.asyncDispose]();
    for (const one of [...closing, syslog, https]) await one?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  test('every target gets the newest head, and each copy is a checkpoint', async () => {
    const size = await record();
    const file = async (): Promise<boolean> => newest(await linesOf(at('copies.jsonl'))) >= size;
    await waitFor(file, { what: 'line in the file' });
    await waitFor(() => newest(syslog.received) >= size, { what: 'syslog message' });
    await waitFor(() => newest(https.received) >= size, { what: 'POST' });
    const [message = ''] = syslog.received.slice(-1);
    assert.match(
      message,
      /^<109>1 \d{4}-\d\d-\d\dT[\d:.]+Z gw\.acme\.example sallyport - audit-head - \{/,
    );
    assert.equal(https.headers[0]?.['authorization'], 'Bearer a-token-of-the-test');
    assert.equal(https.headers[0]?.['content-type'], 'application/json');
    const [name = ''] = (await readdir(at('single'))).toSorted().slice(-1);
    assert.match(name, /^head-\d{12}-[0-9a-f]{16}\.json$/);
    const copies = {
      'a.json': await readFile(join(at('single'), name), 'utf8'),
      'b.json': await readFile(at('copies.jsonl'), 'utf8'),
      'c.log': syslog.received.map((line) => `Nov 21 10:00:00 collector ${line}\n`).join(''),
      'd.json': https.received.at(-1) ?? '',
    };
    for (const [copy, text] of Object.entries(copies)) {
      await writeFile(at(copy), text);
      const verified = await sallyport(
        'audit',
        'verify',
        gateway.layout.audit,
        '--against',
        at(copy),
      );
      assert.equal(verified.code, 0, `${copy}: ${verified.stderr}${String(verified.stdout)}`);
      assert.match(String(verified.stdout), /The checkpoint is part of this log/);
    }
  });

  test('a server that ends each session at once is not said to have a copy', async () => {
    const target = `syslog localhost:${refusingPort}`;
    const told = () =>
      gateway
        .output()
        .split('\n')
        .filter((line) => line.includes(target));
    await waitFor(() => told().length > 1, { what: 'two tries' });
    assert.match(told().join('\n'), /before it was sent anything/);
    assert.doesNotMatch(told().join('\n'), /"audit-head\.shipped"/);
  });

  test('nothing goes to a server whose certificate has another name or another CA', async () => {
    assert.deepEqual(wrongs, [[], []]);
    const wrong = `syslog localhost:${wrongPort}`;
    const strange = `https localhost:${strangerPort}/heads`;
    const lines = gateway.output().split('\n');
    for (const target of [wrong, strange]) {
      const told = lines.filter((line) => line.includes(target));
      assert.match(told.join('\n'), /audit-head\.not-shipped/);
      assert.doesNotMatch(told.join('\n'), /"audit-head\.shipped"/);
    }
    assert.doesNotMatch(gateway.output(), /a-token-of-the-test/);
    const path = join(gateway.layout.runtime, 'health/shipper.sock');
    const shipper = connectSocket({ path, protocol: healthProtocol, deadlineMs: 5_000 });
    const { ok, sentence } = await shipper.call('health', {});
    shipper.close();
    assert.equal(ok, false, 'so that a person hears of it');
    assert.ok(sentence.includes(wrong) && sentence.includes(`https localhost:${strangerPort},`));
    assert.doesNotMatch(sentence, /\/heads|copies/, 'no path of a URL, and no place that has all');
  });

  test('an outage of one stops no other, and is made up for', async () => {
    await syslog[Symbol.asyncDispose]();
    https.status = 503;
    const before = https.received.length;
    await record();
    const size = await record();
    const file = async (): Promise<boolean> => newest(await linesOf(at('copies.jsonl'))) >= size;
    await waitFor(file, { what: 'line in the file while others are away' });
    await waitFor(() => https.headers.length > before + 1, { what: 'another try' });
    assert.equal(https.received.length, before);
    https.status = 200;
    syslog = await startSyslogTls(good, syslog.port);
    await waitFor(() => newest(https.received) >= size, { what: 'POST made up for' });
    await waitFor(() => newest(syslog.received) >= size, { what: 'message made up for' });
  });

  test('a mount that comes later gets its copy; a restart ships nothing twice', async () => {
    await assert.rejects(readFile(at('mount/later.jsonl')), 'nothing was made in its place');
    await mkdir(at('mount'));
    await writeFile(at('mount/later.jsonl'), '');
    const size = await record();
    const later = async (): Promise<boolean> =>
      newest(await linesOf(at('mount/later.jsonl'))) >= size;
    await waitFor(later, { what: 'line on the late mount' });
    const file = async (): Promise<boolean> => newest(await linesOf(at('copies.jsonl'))) >= size;
    await waitFor(file, { what: 'line in the file' });
    const lines = (await linesOf(at('copies.jsonl'))).length;
    await gateway.kill('shipper');
    const next = await record();
    const again = async (): Promise<boolean> => newest(await linesOf(at('copies.jsonl'))) >= next;
    await waitFor(again, { what: 'line after the restart' });
    assert.equal((await linesOf(at('copies.jsonl'))).length, lines + 1);
  });

  test('a cut at a signed head is found by a copy, and by nothing else', async () => {
    await gateway.stop();
    const cut = at('cut');
    await cp(gateway.layout.audit, cut, { recursive: true });
    const segment = join(cut, 'segment-000000000000.jsonl');
    const lines = (await readFile(segment, 'utf8')).split('\n');
    // The copies were made while it ran, the end of the log is from its stop: cut before both.
    const shipped = newest(await linesOf(at('copies.jsonl')));
    const last = lines.findLastIndex(
      (line) =>
        line.startsWith('{"head":') && (JSON.parse(line) as { head: Head }).head.size < shipped,
    );
    await truncate(segment, Buffer.byteLength(`${lines.slice(0, last + 1).join('\n')}\n`));
    const alone = await sallyport('audit', 'verify', cut);
    assert.equal(alone.code, 0, 'a log that ends at a head looks whole');
    const against = await sallyport('audit', 'verify', cut, '--against', at('copies.jsonl'));
    assert.equal(against.code, 1);
    assert.match(String(against.stdout), /DAMAGED/);
  });
});
