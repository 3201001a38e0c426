import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf, readManifest, readSources, type Source } from './sources.ts';
import { DOORS, FLOORS, NETWORK_BUILTINS, NEVER, ONLY, PURE, PURE_BUILTINS } from './walls.ts';

const sources = readSources();
const production = sources.filter((source) => !source.isTest);

function floorOf(name: string): number {
  return FLOORS.findIndex((floor) => floor.includes(name));
}

function ownImports(source: Source): string[] {
  return importsOf(source)
    .filter((name) => name.startsWith('@sallyport/'))
    .map((name) => name.split('/')[1] ?? '');
}

test('every package has a floor and every source has an owner', () => {
  assert.ok(sources.length > 100, `only ${sources.length} sources were found`);
  const packages = new Set(sources.filter((s) => s.group === 'packages').map((s) => s.owner));
  for (const name of packages) assert.notEqual(floorOf(name), -1, `${name} has no floor`);
});

test('a package imports only from lower floors', () => {
  for (const source of production.filter((s) => s.group === 'packages')) {
    for (const name of ownImports(source)) {
      assert.ok(floorOf(name) < floorOf(source.owner), `${source.path} imports ${name}`);
    }
  }
});

test('services never import each other', () => {
  const services = new Set(sources.filter((s) => s.group === 'services').map((s) => s.owner));
  for (const source of sources.filter((s) => s.group === 'services')) {
    for (const name of ownImports(source)) {
      assert.ok(!services.has(name), `${source.path} imports the service ${name}`);
    }
  }
});

test('keyholder, ingress and console keep to their import lists', () => {
  for (const source of production.filter((s) => s.group === 'services')) {
    const only = ONLY[source.owner];
    const never = NEVER[source.owner] ?? [];
    for (const name of ownImports(source)) {
      assert.ok(only === undefined || only.includes(name), `${source.path} imports ${name}`);
      assert.ok(!never.includes(name), `${source.path} imports ${name}`);
    }
  }
});

test('only console and cli may write policy', () => {
  for (const source of sources) {
    if (!importsOf(source).includes('@sallyport/policy-store/write')) continue;
    assert.ok(['console', 'cli'].includes(source.owner), `${source.path} writes policy`);
  }
});

test('each third party has one door', () => {
  for (const source of production) {
    for (const name of importsOf(source)) {
      if (name.startsWith('.') || name.startsWith('node:') || name.startsWith('@sallyport/'))
        continue;
      const bare = name.split('/')[0] ?? '';
      if (bare === 'zod') continue;
      const doors = DOORS[bare];
      assert.ok(doors !== undefined, `${source.path} imports ${bare}, which has no door`);
      assert.ok(doors.includes(source.owner), `${source.path} imports ${bare}`);
    }
  }
});

test('pure packages use no socket, file, process or clock', () => {
  for (const source of production.filter((s) => PURE.includes(s.owner) && s.group === 'packages')) {
    for (const name of importsOf(source).filter((one) => one.startsWith('node:'))) {
      assert.ok(PURE_BUILTINS.includes(name), `${source.path} imports ${name}`);
    }
    if (source.path.endsWith('mail/src/clock.ts')) continue;
    assert.doesNotMatch(
      source.text,
      /\bDate\.now\(|new Date\(\)|\bprocess\.|performance\.now\(/,
      source.path,
    );
  }
});

test('keyholder and recorder open no way to the network', () => {
  for (const source of production.filter((s) => ['keyholder', 'recorder'].includes(s.owner))) {
    for (const name of importsOf(source)) {
      assert.ok(!NETWORK_BUILTINS.includes(name), `${source.path} imports ${name}`);
    }
  }
});

test('no package reads the environment', () => {
  for (const source of production.filter((s) => s.group === 'packages')) {
    assert.doesNotMatch(source.text, /process\.env/, source.path);
  }
});

test('package.json names just the packages that are imported', () => {
  const owners = new Map(sources.map((s) => [`${s.group}/${s.owner}`, s] as const));
  for (const { group, owner } of owners.values()) {
    const manifest = readManifest(group, owner);
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    const used = new Set(
      sources
        .filter((s) => s.group === group && s.owner === owner)
        .flatMap(importsOf)
        .filter((name) => name.startsWith('@sallyport/'))
        .map((name) => name.split('/').slice(0, 2).join('/')),
    );
    for (const name of used) {
      assert.ok(declared.includes(name), `${group}/${owner} imports ${name} without declaring it`);
    }
  }
});

test('TLS verification is switched off in one place: the SMTP client, where our own check follows', () => {
  // A server that asks for a client's certificate and demands none says the same words: it shows
  // itself to the client as ever, and what it thinks of the certificate is a fact of the session.
  const ASKS = /requestCert: true, rejectUnauthorized: false/g;
  const places = production.flatMap((s) => {
    const isServer = s.path === 'services/ingress/src/smtp/listener.ts';
    const text = isServer ? s.text.replace(ASKS, '') : s.text;
    return [...text.matchAll(/rejectUnauthorized(?!:\s*true)/g)].map(() => s.path);
  });
  assert.deepEqual(places, ['packages/transport/src/smtp/wire.ts']);
  const server = production.find((s) => s.path === 'services/ingress/src/smtp/listener.ts');
  assert.equal(server?.text.match(ASKS)?.length, 1);
  assert.match(
    server?.text ?? '',
    /clientAuthorized: certificate !== undefined && socket\.authorized/,
  );
});
