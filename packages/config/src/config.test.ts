import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import {
  formatReference,
  gatewayConfigSchema,
  type LoadedConfig,
  loadConfig,
  parseConfig,
} from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'deploy', 'config');

const GOOD = `
gateway: { name: GW.Acme.Example., dataFolder: data, runtimeFolder: /run/sallyport }
domains:
  - name: acme.example
routes:
  - { domain: acme.example, nextHops: ["127.0.0.1:2525"] }
ingress:
  partner: { listen: ["0.0.0.0:25"] }
  tls: { certificateFile: tls.pem, keyFile: tls.key }
`;

function faultsOf(loaded: LoadedConfig): Record<string, string> {
  assert.equal(loaded.kind, 'invalid');
  if (loaded.kind !== 'invalid') return {};
  return Object.fromEntries(loaded.faults.map((fault) => [fault.path, fault.reason]));
}

function parsed(text = GOOD, at = '/etc/sallyport') {
  const loaded = parseConfig(text, at);
  assert.ok(loaded.kind === 'ok', JSON.stringify(loaded));
  return loaded.config;
}

// ---- what is refused

test('an unknown key is an error, and the error names its place', () => {
  for (const [text, path] of [
    [`${GOOD}\nextra: 1\n`, ''],
    [GOOD.replace('dataFolder: data', 'dataFoldr: data'), 'gateway'],
    [GOOD.replace('keyFile: tls.key', 'keyFile: tls.key, key: x'), 'ingress.tls'],
  ] as const) {
    const faults = faultsOf(parseConfig(text, '/'));
    assert.match(faults[path] ?? '', /[Uu]nrecognized key/, JSON.stringify(faults));
  }
});

test('what is no YAML, has a key twice or is no mapping, is an error and no exception', () => {
  for (const text of ['', '[]', '"x"', 'a: [', `${GOOD}\ntest: true\ntest: false\n`, '\u0000']) {
    assert.equal(parseConfig(text, '/').kind, 'invalid', JSON.stringify(text));
  }
});

test('a small file with aliases cannot become a large one', () => {
  const bomb = `a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n${GOOD}`;
  assert.equal(kindOf(bomb), 'no config');
});

test('an alias is a fault that is named, and no exception', () => {
  assert.equal(parseConfig(`${GOOD}\nhold: &a { expiry: 1d }\nretry: *a\n`, '/').kind, 'invalid');
});

function kindOf(text: string): string {
  try {
    return parseConfig(text, '/').kind === 'ok' ? 'ok' : 'no config';
  } catch {
    return 'no config';
  }
}

test('values that are wrong are named with their path', () => {
  const cases: [string, string, string][] = [
    ['GW.Acme.Example.', '192.0.2.1', 'gateway.name'],
    ['127.0.0.1:2525', '127.0.0.1', 'routes.0.nextHops.0'],
    ['127.0.0.1:2525', '127.0.0.1:0', 'routes.0.nextHops.0'],
    ['127.0.0.1:2525', '127.0.0.1:65536', 'routes.0.nextHops.0'],
    ['- name: acme.example', '- name: "no domain"', 'domains.0.name'],
  ];
  for (const [from, to, path] of cases) {
    assert.ok(path in faultsOf(parseConfig(GOOD.replace(from, to), '/')), path);
  }
  for (const wrong of ['15', '15 m', '-5m', '1w', '9999999s']) {
    const faults = faultsOf(parseConfig(`${GOOD}\nretry: { first: "${wrong}" }\n`, '/'));
    assert.ok('retry.first' in faults, wrong);
  }
});

test('what single fields cannot say is checked over the whole', () => {
  const noListener = GOOD.replace('  partner: { listen: ["0.0.0.0:25"] }\n', '');
  assert.ok('ingress' in faultsOf(parseConfig(noListener, '/')));
  const noRoute = GOOD.replace('{ domain: acme.example, next', '{ domain: other.example, next');
  assert.ok('domains.0' in faultsOf(parseConfig(noRoute, '/')));
  const twice = GOOD.replace(
    '- name: acme.example',
    '- name: acme.example\n  - name: ACME.example',
  );
  assert.ok('domains.1.name' in faultsOf(parseConfig(twice, '/')));
  const port = `${GOOD}\negress: { port: 2525 }\n`;
  assert.ok('egress.port' in faultsOf(parseConfig(port, '/')));
  assert.equal(parseConfig(`${port}\ntest: true\n`, '/').kind, 'ok');
  const ldaps = `${GOOD}\ndirectory: { listenTls: ["0.0.0.0:636"] }\n`;
  assert.ok('directory.tls' in faultsOf(parseConfig(ldaps, '/')));
  const https = `${GOOD}\ndirectory: { http: { listenTls: ["0.0.0.0:443"] } }\n`;
  assert.ok('directory.tls' in faultsOf(parseConfig(https, '/')));
  const long = GOOD.replace('/run/sallyport', `/run/${'x'.repeat(90)}`);
  assert.ok('gateway.runtimeFolder' in faultsOf(parseConfig(long, '/')));
});

// ---- what is taken

test('names, times and paths are settled once', () => {
  const config = parsed();
  assert.equal(config.gateway.name, 'gw.acme.example');
  assert.equal(config.gateway.dataFolder, '/etc/sallyport/data');
  assert.equal(config.gateway.runtimeFolder, '/run/sallyport');
  assert.equal(config.ingress.tls.keyFile, '/etc/sallyport/tls.key');
  assert.equal(config.retry.first, 300_000);
  assert.equal(config.retry.expiry, 5 * 86_400_000);
  assert.deepEqual(config.domains[0]?.recipients, { kind: 'call-forward' });
  assert.deepEqual(parsed(GOOD.replace('127.0.0.1:2525', '[::1]:25')).routes[0]?.nextHops, [
    { host: '::1', port: 25 },
  ]);
});

test('what is left out is safe: no test switches, no private lookups, no trusted resolver', () => {
  const config = parsed();
  assert.equal(config.test, false);
  assert.equal(config.lookup.allowPrivateAddresses, false);
  assert.equal(config.dns.trusted, false);
  assert.equal(config.routes[0]?.trustedHop, false);
  assert.equal(config.egress.port, 25);
});

// ---- files

const file = (name: string, text: string, mode = 0o600): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

test('a config file that is not there, or too long, is a fault', async () => {
  assert.match(faultsOf(await loadConfig(join(folder, 'none.yaml')))[''] ?? '', /ENOENT/);
  const long = file('long.yaml', '#'.repeat(1024 * 1024 + 1));
  assert.match(faultsOf(await loadConfig(long))[''] ?? '', /1 MiB/);
});

test('files that are named must be there; all faults come at once', async () => {
  const path = file('missing.yaml', GOOD);
  rmSync(join(folder, 'tls.pem'), { force: true });
  const faults = faultsOf(await loadConfig(path));
  assert.deepEqual(Object.keys(faults).sort(), [
    'ingress.tls.certificateFile',
    'ingress.tls.keyFile',
  ]);
});

test('a secret that others may read is refused, a certificate is not', async () => {
  const path = file('mode.yaml', GOOD);
  file('tls.pem', 'x', 0o644);
  for (const mode of [0o640, 0o604, 0o644, 0o666]) {
    file('tls.key', 'x', mode);
    const faults = faultsOf(await loadConfig(path));
    assert.deepEqual(Object.keys(faults), ['ingress.tls.keyFile'], mode.toString(8));
    assert.match(faults['ingress.tls.keyFile'] ?? '', /600/);
  }
  for (const mode of [0o600, 0o400]) {
    file('tls.key', 'x', mode);
    assert.equal((await loadConfig(path)).kind, 'ok', mode.toString(8));
  }
});

test('a folder in place of a file is a fault', async () => {
  const path = file('folder.yaml', GOOD.replace('certificateFile: tls.pem', 'certificateFile: .'));
  assert.match(faultsOf(await loadConfig(path))['ingress.tls.certificateFile'] ?? '', /not a file/);
});

test('every example in deploy/config is valid under the schema', () => {
  const names = readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml'));
  assert.ok(names.length > 0);
  for (const name of names) {
    const loaded = parseConfig(readFileSync(join(EXAMPLES, name), 'utf8'), '/etc/sallyport');
    assert.equal(loaded.kind, 'ok', `${name}: ${JSON.stringify(loaded)}`);
  }
});

// ---- documentation

interface Node {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

function undescribed(node: Node, path: string): string[] {
  const fields = Object.entries(node.properties ?? {}).flatMap(([key, inner]) => [
    ...(inner.description === undefined || inner.description === '' ? [`${path}.${key}`] : []),
    ...undescribed(inner, `${path}.${key}`),
  ]);
  const below = [node.items, ...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  return [...fields, ...below.flatMap((inner) => (inner ? undescribed(inner, path) : []))];
}

test('every field has a description', () => {
  const schema = z.toJSONSchema(gatewayConfigSchema, { io: 'input', unrepresentable: 'any' });
  assert.deepEqual(undescribed(schema as Node, ''), []);
});

test('the reference has a row for every field, and none says undefined', () => {
  const text = formatReference();
  for (const field of [
    'gateway.name',
    'ingress.tls.keyFile',
    'domains[].recipients.kind',
    'queue.urlFile',
    'retry.expiry',
  ]) {
    assert.ok(text.includes(`| \`${field}\` |`), field);
  }
  assert.doesNotMatch(text, /undefined|\[object/);
});
