import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@sallyport/log';
import { type Domain, parseQueueId, systemClock } from '@sallyport/mail';
import { writeWhole } from '../../services/cli/src/gateway/files.ts';
import { Supervisor } from '../../services/cli/src/gateway/supervisor.ts';
import {
  agreeWith,
  createOrganisation,
  type Organisation,
  type OrganisationPlan,
  zoneOf,
} from '../../services/cli/src/sandbox/organisation.ts';
import { sandboxSpec } from '../../services/cli/src/sandbox/sandbox-spec.ts';
import { freePort } from '../harness/ports.ts';
import { RunningGateway } from './gateway.ts';
import { WireTap } from './wire-tap.ts';

const SITES = [
  { title: 'Acme', name: 'acme', address: '127.0.0.2', tapAddress: '127.0.0.4' },
  { title: 'Bravo', name: 'bravo', address: '127.0.0.3', tapAddress: '127.0.0.5' },
] as const;
const RETRY = { first: 1_000, longest: 2_000, delayWarning: 14_400_000, expiry: 432_000_000 };

/**
 * Each delivery that waits for its reply when egress dies is made twice. With a bound on those at
 * once the extra copies can be compared with the kills.
 */
const PER_DESTINATION = 4;

/** Two gateways as the sandbox makes them; what they say to each other goes through taps. */
export interface GatewayPair extends AsyncDisposable {
  readonly gateways: readonly [RunningGateway, RunningGateway];
  /** The taps on the way into each gateway. */
  readonly taps: readonly [WireTap, WireTap];
  /** Where the inner MTA of each keeps what it got. */
  readonly mailboxes: readonly [string, string];
}

/** Makes and starts both gateways, their DNS and their inner MTAs. */
export async function startPair(): Promise<GatewayPair> {
  const folder = await mkdtemp(join(tmpdir(), 'st-chaos-'));
  const runtime = await mkdtemp(join(tmpdir(), 'sc-'));
  const started: { stop(): Promise<void> }[] = [];
  const dispose = async (): Promise<void> => {
    for (const one of started.toReversed()) await one.stop();
    if (process.env['CHAOS_KEEP'] === undefined) {
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    }
    await rm(runtime, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const dnsPort = await freePort();
    const plans = await planSites(folder, runtime, dnsPort);
    const [acme, bravo] = await makeOrganisations(plans);
    const mailboxes = [
      join(folder, 'received', 'acme'),
      join(folder, 'received', 'bravo'),
    ] as const;
    started.push(await startSandbox({ folder, runtime, plans, mailboxes, dnsPort }));
    const taps = [tapOf(acme.plan, 0), tapOf(bravo.plan, 1)] as const;
    for (const tap of taps) {
      await tap.open();
      started.push({ stop: () => tap.close() });
    }
    const gateways = [
      new RunningGateway(acme, join(folder, 'acme.log')),
      new RunningGateway(bravo, join(folder, 'bravo.log')),
    ] as const;
    started.push(...gateways);
    await Promise.all(gateways.map((gateway) => gateway.start()));
    return { gateways, taps, mailboxes, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function planSites(
  folder: string,
  runtime: string,
  dnsPort: number,
): Promise<OrganisationPlan[]> {
  const smtpPort = await freePort(...SITES.flatMap((site) => [site.address, site.tapAddress]));
  const plans: OrganisationPlan[] = [];
  for (const { title, name, address } of SITES) {
    plans.push({
      title,
      domain: `${name}.example` as Domain,
      folder: join(folder, name),
      runtime: join(runtime, name),
      address,
      smtpPort,
      relayPort: await freePort(),
      ldapPort: await freePort(),
      sinkPort: await freePort(),
      dnsPort,
    });
  }
  return plans;
}

async function makeOrganisations(
  plans: readonly OrganisationPlan[],
): Promise<[Organisation, Organisation]> {
  const now = systemClock.now();
  const made: Organisation[] = [];
  for (const plan of plans) {
    const organisation = await createOrganisation(plan, now);
    const { config } = organisation;
    const egress = { ...config.egress, perDestination: PER_DESTINATION };
    made.push({ ...organisation, config: { ...config, egress, retry: RETRY } });
  }
  const [acme, bravo] = made;
  if (acme === undefined || bravo === undefined) throw new Error('two plans are needed');
  await agreeWith(acme, bravo, now);
  await agreeWith(bravo, acme, now);
  return [acme, bravo];
}

function tapOf(plan: OrganisationPlan, site: 0 | 1): WireTap {
  const { address, smtpPort: port } = plan;
  return new WireTap({ host: SITES[site].tapAddress, port }, { host: address, port });
}

/** DNS and inner MTAs: one process, which nobody kills. */
async function startSandbox(given: {
  readonly folder: string;
  readonly runtime: string;
  readonly plans: readonly OrganisationPlan[];
  readonly mailboxes: readonly string[];
  readonly dnsPort: number;
}): Promise<Supervisor> {
  const { folder, plans, mailboxes, dnsPort } = given;
  // MX leads to the tap, which goes by the gateway's name.
  const zones = plans.map((plan, at) => zoneOf({ ...plan, address: SITES[at]?.tapAddress ?? '' }));
  const zonesFile = join(folder, 'zones.json');
  await writeWhole(zonesFile, JSON.stringify({ zones }), 0o644);
  for (const mailbox of mailboxes) await mkdir(mailbox, { recursive: true });
  const sinks = plans.map((plan, at) => ({
    name: `inner MTA of ${plan.domain}`,
    host: '127.0.0.1',
    port: plan.sinkPort,
    folder: mailboxes[at] ?? '',
  }));
  const supervisor = new Supervisor({
    runtime: join(given.runtime, 'sandbox'),
    logger: createLogger({
      service: 'sandbox supervisor',
      now: () => systemClock.now(),
      write: (line) => process.stderr.write(line),
    }),
    logFile: join(folder, 'sandbox.log'),
  });
  await supervisor.start([sandboxSpec({ dnsPort, zonesFile, sinks })]);
  return supervisor;
}

const QUEUE_FOLDERS = ['tmp', 'incoming', 'outgoing', 'hold', 'corrupt'] as const;

/** Queue files by folder, as `folder/id`; files in `corrupt` under any name. */
export async function queueFiles(gateway: RunningGateway): Promise<string[]> {
  const found: string[] = [];
  for (const folder of QUEUE_FOLDERS) {
    const names = await readdir(gateway.spool(folder)).catch(() => []);
    for (const name of names) {
      if (folder === 'corrupt' || parseQueueId(name) !== null) found.push(`${folder}/${name}`);
    }
  }
  return found;
}
