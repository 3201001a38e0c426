import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { GatewayConfig } from '@sallyport/config';
import { never } from '@sallyport/mail';
import type { TlsRule } from '@sallyport/transport';
import { type GatewayLayout, layoutOf } from './layout.ts';
import { baseDnOf } from './provision.ts';
import type { ProcessSpec } from './supervisor.ts';

/** The processes of one gateway, in the order in which they start. */
export const ROLES = [
  'recorder',
  'keyholder',
  'worker-outward',
  'worker-inward',
  'worker-advise',
  'egress',
  'directory',
  'ingress',
] as const;
export type Role = (typeof ROLES)[number];

const DECRYPTION_FLOOR_MS = 100;
const OUTWARD_CONCURRENCY = 32;
/** The directory announces at most so many naming contexts. */
const MAX_CONTEXTS = 8;

/** What each process of a gateway gets to know and to touch (design, section 2). */
export function processSpecs(config: GatewayConfig, roles: readonly Role[]): ProcessSpec[] {
  const layout = layoutOf(config.gateway, config.keys);
  const specs: Record<Role, ProcessSpec | null> = {
    recorder: recorderSpec(layout),
    keyholder: keyholderSpec(config, layout),
    'worker-outward': outwardSpec(config, layout),
    'worker-inward': inwardSpec(config, layout),
    'worker-advise': adviseSpec(config, layout),
    egress: egressSpec(config, layout),
    directory: directorySpec(config, layout),
    ingress: ingressSpec(config, layout),
  };
  return ROLES.filter((role) => roles.includes(role)).flatMap((role) => specs[role] ?? []);
}

function recorderSpec(layout: GatewayLayout): ProcessSpec {
  return {
    name: 'recorder',
    module: '@sallyport/recorder',
    options: {
      folder: layout.audit,
      privateKeyFile: layout.logKey,
      socket: layout.sockets.recorder,
    },
    readable: [layout.logKey],
    writable: [layout.audit, layout.sockets.recorder],
  };
}

function keyholderSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec {
  const { recorder, keyholderOutward, keyholderInward, keyholderOperator } = layout.sockets;
  const { seal } = layout;
  const { token } = config.keys;
  const secret = seal.kind === 'credential' ? seal.credentialFile : seal.passphraseFile;
  return {
    name: 'keyholder',
    module: '@sallyport/keyholder',
    options: {
      keyFolder: layout.keys,
      seal,
      ...(token === undefined ? {} : { token: tokenOptions(token) }),
      recorderSocket: recorder,
      outwardSocket: keyholderOutward,
      inwardSocket: keyholderInward,
      operatorSocket: keyholderOperator,
    },
    readable: [
      layout.keys,
      secret,
      recorder,
      ...(token === undefined ? [] : [token.moduleFile, token.pinFile]),
    ],
    writable: [keyholderOutward, keyholderInward, keyholderOperator],
    ...(token === undefined ? {} : { addon: { environment: tokenEnvironment(token) } }),
  };
}

type TokenConfig = NonNullable<GatewayConfig['keys']['token']>;

function tokenOptions({ moduleFile, pinFile, sessions, timeout }: TokenConfig) {
  return { moduleFile, pinFile, sessions, timeoutMs: timeout };
}

/** Threads of libuv that stay free for files and for keys that are in files. */
const FREE_THREADS = 4;

// A use of the token occupies one of libuv's threads: a token that stands still must not take all.
function tokenEnvironment({ sessions, environment }: TokenConfig): Record<string, string> {
  return { ...environment, UV_THREADPOOL_SIZE: String(sessions + FREE_THREADS) };
}

function commonWorker(config: GatewayConfig, layout: GatewayLayout) {
  return {
    gatewayName: config.gateway.name,
    policyFolder: layout.policy,
    domains: config.domains.map(({ name, recipients }) => ({
      name,
      recipients:
        recipients.kind === 'call-forward'
          ? { kind: 'call-forward' as const, ...routeOf(config, name) }
          : recipients,
    })),
    dns: dnsOf(config),
    allowPrivateAddresses: config.lookup.allowPrivateAddresses,
    lookup: lookupOf(config),
    capabilitiesFolder: layout.capabilities,
    harvestedFolder: layout.harvested,
  };
}

function lookupOf({ lookup }: GatewayConfig) {
  return {
    tlsAnchorsFile: lookup.tlsAnchorsFile ?? null,
    ldapServers: lookup.ldapServers,
    revocationRefreshMs: lookup.revocationRefresh,
  };
}

/** Files that lookups read: anchors, and passwords of directories. */
function lookupFiles({ lookup }: GatewayConfig): string[] {
  const files = lookup.ldapServers.flatMap(({ anchorsFile, bind }) => [
    anchorsFile,
    bind?.passwordFile,
  ]);
  return [lookup.tlsAnchorsFile, ...files].filter((file) => file !== undefined);
}

function routeOf(config: GatewayConfig, domain: string) {
  const route = config.routes.find((one) => one.domain === domain);
  // check-config has seen to it that each domain of ours has a route.
  if (route === undefined) throw new Error(`no route for ${domain}`);
  const { nextHops, tlsRule } = routeRow(route);
  return { nextHops, tlsRule };
}

/** The resolvers to ask, and whether their word on DNSSEC counts. */
export function dnsOf(config: Pick<GatewayConfig, 'dns'>) {
  const { servers, trusted } = config.dns;
  return { servers: servers.length > 0 ? servers : systemResolvers(), trusted };
}

/** The resolvers of /etc/resolv.conf; the local host where it names none (resolv.conf(5)). */
function systemResolvers(): { host: string; port: number }[] {
  const text = readFileSync('/etc/resolv.conf', 'utf8');
  const found = [...text.matchAll(/^\s*nameserver\s+([0-9a-fA-F:.]+)/gm)].map((match) => ({
    host: match[1] ?? '',
    port: 53,
  }));
  return found.length > 0 ? found : [{ host: '127.0.0.1', port: 53 }];
}

function mailWorker(config: GatewayConfig, layout: GatewayLayout) {
  return {
    ...commonWorker(config, layout),
    recorderSocket: layout.sockets.recorder,
    spool: {
      folder: layout.spool,
      workerPublicKeyFile: layout.spoolKeys.workerPublic,
      egressPublicKeyFile: layout.spoolKeys.egressPublic,
      workerPrivateKeyFile: layout.spoolKeys.workerPrivate,
    },
    indexFolder: layout.index,
    scanner:
      config.scanner === undefined
        ? null
        : { clamd: config.scanner.clamd, timeoutMs: config.scanner.timeout },
  };
}

function queueFiles({ queue }: GatewayConfig): string[] {
  return queue.driver === 'redis' ? [queue.urlFile] : [];
}

function workerFiles(config: GatewayConfig, layout: GatewayLayout): string[] {
  const lists = config.domains.flatMap(({ recipients }) =>
    recipients.kind === 'list' ? [recipients.file] : [],
  );
  return [
    layout.policy,
    layout.spool,
    layout.spoolKeys.workerPublic,
    layout.spoolKeys.egressPublic,
    layout.spoolKeys.workerPrivate,
    ...lists,
    ...lookupFiles(config),
  ];
}

function spoolFolders(layout: GatewayLayout, ...names: string[]): string[] {
  return names.map((name) => join(layout.spool, name));
}

function outwardSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec {
  return {
    name: 'worker-outward',
    module: '@sallyport/worker',
    options: {
      role: 'outward',
      ...mailWorker(config, layout),
      listen: layout.sockets.outward,
      keyholderSocket: layout.sockets.keyholderOutward,
      egressSocket: layout.sockets.egress,
      concurrency: OUTWARD_CONCURRENCY,
      queue: queueOf(config),
      retry: retryOf(config),
      holdExpiryMs: config.hold.expiry,
    },
    readable: [
      ...workerFiles(config, layout),
      ...queueFiles(config),
      layout.capabilities,
      layout.harvested,
    ],
    writable: [
      ...spoolFolders(layout, 'tmp', 'incoming', 'outgoing', 'hold', 'corrupt'),
      layout.index,
      layout.sockets.outward,
    ],
    folders: [layout.capabilities, layout.harvested],
  };
}

function retryOf({ retry }: GatewayConfig) {
  return {
    firstMs: retry.first,
    longestMs: retry.longest,
    delayWarningMs: retry.delayWarning,
    expiryMs: retry.expiry,
  };
}

function routeRow({ domain, nextHops, tls, trustedHop }: GatewayConfig['routes'][number]) {
  return { domain, nextHops, tlsRule: routeRule(tls), trustedHop };
}

function routeRule(tls: GatewayConfig['routes'][number]['tls']): TlsRule {
  const { level, match, minVersion, ciphers } = tls;
  const profile = { minVersion, ciphers };
  const pins = tls.pins.map((spki) => ({ spki, state: 'current' as const }));
  switch (level) {
    case 'none':
      return { level };
    case 'may':
    case 'encrypt':
    case 'dane':
    case 'dane-only':
      return { level, ...profile };
    case 'fingerprint':
      return { level, ...profile, pins };
    case 'verify':
    case 'secure': {
      const { anchorsFile } = tls;
      const anchors = anchorsFile === undefined ? 'system' : [readFileSync(anchorsFile, 'utf8')];
      return { level, ...profile, match, anchors, pins };
    }
    default:
      return never(level);
  }
}

function queueOf(config: GatewayConfig) {
  return config.queue.driver === 'redis'
    ? { driver: 'redis' as const, urlFile: config.queue.urlFile }
    : { driver: 'embedded' as const };
}

function inwardSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec | null {
  if (config.ingress.partner === undefined) return null;
  return {
    name: 'worker-inward',
    module: '@sallyport/worker',
    options: {
      role: 'inward',
      ...mailWorker(config, layout),
      listen: layout.sockets.inward,
      keyholderSocket: layout.sockets.keyholderInward,
      decryptionFloorMs: DECRYPTION_FLOOR_MS,
      tlsReportsFolder: layout.tlsReportsReceived,
    },
    readable: workerFiles(config, layout),
    writable: [
      ...spoolFolders(layout, 'tmp'),
      layout.index,
      layout.capabilities,
      layout.harvested,
      layout.tlsReportsReceived,
      layout.sockets.inward,
    ],
    folders: [layout.capabilities, layout.harvested, layout.tlsReportsReceived],
  };
}

function adviseSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec {
  return {
    name: 'worker-advise',
    module: '@sallyport/worker',
    options: { role: 'advise', ...commonWorker(config, layout), listen: layout.sockets.advise },
    readable: [layout.policy, layout.capabilities, layout.harvested, ...lookupFiles(config)],
    writable: [layout.sockets.advise],
    folders: [layout.capabilities, layout.harvested],
  };
}

function egressSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec {
  const clientTls = config.egress.tls;
  return {
    name: 'egress',
    module: '@sallyport/egress',
    options: {
      gatewayName: config.gateway.name,
      ownDomains: config.domains.map((domain) => domain.name),
      listen: layout.sockets.egress,
      recorderSocket: layout.sockets.recorder,
      workerSocket: layout.sockets.outward,
      policyFolder: layout.policy,
      spool: {
        folder: layout.spool,
        privateKeyFile: layout.spoolKeys.egressPrivate,
        workerPublicKeyFile: layout.spoolKeys.workerPublic,
      },
      pausedFile: layout.pausedDestinations,
      dns: dnsOf(config),
      mtaSts: {
        folder: layout.mtaStsPolicies,
        allowPrivateAddresses: config.lookup.allowPrivateAddresses,
        tlsAnchorsFile: config.lookup.tlsAnchorsFile ?? null,
      },
      tlsReports: { folder: layout.tlsReportCounts, submitter: config.domains[0]?.name },
      routes: config.routes.map(routeRow),
      mxPort: config.egress.port,
      localAddress: config.egress.sourceAddress ?? null,
      clientCertificate: clientTls ?? null,
      concurrency: config.egress.concurrency,
      perDestination: config.egress.perDestination,
      rate: rateOf(config.egress.rate),
      destinations: config.egress.destinations.map(({ domain, concurrency, rate }) => ({
        domain,
        concurrency: concurrency ?? config.egress.perDestination,
        rate: rateOf(rate ?? config.egress.rate),
      })),
      timeouts: { connectMs: config.egress.connectTimeout, tlsMs: config.egress.connectTimeout },
      retry: retryOf(config),
      queue: queueOf(config),
    },
    readable: [
      ...queueFiles(config),
      layout.policy,
      layout.spool,
      layout.spoolKeys.workerPublic,
      layout.spoolKeys.egressPrivate,
      ...(clientTls === undefined ? [] : [clientTls.certificateFile, clientTls.keyFile]),
      ...(config.lookup.tlsAnchorsFile === undefined ? [] : [config.lookup.tlsAnchorsFile]),
    ],
    writable: [
      ...spoolFolders(layout, 'tmp', 'incoming', 'outgoing', 'hold', 'corrupt'),
      dirname(layout.pausedDestinations),
      layout.mtaStsPolicies,
      layout.tlsReportCounts,
      layout.sockets.egress,
    ],
    folders: [layout.mtaStsPolicies, layout.tlsReportCounts],
  };
}

function rateOf(rate: GatewayConfig['egress']['rate']) {
  return rate === undefined ? null : { count: rate.messages, perMs: rate.per };
}

function directorySpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec | null {
  const { directory } = config;
  if (directory === undefined) return null;
  const listenersOn = (on: {
    readonly listen: typeof directory.listen;
    readonly listenTls: typeof directory.listenTls;
  }) => [
    ...on.listen.map((one) => ({ ...one, tls: false })),
    ...on.listenTls.map((one) => ({ ...one, tls: true })),
  ];
  return {
    name: 'directory',
    module: '@sallyport/directory',
    options: {
      listen: listenersOn(directory),
      http: listenersOn(directory.http),
      entriesFile: layout.published,
      usersFolder: layout.publishedUsers,
      substitute: config.domains
        .filter((domain) => domain.publish.substitute)
        .map((domain) => domain.name),
      statements: config.domains.map(({ name }) => ({
        domain: name,
        file: join(layout.statements, `${name}.jws`),
      })),
      crlFile: layout.publishedCrl,
      limits: { searchesPerMinute: directory.searchesPerMinute },
      baseDn: config.domains.slice(0, MAX_CONTEXTS).map((domain) => baseDnOf(domain.name)),
      ...(directory.tls === undefined
        ? {}
        : { tlsCertificateFile: directory.tls.certificateFile, tlsKeyFile: directory.tls.keyFile }),
    },
    readable: [
      layout.publishedFolder,
      ...(directory.tls === undefined
        ? []
        : [directory.tls.certificateFile, directory.tls.keyFile]),
    ],
    writable: [],
    folders: [layout.publishedFolder],
  };
}

function ingressSpec(config: GatewayConfig, layout: GatewayLayout): ProcessSpec {
  const { ingress } = config;
  const { submission } = ingress;
  return {
    name: 'ingress',
    module: '@sallyport/ingress',
    options: {
      name: config.gateway.name,
      domains: config.domains.map((domain) => domain.name),
      listeners: listenersOf(config),
      tls: { ...ingress.tls, clientAnchorsFile: ingress.clientAnchorsFile ?? null },
      login: submission === undefined ? null : { passwordFile: submission.passwordFile },
      spool: { folder: layout.spool, workerKeyFile: layout.spoolKeys.workerPublic },
      sockets: {
        recorder: layout.sockets.recorder,
        inward: ingress.partner === undefined ? null : layout.sockets.inward,
        outwardHints: layout.sockets.outward,
        egressHints: layout.sockets.egress,
      },
      judgeDeadlineMs: ingress.verdictTimeout,
    },
    readable: [
      layout.spool,
      layout.spoolKeys.workerPublic,
      ingress.tls.keyFile,
      ingress.tls.certificateFile,
      ...(ingress.clientAnchorsFile === undefined ? [] : [ingress.clientAnchorsFile]),
      ...(submission === undefined ? [] : [submission.passwordFile]),
    ],
    writable: spoolFolders(layout, 'tmp', 'incoming', 'outgoing', 'hold'),
  };
}

/** RFC 8689 section 4.2.1: taken from partners only where the way on to our people proves its server. */
function keepsRequireTls({ domains, routes }: GatewayConfig): boolean {
  return domains.every(({ name }) => {
    const route = routes.find(({ domain }) => domain === name);
    return route?.tls.level === 'secure';
  });
}

function listenersOf(config: GatewayConfig) {
  const { ingress } = config;
  const common = {
    maxMessageBytes: ingress.maxSizeBytes,
    maxRecipients: ingress.maxRecipients,
    maxConnections: ingress.maxConnections,
    deadlines: { commandMs: ingress.commandTimeout, sessionMs: ingress.sessionTimeout },
  };
  const partner = (ingress.partner?.listen ?? []).map((listen) => ({
    kind: 'partner',
    ...listen,
    ...common,
    tls: 'offered',
    offersRequireTls: keepsRequireTls(config),
    fronts: config.trustedFronts,
    greetingDelayMs: ingress.greetingDelay,
  }));
  const relay = (ingress.relay?.listen ?? []).map((listen) => ({
    kind: 'relay',
    ...listen,
    ...common,
    tls: 'offered',
    offersRequireTls: true,
    clients: ingress.relay?.allow,
    lineEnds: ingress.relay?.lineEnds,
    maxLineOctets: ingress.relay?.maxLineBytes,
  }));
  const submission = [
    ...(ingress.submission?.listen ?? []).map((listen) => ({ listen, tls: 'required' })),
    ...(ingress.submission?.listenTls ?? []).map((listen) => ({ listen, tls: 'implicit' })),
  ].map(({ listen, tls }) => ({
    kind: 'submission',
    ...listen,
    ...common,
    tls,
    offersRequireTls: true,
  }));
  return [...partner, ...relay, ...submission];
}
