/**
 * What test/live-systemd.sh runs inside its Debian: `configure` writes into the config that init made
 * what docs/operations.md says under "Under systemd"; `look` sends mail through the units and looks at
 * what systemd made of them. Never run on a host that one means to keep.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { textMessage } from './harness/messages.ts';
import {
  politeScript,
  type ScriptedServer,
  startScriptedServer,
} from './harness/scripted-server.ts';
import { sendMessage } from './harness/smtp-client.ts';
import { waitFor } from './harness/wait.ts';

const CONFIG = '/etc/sallyport/gateway.yaml';
const HEADS = '/srv/heads/heads.jsonl';
const INNER_PORT = 10_026;
const PARTNER_PORT = 10_027;
const START_MS = 90_000;
const SHELL = '/usr/bin/bash';

/** Runs a line of shell. @throws AssertionError if it fails. */
function sh(line: string): string {
  const { status, stdout, stderr } = spawnSync(SHELL, ['-c', line], { encoding: 'utf8' });
  assert.equal(status, 0, `${line}: ${stderr}${stdout}`);
  return stdout;
}

interface Sections {
  gateway: Record<string, unknown>;
  keys: unknown;
  routes: object[];
  ingress: { tls: Record<string, unknown>; submission: Record<string, unknown> };
  directory: { tls: Record<string, unknown> };
  console: { tls: Record<string, unknown> };
  audit: unknown;
}

function configure(): void {
  const config = parse(readFileSync(CONFIG, 'utf8')) as Sections;
  const credential = (unit: string, name: string): string =>
    `/run/credentials/sallyport-${unit}.service/${name}`;
  config.gateway['dataFolder'] = '/var/lib/sallyport';
  config.ingress.submission['passwordFile'] = 'ingress/passwords';
  config.keys = {
    seal: { kind: 'credential', credentialFile: credential('keyholder', 'key-seal') },
  };
  for (const unit of ['ingress', 'directory', 'console'] as const) {
    config[unit].tls['keyFile'] = credential(unit, 'tls-key.pem');
  }
  const partner = { domain: 'bravo.example', nextHops: [`127.0.0.1:${PARTNER_PORT}`] };
  config.routes.push({ ...partner, tls: { level: 'may' } });
  config.audit = { every: '5s', ship: [{ kind: 'file', path: HEADS }] };
  writeFileSync(CONFIG, stringify(config));
  mkdirSync('/srv/heads');
  writeFileSync(HEADS, '');
  sh(`chown sallyport-shipper ${HEADS}`);
  const dropIn = '/etc/systemd/system/sallyport-shipper.service.d';
  mkdirSync(dropIn);
  writeFileSync(`${dropIn}/heads.conf`, '[Service]\nReadWritePaths=/srv/heads\n');
}

/** The gateway answers that mail flows, and nothing of it is impaired. */
async function ready(): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    const answer = await fetch('http://127.0.0.1:9464/readyz');
    const { impaired } = (await answer.json()) as { impaired: string[] };
    return answer.status === 200 && impaired.length === 0;
  };
  await waitFor(isReady, { what: 'a gateway that is ready', timeoutMs: START_MS });
}

async function mailFlows(inner: ScriptedServer, partner: ScriptedServer): Promise<void> {
  const word = `live-${Date.now()}`;
  const mail = (from: string, to: string) => {
    return { from, to: [to], data: textMessage({ from, to, text: word }) };
  };
  const out = mail('alice@acme.example', 'bob@bravo.example');
  const sent = await sendMessage({ host: '127.0.0.1', port: 10_025 }, out);
  assert.equal(sent.code, 250, sent.text);
  const came = await sendMessage(
    { host: '127.0.0.1', port: 25 },
    mail('carol@clear.example', 'alice@acme.example'),
  );
  assert.equal(came.code, 250, came.text);
  for (const [server, what] of [
    [partner, 'mail at the partner'],
    [inner, 'mail inside'],
  ] as const) {
    const isThere = (): boolean => server.lines.some((line) => line.includes(word));
    await waitFor(isThere, { what, timeoutMs: 30_000 });
  }
  assert.ok(
    partner.lines.some((line) => line.includes('application/pkcs7-signature')),
    'signed',
  );
}

const units = (): string[] =>
  sh("systemctl list-units --plain --no-legend 'sallyport-*.service'")
    .split('\n')
    .flatMap((line) => line.split(' ')[0] || []);

const show = (unit: string, property: string): string =>
  sh(`systemctl show --value -p ${property} ${unit}`).trim();

/** What the sandbox came to, as the kernel has it. */
function walls(): void {
  for (const unit of units()) {
    const pid = show(unit, 'MainPID');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const binds = /ingress|directory|console/.test(unit);
    assert.match(status, /^NoNewPrivs:\t1$/m, unit);
    assert.match(status, /^Seccomp:\t2$/m, unit);
    assert.match(status, new RegExp(`^CapBnd:\t0+${binds ? '400' : ''}$`, 'm'), unit);
    assert.doesNotMatch(status, /^Uid:\t0/m, unit);
    assert.equal(show(unit, 'NRestarts'), '0', `${unit} came up at once`);
    const inSandbox = (line: string) =>
      spawnSync('nsenter', ['-t', pid, '-m', '-n', SHELL, '-c', line]).status;
    assert.notEqual(inSandbox('touch /etc/sallyport/x /opt/sallyport/x /usr/x'), 0, unit);
    const isAlone = /recorder|keyholder/.test(unit);
    const reaches = inSandbox('exec 3<>/dev/tcp/127.0.0.1/9464') === 0;
    assert.equal(reaches, !isAlone, `${unit} and the network`);
  }
}

async function look(): Promise<void> {
  await using inner = await startScriptedServer(politeScript(), { port: INNER_PORT });
  await using partner = await startScriptedServer(politeScript(), { port: PARTNER_PORT });
  const step = (text: string): void => console.log(`ok ${text}`);
  await ready();
  assert.equal(units().length, 11, units().join());
  step('all units run, and the gateway says that mail flows');
  await mailFlows(inner, partner);
  step('mail goes out signed, and comes in');
  walls();
  step('each process has its account, its capabilities, its filter; two have no network');

  const doctor = sh(`scripts/sallyport.sh doctor --offline --config ${CONFIG}`);
  assert.match(doctor, /All 11 processes answer, and are well/);
  assert.match(doctor, /2 keys are in use; all open/);
  step('doctor finds no fault, and opens the keys that systemd handed over');

  const pid = show('sallyport-worker-outward.service', 'MainPID');
  sh(`kill -KILL ${pid}`);
  const isBack = (): boolean => show('sallyport-worker-outward.service', 'NRestarts') === '1';
  await waitFor(isBack, { what: 'the unit again' });
  await ready();
  await mailFlows(inner, partner);
  step('a unit that is killed comes back, and mail goes on');

  sh('systemctl stop sallyport.target');
  const files = sh('systemctl list-unit-files --plain --no-legend "sallyport-*.service"')
    .split('\n')
    .flatMap((line) => line.split(' ')[0] || []);
  const isDown = (): boolean => files.every((unit) => show(unit, 'ActiveState') === 'inactive');
  await waitFor(isDown, { what: 'units that stopped', timeoutMs: 60_000 });
  for (const unit of files) assert.equal(show(unit, 'Result'), 'success', unit);
  const verified = sh(
    `scripts/sallyport.sh audit verify /var/lib/sallyport/audit --against ${HEADS}`,
  );
  assert.match(verified, /The log is whole/);
  sh('systemctl start sallyport.target');
  await ready();
  await mailFlows(inner, partner);
  step('a stop is a clean one, the log is whole beside its copies, and a start goes on');

  const journal = sh("journalctl --no-pager -o cat -u 'sallyport-*'");
  const lines = journal.split('\n').filter((line) => line !== '');
  const trouble = /EACCES|EPERM|ERR_ACCESS_DENIED|SIGSYS|not-started|Unhandled|"level":"error"/;
  // Before the recorder is there, the keyholder may find that it cannot record; it tries again.
  const early = /statement\.not-published.*could not be recorded/;
  assert.deepEqual(
    lines.filter((line) => trouble.test(line) && !early.test(line)),
    [],
  );
  assert.doesNotMatch(journal, /alice@|bob@|carol@/, 'no address of a person');
  step(`the journal has ${lines.length} lines, none of trouble, none with an address`);
}

const [, , verb] = process.argv;
if (verb === 'configure') configure();
else {
  await look();
  process.exit(0);
}
