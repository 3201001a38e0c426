import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type GatewayConfig, loadConfig } from '@sallyport/config';
import type { Domain } from '@sallyport/mail';
import { formatPemCertificate } from '@sallyport/pki';
import { importPolicy } from '@sallyport/policy-store/write';
import { stringify } from 'yaml';
import { writeWhole } from '../gateway/files.ts';
import { type GatewayLayout, layoutOf } from '../gateway/layout.ts';
import {
  createAuthorities,
  createCa,
  createInnerKeys,
  createTlsFiles,
  type OwnCa,
} from '../gateway/provision.ts';
import { publishAuthorities } from '../gateway/published-certificates.ts';

/** Where one organisation of the sandbox listens. */
export interface OrganisationPlan {
  readonly title: string;
  readonly domain: Domain;
  readonly folder: string;
  readonly runtime: string;
  /** Loopback address of its gateway, and the port that both gateways take mail on. */
  readonly address: string;
  readonly smtpPort: number;
  readonly relayPort: number;
  readonly ldapPort: number;
  readonly sinkPort: number;
  /** Absent: it has no console. */
  readonly consolePort?: number;
  readonly dnsPort: number;
}

export interface Organisation {
  readonly plan: OrganisationPlan;
  readonly ca: OwnCa;
  readonly layout: GatewayLayout;
  readonly config: GatewayConfig;
  readonly configFile: string;
}

/** Makes a whole gateway: keys, certificates, config file, published entries. */
export async function createOrganisation(plan: OrganisationPlan, now: Date): Promise<Organisation> {
  await mkdir(join(plan.folder, 'mailboxes'), { recursive: true, mode: 0o700 });
  const configFile = join(plan.folder, 'gateway.yaml');
  await writeWhole(configFile, stringify(configOf(plan)), 0o644);
  const layout = layoutOf({
    dataFolder: join(plan.folder, 'data'),
    runtimeFolder: plan.runtime,
  });
  const ca = createCa(plan.domain, 'ec-p256', now);
  await createInnerKeys(layout);
  await createAuthorities({
    layout,
    ca,
    domain: plan.domain,
    kind: 'rsa-2048',
    now,
  });
  await publishAuthorities(layout, now);
  await createTlsFiles({
    ca,
    hostName: gatewayName(plan),
    certificateFile: join(plan.folder, 'tls.pem'),
    keyFile: join(plan.folder, 'tls-key.pem'),
    now,
  });
  await createTlsFiles({
    ca,
    hostName: CONSOLE_HOST,
    certificateFile: join(plan.folder, 'console-tls.pem'),
    keyFile: join(plan.folder, 'console-tls-key.pem'),
    now,
  });
  const loaded = await loadConfig(configFile);
  if (loaded.kind === 'invalid') {
    const [fault] = loaded.faults;
    throw new Error(`sandbox config: ${fault?.path} ${fault?.reason}`);
  }
  return { plan, ca, layout, config: loaded.config, configFile };
}

/** A name that every browser takes to this host, whatever DNS says. */
const CONSOLE_HOST = 'localhost';

function consoleOf(plan: OrganisationPlan): object {
  return {
    listen: [`127.0.0.1:${plan.consolePort}`],
    tls: { certificateFile: 'console-tls.pem', keyFile: 'console-tls-key.pem' },
    publicUrl: consoleUrl(plan),
  };
}

export function consoleUrl({ consolePort }: OrganisationPlan): string {
  return `https://${CONSOLE_HOST}:${consolePort}`;
}

function gatewayName(plan: OrganisationPlan): string {
  return `gw.${plan.domain}`;
}

function configOf(plan: OrganisationPlan): object {
  return {
    gateway: { name: gatewayName(plan), dataFolder: 'data', runtimeFolder: plan.runtime },
    test: true,
    domains: [{ name: plan.domain, recipients: { kind: 'any' } }],
    routes: [
      { domain: plan.domain, nextHops: [`127.0.0.1:${plan.sinkPort}`], tls: { level: 'none' } },
    ],
    ingress: {
      partner: { listen: [`${plan.address}:${plan.smtpPort}`] },
      relay: { listen: [`127.0.0.1:${plan.relayPort}`], allow: ['127.0.0.0/8'] },
      tls: { certificateFile: 'tls.pem', keyFile: 'tls-key.pem' },
    },
    egress: { port: plan.smtpPort },
    dns: { servers: [`127.0.0.1:${plan.dnsPort}`] },
    lookup: { allowPrivateAddresses: true },
    directory: { listen: [`127.0.0.1:${plan.ldapPort}`] },
    ...(plan.consolePort === undefined ? {} : { console: consoleOf(plan) }),
  };
}

/** A partner that publishes nothing: what is written to it stays, and the console says why. */
export const SILENT_PARTNER = { name: 'Charlie', domain: 'charlie.example' } as const;

/** DNS of the partner that publishes nothing. */
export function silentZone(): object {
  const { domain } = SILENT_PARTNER;
  const exchange = `mx.${domain}`;
  return {
    name: domain,
    records: [
      { type: 'MX', name: domain, preference: 10, exchange },
      { type: 'A', name: exchange, address: '127.0.0.4' },
    ],
  };
}

/**
 * Gives `own` a partner record for `partner`: everything required, both ways; and one for the
 * partner that publishes nothing.
 */
export async function agreeWith(
  own: Organisation,
  partner: Organisation,
  now: Date,
): Promise<void> {
  const anchor = formatPemCertificate(partner.ca.certificate.der);
  const { domain, title } = partner.plan;
  const policy = {
    partners: [
      {
        name: title,
        domains: [domain],
        agreement: {
          id: 'RPA-SANDBOX-1',
          asserts: 'originator authenticated by the inner MTA',
          validUntil: new Date(now.getTime() + 365 * 86_400_000).toISOString().slice(0, 10),
          contact: `security@${domain}`,
        },
        outbound: {
          sign: 'domain',
          profile: 'domsec',
          encrypt: 'required',
          discovery: ['ldap-srv'],
        },
        inbound: {
          signature: 'domain-required',
          encryption: 'required',
          tls: { level: 'encrypt' },
          deliver: 'clear',
          otherwise: 'refuse',
        },
        tls: { level: 'secure', match: [`.${domain}`], anchors: [anchor] },
        trust: { anchors: [anchor], revocation: 'off' },
      },
      {
        name: SILENT_PARTNER.name,
        domains: [SILENT_PARTNER.domain],
        outbound: {
          sign: 'domain',
          profile: 'domsec',
          encrypt: 'required',
          discovery: ['ldap-srv'],
          otherwise: 'hold',
        },
      },
    ],
  };
  const result = await importPolicy(own.layout.policy, stringify(policy), {
    author: 'sandbox',
    reason: `first agreement with ${title}`,
    now,
  });
  if (result.kind === 'invalid') {
    const [fault] = result.faults;
    throw new Error(`sandbox policy: ${fault?.path} ${fault?.reason}`);
  }
}

/** DNS of one organisation: how the world finds its gateway and its directory. */
export function zoneOf(plan: OrganisationPlan): object {
  const gateway = gatewayName(plan);
  const directory = `ldap.${plan.domain}`;
  const srv = { type: 'SRV', priority: 10, weight: 10, port: plan.ldapPort, target: directory };
  return {
    name: plan.domain,
    records: [
      { type: 'MX', name: plan.domain, preference: 10, exchange: gateway },
      { type: 'A', name: gateway, address: plan.address },
      { type: 'A', name: directory, address: '127.0.0.1' },
      { ...srv, name: `_PKIXREP._LDAP.${plan.domain}` },
      { ...srv, name: `_ldap._tcp.${plan.domain}` },
    ],
  };
}
