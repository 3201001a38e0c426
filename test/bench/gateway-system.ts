import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Domain, systemClock } from '@sallyport/mail';
import { formatPemCertificate } from '@sallyport/pki';
import { importPolicy } from '@sallyport/policy-store/write';
import { stringify } from 'yaml';
import { writeWhole } from '../../services/cli/src/gateway/files.ts';
import { processSpecs, ROLES } from '../../services/cli/src/gateway/roles.ts';
import type { ProcessSpec } from '../../services/cli/src/gateway/supervisor.ts';
import {
  createOrganisation,
  type Organisation,
  type OrganisationPlan,
  zoneOf,
} from '../../services/cli/src/sandbox/organisation.ts';
import { sandboxSpec } from '../../services/cli/src/sandbox/sandbox-spec.ts';
import { freePort } from '../harness/ports.ts';
import { benchSupervisor } from './bench-processes.ts';
import { ProfiledProcesses } from './profile.ts';
import type { SinkListener } from './sink.ts';
import type { System } from './system.ts';

type Profile = 'compat' | 'domsec';

/** Starts and stops the processes of a gateway. */
interface Processes {
  start(specs: readonly ProcessSpec[]): Promise<void>;
  stop(): Promise<void>;
  processIds(): ReadonlyMap<string, number>;
}

/** Everything round the gateways under test: a partner with DNS and directory, whose MX is the sink. */
export interface GatewayWorld extends AsyncDisposable {
  readonly listener: SinkListener;
  /** A gateway that protects all mail to the partner in this profile, and its audit folder. */
  startGateway(profile: Profile, profileFolder: string | null): Promise<GatewaySystem>;
}

interface GatewaySystem extends System {
  readonly auditFolder: string;
}

const SINK_HOST = '127.0.0.3';

/** Makes the partner; gateways come one by one. */
export async function createWorld(folder: string, runtime: string): Promise<GatewayWorld> {
  const dnsPort = await freePort();
  const smtpPort = await freePort(SINK_HOST);
  const planOf = async (name: string, title: string, address: string) => ({
    title,
    domain: `${name}.example` as Domain,
    folder: join(folder, title),
    runtime: join(runtime, title),
    address,
    smtpPort,
    relayPort: await freePort(),
    ldapPort: await freePort(),
    sinkPort: await freePort(),
    dnsPort,
  });
  const partner = await createOrganisation(
    await planOf('bravo', 'bravo', SINK_HOST),
    systemClock.now(),
  );
  const zonesFile = join(folder, 'zones.json');
  const { plan } = partner;
  await writeWhole(zonesFile, JSON.stringify({ zones: [zoneOf(plan)] }), 0o644);
  const outside = benchSupervisor(join(runtime, 'outside'), join(folder, 'outside.log'));
  const dns = sandboxSpec({ dnsPort, zonesFile, sinks: [] });
  await mkdir(plan.runtime, { recursive: true, mode: 0o700 });
  await outside.start([dns, ...processSpecs(partner.config, ['directory'])]);
  let address = 3;
  return {
    listener: {
      host: SINK_HOST,
      port: smtpPort,
      certificateFile: join(plan.folder, 'tls.pem'),
      keyFile: join(plan.folder, 'tls-key.pem'),
    },
    startGateway: async (profile, profileFolder) => {
      address += 1;
      const own = await planOf('acme', profile, `127.0.0.${address}`);
      return await startGateway(own, partner, profile, profileFolder);
    },
    [Symbol.asyncDispose]: () => outside.stop(),
  };
}

async function startGateway(
  plan: OrganisationPlan,
  partner: Organisation,
  profile: Profile,
  profileFolder: string | null,
): Promise<GatewaySystem> {
  const organisation = await createOrganisation(plan, systemClock.now());
  await agree(organisation, partner, profile);
  const logFile = join(plan.folder, 'gateway.log');
  const { runtime } = organisation.layout;
  const processes: Processes =
    profileFolder === null
      ? benchSupervisor(runtime, logFile)
      : new ProfiledProcesses({ runtime, logFile, profiles: join(profileFolder, profile) });
  await processes.start(processSpecs(organisation.config, ROLES));
  return {
    name: profile,
    title: `this gateway, outward, profile \`${profile}\` + encryption`,
    host: '127.0.0.1',
    port: plan.relayPort,
    recipient: 'bob@bravo.example',
    share: 1,
    auditFolder: organisation.layout.audit,
    processIds: () => processes.processIds(),
    log: async () => (await readFile(logFile, 'utf8')).split('\n').slice(-40).join('\n'),
    [Symbol.asyncDispose]: () => processes.stop(),
  };
}

async function agree(own: Organisation, partner: Organisation, profile: Profile): Promise<void> {
  const anchor = formatPemCertificate(partner.ca.certificate.der);
  const { domain, title } = partner.plan;
  const now = systemClock.now();
  const policy = {
    partners: [
      {
        name: title,
        domains: [domain],
        agreement: {
          id: 'RPA-BENCH-1',
          asserts: 'originator authenticated by the inner MTA',
          validUntil: new Date(now.getTime() + 365 * 86_400_000).toISOString().slice(0, 10),
          contact: `security@${domain}`,
        },
        outbound: { sign: 'domain', profile, encrypt: 'required', discovery: ['ldap-srv'] },
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
    ],
  };
  const result = await importPolicy(own.layout.policy, stringify(policy), {
    author: 'bench',
    reason: 'what is measured',
    now,
  });
  if (result.kind === 'invalid') throw new Error(`bench policy: ${result.faults[0]?.reason}`);
}
