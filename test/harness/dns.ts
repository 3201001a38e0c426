import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from './folder.ts';
import { freePort } from './ports.ts';
import { type RunningProcess, run, runOk, startProcess } from './process.ts';
import { waitFor } from './wait.ts';

export interface Zone {
  readonly name: string;
  /** Lines of a zone file; SOA and NS are added. Names may be relative to the zone. */
  readonly records: readonly string[];
  /**
   * `signed` with DNSSEC, `plain`, `broken`: configured without data, which is SERVFAIL, or `bogus`:
   * signed with a key that the trust anchor does not name.
   */
  readonly kind?: 'signed' | 'plain' | 'broken' | 'bogus';
}

export interface Dns extends AsyncDisposable {
  readonly host: string;
  /** The validating resolver. */
  readonly port: number;
  /** What the resolver says, as dig prints it. */
  dig(...args: readonly string[]): Promise<string>;
  /** How many questions came to the resolver by TCP so far. */
  tcpQueries(): Promise<number>;
}

/** Starts NSD with these zones and Unbound before it; signed zones have their trust anchor there. */
export async function startDns(
  zones: readonly Zone[],
  at: { readonly port?: number } = {},
): Promise<Dns> {
  const folder = await temporaryFolder('dns');
  const [authority, resolver] = [await freePort(), at.port ?? (await freePort())];
  await mkdir(join(folder.path, 'zones'));
  const anchors = [];
  for (const zone of zones) anchors.push(...(await writeZone(folder.path, zone)));
  const file = (name: string): string => join(folder.path, name);
  await writeFile(file('nsd.conf'), nsdConf(folder.path, authority, zones));
  await writeFile(
    file('unbound.conf'),
    unboundConf({ folder: folder.path, authority, resolver, zones, anchors }),
  );
  const servers: RunningProcess[] = [
    await startProcess('nsd', ['-d', '-c', file('nsd.conf')]),
    await startProcess('unbound', ['-d', '-c', file('unbound.conf')]),
  ];
  const dig = async (...args: readonly string[]): Promise<string> =>
    String(
      (await run('dig', ['-p', String(resolver), '@127.0.0.1', '+time=2', '+tries=1', ...args]))
        .stdout,
    );
  const probe = zones.find(({ kind }) => kind !== 'broken' && kind !== 'bogus')?.name ?? '.';
  await waitFor(async () => (await dig(probe, 'SOA')).includes('status: NOERROR'), {
    what: 'NSD and Unbound',
  });
  return {
    host: '127.0.0.1',
    port: resolver,
    dig,
    tcpQueries: async () => {
      const stats = String(
        await runOk('unbound-control', ['-c', file('unbound.conf'), 'stats_noreset']),
      );
      return Number(/^num\.query\.tcp=(\d+)$/m.exec(stats)?.[1]);
    },
    [Symbol.asyncDispose]: async () => {
      for (const server of servers.toReversed()) await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** @returns the trust anchor lines of a signed zone. */
async function writeZone(folder: string, zone: Zone): Promise<string[]> {
  if (zone.kind === 'broken') return [];
  const cwd = join(folder, 'zones');
  const file = join(cwd, zone.name);
  const lines = [
    `$ORIGIN ${zone.name}.`,
    '$TTL 60',
    '@ IN SOA ns hostmaster 1 3600 600 86400 60',
    '@ IN NS ns',
    'ns IN A 127.0.0.1',
    ...zone.records,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  if (zone.kind !== 'signed' && zone.kind !== 'bogus') return [];
  const key = await makeZoneKey(zone.name, cwd);
  await runOk('ldns-signzone', ['-n', zone.name, key], { cwd });
  await writeFile(file, await readFile(`${file}.signed`));
  const anchor = zone.kind === 'signed' ? key : await makeZoneKey(zone.name, cwd);
  return [String(await readFile(join(cwd, `${anchor}.ds`), 'utf8')).trim()];
}

/** @returns the name of the key's files without their endings. */
async function makeZoneKey(zone: string, cwd: string): Promise<string> {
  const args = ['-k', '-a', 'ECDSAP256SHA256', zone];
  return String(await runOk('ldns-keygen', args, { cwd })).trim();
}

function nsdConf(folder: string, port: number, zones: readonly Zone[]): string {
  const server = [
    'server:',
    `  ip-address: 127.0.0.1@${port}`,
    '  server-count: 1',
    '  username: ""',
    '  chroot: ""',
    '  database: ""',
    `  zonesdir: "${folder}/zones"`,
    `  zonelistfile: "${folder}/zone.list"`,
    `  pidfile: "${folder}/nsd.pid"`,
    `  xfrdfile: "${folder}/xfrd.state"`,
    `  xfrdir: "${folder}"`,
    `  logfile: "${folder}/nsd.log"`,
    'remote-control:',
    '  control-enable: no',
  ];
  const parts = zones.flatMap(({ name }) => [
    'zone:',
    `  name: "${name}"`,
    `  zonefile: "${name}"`,
  ]);
  return `${[...server, ...parts].join('\n')}\n`;
}

function unboundConf(options: {
  readonly folder: string;
  readonly authority: number;
  readonly resolver: number;
  readonly zones: readonly Zone[];
  readonly anchors: readonly string[];
}): string {
  const { folder, zones } = options;
  const tops = new Set(zones.map(({ name }) => name.split('.').at(-1) ?? ''));
  const server = [
    'server:',
    '  interface: 127.0.0.1',
    `  port: ${options.resolver}`,
    '  username: ""',
    '  chroot: ""',
    `  directory: "${folder}"`,
    `  pidfile: "${folder}/unbound.pid"`,
    '  use-syslog: no',
    '  do-daemonize: no',
    '  do-ip6: no',
    '  num-threads: 1',
    '  do-not-query-localhost: no',
    '  module-config: "validator iterator"',
    '  cache-max-ttl: 1',
    '  cache-max-negative-ttl: 1',
    '  serve-expired: no',
    ...[...tops].map((top) => `  local-zone: "${top}." nodefault`),
    ...options.anchors.map((anchor) => `  trust-anchor: "${anchor}"`),
    ...zones
      .filter(({ kind }) => kind !== 'signed' && kind !== 'bogus')
      .map(({ name }) => `  domain-insecure: "${name}"`),
    '  extended-statistics: yes',
    'remote-control:',
    '  control-enable: yes',
    `  control-interface: ${folder}/unbound.socket`,
    '  control-use-cert: no',
  ];
  const stubs = zones.flatMap(({ name }) => [
    'stub-zone:',
    `  name: "${name}"`,
    `  stub-addr: 127.0.0.1@${options.authority}`,
  ]);
  return `${[...server, ...stubs].join('\n')}\n`;
}
