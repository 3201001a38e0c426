import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { loadConfig, parseConfig } from '@sallyport/config';
import { policyDocumentSchema, transportFaults } from '@sallyport/policy';
import { parsePolicyYaml } from '@sallyport/policy-store/write';
import { parse } from 'yaml';
import { processSpecs, ROLES } from '../../services/cli/src/gateway/roles.ts';
import { DEPLOY } from '../harness/deploy.ts';
import { temporaryFolder } from '../harness/folder.ts';

const CONFIGS = globSync(['config/*.yaml', 'container/gateway.yaml'], { cwd: DEPLOY }).sort();
const read = (file: string): string => readFileSync(join(DEPLOY, file), 'utf8');

/** Every file that a config names in its own folder. */
function filesBeside(value: unknown, folder: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'string' && /File$|^file$/.test(key) && inner.startsWith(`${folder}/`)
      ? [inner]
      : filesBeside(inner, folder),
  );
}

describe('the examples of deploy/', () => {
  test('there are some', () => assert.ok(CONFIGS.length >= 7, CONFIGS.join()));

  for (const file of CONFIGS) {
    test(`${file} loads, and each process of it can be made`, async () => {
      await using folder = await temporaryFolder('config');
      const path = join(folder.path, 'gateway.yaml');
      await copyFile(join(DEPLOY, file), path);
      const parsed = parseConfig(read(file), folder.path);
      assert.equal(parsed.kind, 'ok', JSON.stringify(parsed));
      if (parsed.kind !== 'ok') return;
      const missing = await loadConfig(path);
      assert.equal(missing.kind, 'invalid', 'a secret that is not there is told');
      for (const one of filesBeside(parsed.config, folder.path)) {
        await mkdir(dirname(one), { recursive: true });
        if (!existsSync(one)) await writeFile(one, '', { mode: 0o600 });
      }
      const loaded = await loadConfig(path);
      assert.deepEqual(loaded.kind === 'ok' ? [] : loaded.faults, []);
      if (loaded.kind !== 'ok') return;
      const names = processSpecs(loaded.config, ROLES).map(({ name }) => name);
      for (const name of ['recorder', 'keyholder', 'worker-outward', 'ingress', 'egress']) {
        assert.ok(names.includes(name), name);
      }
      assert.equal(names.includes('shipper'), loaded.config.audit.ship.length > 0);
    });
  }

  test('the policy of the hospital is valid, and its config can hold to it', () => {
    const policy = parsePolicyYaml(read('policy/hospital.yaml'));
    assert.equal(policy.kind, 'ok', JSON.stringify(policy));
    const config = parseConfig(read('config/hospital.yaml'), '/etc/sallyport');
    assert.equal(config.kind, 'ok');
    if (policy.kind !== 'ok' || config.kind !== 'ok') return;
    const document = policyDocumentSchema.parse(policy.document);
    assert.deepEqual(transportFaults(document, config.config), []);
    const doubtful = { ...config.config, dns: { ...config.config.dns, trusted: false } };
    assert.notDeepEqual(transportFaults(document, doubtful), []);
  });
});

// Read as data: there is no container engine where these tests run.
describe('the containers', () => {
  interface Service {
    readonly image?: string;
    readonly build?: { readonly context: string; readonly dockerfile: string };
    readonly networks: Record<string, { readonly ipv4_address?: string }>;
    readonly security_opt: readonly string[];
    readonly volumes?: readonly string[];
    readonly [setting: string]: unknown;
  }
  const compose = parse(read('container/compose.yaml')) as {
    services: Record<string, Service>;
    networks: Record<string, unknown>;
    volumes: Record<string, unknown>;
  };

  test('compose: what is named is there, and nobody gains rights', () => {
    assert.deepEqual(Object.keys(compose.services), ['gateway', 'redis', 'clamav', 'unbound']);
    for (const [name, service] of Object.entries(compose.services)) {
      assert.ok(service.security_opt.includes('no-new-privileges:true'), name);
      assert.ok((service.image === undefined) !== (service.build === undefined), name);
      for (const network of Object.keys(service.networks)) assert.ok(network in compose.networks);
      for (const volume of service.volumes ?? []) {
        const [source = ''] = volume.split(':');
        assert.ok(source.startsWith('./') || source in compose.volumes, `${name} ${volume}`);
      }
      if (service.build === undefined) continue;
      const folder = join(DEPLOY, 'container', service.build.context);
      assert.ok(existsSync(join(folder, service.build.dockerfile)), name);
    }
    const { gateway, redis } = compose.services;
    assert.equal(gateway?.['read_only'], true);
    assert.deepEqual(gateway?.['cap_drop'], ['ALL']);
    assert.deepEqual(
      Object.keys(redis?.networks ?? {}),
      ['inside'],
      'Redis is reached by nobody else',
    );
  });

  test('compose: the config names the addresses that the services have', () => {
    const config = parseConfig(read('container/gateway.yaml'), '/etc/sallyport');
    assert.equal(config.kind, 'ok');
    if (config.kind !== 'ok') return;
    const at = (name: string): string | undefined =>
      compose.services[name]?.networks['inside']?.ipv4_address;
    assert.equal(config.config.dns.servers[0]?.host, at('unbound'));
    const clamd = config.config.scanner?.clamd;
    assert.equal(
      clamd !== undefined && 'address' in clamd ? clamd.address.host : null,
      at('clamav'),
    );
    assert.ok(read('container/gateway.yaml').includes(`redis://${at('redis')}:6379/0`));
  });

  test('the image: built without other people’s scripts, run without root', () => {
    for (const file of ['Containerfile', 'Containerfile.unbound']) {
      const lines = read(`container/${file}`).replaceAll('\\\n', ' ').split('\n');
      const words = lines.filter((line) => line !== '' && !line.startsWith('#'));
      for (const line of words) {
        assert.match(
          line,
          /^(FROM|RUN|COPY|WORKDIR|ENV|USER|VOLUME|EXPOSE|STOPSIGNAL|ENTRYPOINT|CMD) /,
        );
      }
    }
    const image = read('container/Containerfile');
    assert.match(image, /npm ci --omit=dev --ignore-scripts/);
    assert.ok(image.lastIndexOf('\nUSER sallyport') > image.lastIndexOf('\nFROM'));
    for (const [, source = ''] of image.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const one of source.split(' ')) assert.ok(existsSync(join(DEPLOY, '..', one)), one);
    }
  });

  const noUnbound = spawnSync('unbound-checkconf', ['-h']).error ? 'needs unbound' : false;
  test('unbound takes its config', { skip: noUnbound }, async () => {
    await using folder = await temporaryFolder('unbound');
    const conf = join(folder.path, 'unbound.conf');
    const text = read('container/unbound.conf')
      .replace('"/etc/unbound"', `"${folder.path}"`)
      .replace(/.*"\/usr\/share\/dns\/root.*\n/g, '');
    await writeFile(conf, text);
    const checked = spawnSync('unbound-checkconf', [conf], { encoding: 'utf8' });
    assert.equal(checked.status, 0, checked.stderr);
    await writeFile(conf, text.replace('qname-minimisation: yes', 'qname-minimisation: maybe'));
    assert.notEqual(spawnSync('unbound-checkconf', [conf]).status, 0);
  });
});
