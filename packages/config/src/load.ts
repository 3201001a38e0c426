import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { type GatewayConfig, gatewayConfigSchema } from './schema.ts';

export interface ConfigFault {
  /** Where in the file, for example `ingress.tls.keyFile`. */
  readonly path: string;
  readonly reason: string;
}

export type LoadedConfig =
  | { readonly kind: 'ok'; readonly config: GatewayConfig }
  | { readonly kind: 'invalid'; readonly faults: readonly ConfigFault[] };

const MAX_CONFIG_BYTES = 1024 * 1024;
const SECRET_FIELDS = new Set([
  'keyFile',
  'passwordFile',
  'urlFile',
  'credentialFile',
  'passphraseFile',
  'pinFile',
  'tokenFile',
  'clientSecretFile',
]);
const FILE_FIELD = /File$|^file$/;

/** Parses the text of a config file; paths become absolute, `folder` is what they are relative to. */
export function parseConfig(text: string, folder: string): LoadedConfig {
  const yaml = parseDocument(text, { uniqueKeys: true });
  const broken = yaml.errors[0];
  if (broken !== undefined)
    return { kind: 'invalid', faults: [{ path: '', reason: broken.message }] };
  let value: unknown;
  try {
    value = yaml.toJS({ maxAliasCount: 0 }) ?? {};
  } catch {
    return { kind: 'invalid', faults: [{ path: '', reason: 'YAML aliases are not allowed' }] };
  }
  const result = gatewayConfigSchema.safeParse(value);
  if (!result.success) {
    const faults = result.error.issues.map((issue) => ({
      path: issue.path.join('.'),
      reason: issue.message,
    }));
    return { kind: 'invalid', faults };
  }
  const config = resolvePaths(result.data, folder);
  const faults = checkWhole(config);
  return faults.length === 0 ? { kind: 'ok', config } : { kind: 'invalid', faults };
}

/** Loads a config file and looks at every file that it names. */
export async function loadConfig(path: string): Promise<LoadedConfig> {
  let text: string;
  try {
    if ((await stat(path)).size > MAX_CONFIG_BYTES) {
      return { kind: 'invalid', faults: [{ path: '', reason: 'file is over 1 MiB' }] };
    }
    text = await readFile(path, 'utf8');
  } catch (error) {
    return {
      kind: 'invalid',
      faults: [{ path: '', reason: `cannot read ${path}: ${why(error)}` }],
    };
  }
  const parsed = parseConfig(text, dirname(resolve(path)));
  if (parsed.kind === 'invalid') return parsed;
  const faults = await checkFiles(parsed.config, '');
  return faults.length === 0 ? parsed : { kind: 'invalid', faults };
}

function why(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

type Tree = { [key: string]: unknown };

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null;
}

function isPathKey(key: string): boolean {
  return (
    FILE_FIELD.test(key) ||
    key === 'dataFolder' ||
    key === 'runtimeFolder' ||
    key === 'socket' ||
    key === 'path'
  );
}

function resolvePaths<T>(value: T, folder: string): T {
  if (!isTree(value)) return value;
  for (const [key, inner] of Object.entries(value)) {
    if (isPathKey(key) && typeof inner === 'string')
      value[key as keyof T & string] = resolve(folder, inner) as never;
    else resolvePaths(inner, folder);
  }
  return value;
}

const MAX_RUNTIME_CHARS = 80; // a Unix socket path is limited to 107 octets

function checkWhole(config: GatewayConfig): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const fault = (path: string, reason: string): void => {
    faults.push({ path, reason });
  };
  if (config.gateway.runtimeFolder.length > MAX_RUNTIME_CHARS) {
    fault('gateway.runtimeFolder', `longer than ${MAX_RUNTIME_CHARS} characters once absolute`);
  }
  if (config.egress.port !== 25 && !config.test) {
    fault('egress.port', 'only with test: true; MX hosts answer on port 25');
  }
  const { partner, relay, submission } = config.ingress;
  if (partner === undefined && relay === undefined && submission === undefined) {
    fault('ingress', 'name at least one of partner, relay, submission');
  }
  const names = new Set<string>();
  for (const [index, domain] of config.domains.entries()) {
    if (names.has(domain.name)) fault(`domains.${index}.name`, 'domain twice');
    names.add(domain.name);
    const routed = config.routes.some((route) => route.domain === domain.name);
    if (!routed)
      fault(`domains.${index}`, `no route: name the inner MTA of ${domain.name} in routes`);
  }
  const directory = config.directory;
  const overTls = [...(directory?.listenTls ?? []), ...(directory?.http.listenTls ?? [])];
  if (overTls.length > 0 && directory?.tls === undefined) {
    fault('directory.tls', 'listenTls needs certificateFile and keyFile');
  }
  const others = [checkRoutes, checkRouteTls, checkRetry, checkFronts];
  return [...faults, ...others.flatMap((check) => check(config))];
}

function checkFronts({ gateway, ingress, trustedFronts }: GatewayConfig): ConfigFault[] {
  const ours = trustedFronts.flatMap(({ authservId }, index) =>
    authservId?.toLowerCase() === gateway.name
      ? {
          path: `trustedFronts.${index}.authservId`,
          reason: 'it is gateway.name, whose fields are taken away as forged',
        }
      : [],
  );
  if (trustedFronts.length === 0 || ingress.partner !== undefined) return ours;
  const reason = 'without ingress.partner no front can hand anything over';
  return [{ path: 'trustedFronts', reason }, ...ours];
}

function checkRouteTls({ routes, dns }: GatewayConfig): ConfigFault[] {
  return routes.flatMap(({ tls }, index) => {
    const path = `routes.${index}.tls`;
    if (tls.level === 'fingerprint' && tls.pins.length === 0) {
      return [{ path: `${path}.pins`, reason: 'level fingerprint needs one at least' }];
    }
    if (tls.pins.length > 0 && !['fingerprint', 'verify', 'secure'].includes(tls.level)) {
      return [{ path: `${path}.pins`, reason: `level ${tls.level} does not look at pins` }];
    }
    if ((tls.level === 'dane-only' || tls.level === 'dane') && !dns.trusted) {
      const reason = `${tls.level} needs a resolver whose DNSSEC counts: set dns.trusted`;
      return [{ path: `${path}.level`, reason }];
    }
    return [];
  });
}

function checkRoutes({ routes }: GatewayConfig): ConfigFault[] {
  const reason = 'route twice: the second has no effect';
  const first = new Map(routes.toReversed().map((route) => [route.domain, route]));
  return routes.flatMap((route, index) =>
    first.get(route.domain) === route ? [] : [{ path: `routes.${index}.domain`, reason }],
  );
}

function checkRetry({ retry }: GatewayConfig): ConfigFault[] {
  if (retry.first <= retry.longest) return [];
  return [{ path: 'retry.first', reason: 'longer than retry.longest' }];
}

async function checkFiles(value: unknown, path: string): Promise<ConfigFault[]> {
  if (!isTree(value)) return [];
  const faults: ConfigFault[] = [];
  for (const [key, inner] of Object.entries(value)) {
    const here = path === '' ? key : `${path}.${key}`;
    if (typeof inner === 'string' && FILE_FIELD.test(key)) {
      const reason = await checkFile(inner, SECRET_FIELDS.has(key));
      if (reason !== null) faults.push({ path: here, reason });
    } else {
      faults.push(...(await checkFiles(inner, here)));
    }
  }
  return faults;
}

/** Where systemd puts the secrets of a unit; while it does not run, or for another one, they are not there. */
const CREDENTIALS_FOLDER = '/run/credentials/';

async function checkFile(path: string, secret: boolean): Promise<string | null> {
  // The process that needs it says so if it is missing.
  if (path.startsWith(CREDENTIALS_FOLDER)) return null;
  try {
    const found = await stat(path);
    if (!found.isFile()) return `${path} is not a file`;
    if (secret && (found.mode & 0o077) !== 0) {
      return `${path} may be read by others (mode ${(found.mode & 0o777).toString(8)}); set it to 600`;
    }
    return null;
  } catch (error) {
    return `cannot read ${path}: ${why(error)}`;
  }
}
