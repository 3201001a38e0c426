import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatPasswordHash, hashPassword } from '@sallyport/password';
import { freePort } from './ports.ts';

/** What a gateway under test is to be. */
export interface GatewayOptions {
  readonly domain: string;
  /** Where the inner MTA takes mail. */
  readonly innerPort: number;
  readonly dnsPort: number;
  /** The port of hosts that are found by MX. */
  readonly egressPort: number;
  /** The address that partners connect to. */
  readonly address?: string;
  readonly partnerPort?: number;
  readonly ldapPort?: number;
  /** Addresses that may relay; everyone on loopback if left out. */
  readonly relayAllow?: readonly string[];
  /** Logins of the submission port. */
  readonly users?: Readonly<Record<string, string>>;
  readonly clamdPort?: number;
  /** Further fields of the section `ingress`. */
  readonly ingress?: object;
  /** What time it is for the gateway, instead of the machine's; `setTime` moves it on. */
  readonly testClock?: Date;
  /** Further top-level sections of the config file. */
  readonly config?: object;
}

/** Where it listens. */
export type Ports = Awaited<ReturnType<typeof portsOf>>;

export async function portsOf(options: GatewayOptions) {
  return {
    relay: await freePort(),
    partner: options.partnerPort ?? (await freePort(options.address ?? '127.0.0.1')),
    submission: await freePort(),
    submissionTls: await freePort(),
    ldap: options.ldapPort ?? (await freePort()),
  };
}

/** What its config file holds. */
export function configOf(options: GatewayOptions, ports: Ports, runtime: string): object {
  const { domain } = options;
  const route = { domain, nextHops: [`127.0.0.1:${options.innerPort}`], tls: { level: 'none' } };
  return {
    gateway: { name: `gw.${domain}`, dataFolder: 'data', runtimeFolder: join(runtime, 'r') },
    test: true,
    domains: [{ name: domain, recipients: { kind: 'any' } }],
    routes: [route],
    ingress: {
      partner: { listen: [`${options.address ?? '127.0.0.1'}:${ports.partner}`] },
      relay: {
        listen: [`127.0.0.1:${ports.relay}`],
        allow: options.relayAllow ?? ['127.0.0.0/8'],
      },
      ...(options.users === undefined
        ? {}
        : {
            submission: {
              listen: [`127.0.0.1:${ports.submission}`],
              listenTls: [`127.0.0.1:${ports.submissionTls}`],
              passwordFile: 'passwords',
            },
          }),
      tls: { certificateFile: 'tls.pem', keyFile: 'tls-key.pem' },
      ...options.ingress,
    },
    egress: { port: options.egressPort },
    dns: { servers: [`127.0.0.1:${options.dnsPort}`] },
    lookup: { allowPrivateAddresses: true },
    directory: { listen: [`127.0.0.1:${ports.ldap}`] },
    ...(options.clamdPort === undefined
      ? {}
      : { scanner: { clamd: { address: `127.0.0.1:${options.clamdPort}` }, timeout: '5s' } }),
    ...options.config,
  };
}

/** RFC 9106, as `sallyport user add` writes it, with less memory: tests log in often. */
export async function writePasswords(
  file: string,
  users: Readonly<Record<string, string>>,
): Promise<void> {
  const cost = { memoryKib: 8_192, passes: 1, parallelism: 1 };
  const lines = Object.entries(users).map(
    async ([login, password]) =>
      `${login}:${formatPasswordHash(await hashPassword(password, cost))}\n`,
  );
  await writeFile(file, (await Promise.all(lines)).join(''), { mode: 0o600 });
}
