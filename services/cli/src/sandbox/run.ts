import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createLogger } from '@sallyport/log';
import { type Domain, systemClock } from '@sallyport/mail';
import { print } from '../commands/output.ts';
import { attendGateway } from '../gateway/attend.ts';
import { writeWhole } from '../gateway/files.ts';
import { processSpecs, ROLES } from '../gateway/roles.ts';
import { Supervisor } from '../gateway/supervisor.ts';
import { createConsoleAccounts, type SandboxLogin } from './console-accounts.ts';
import { exchangeMail } from './exchange.ts';
import {
  agreeWith,
  consoleUrl,
  createOrganisation,
  type Organisation,
  type OrganisationPlan,
  SILENT_PARTNER,
  silentZone,
  zoneOf,
} from './organisation.ts';
import { commonPort, freePorts } from './ports.ts';
import { sandboxSpec } from './sandbox-spec.ts';

const ADDRESSES = ['127.0.0.2', '127.0.0.3'] as const;

/** Runs two organisations on loopback. @returns the exit code. */
export async function runSandbox(options: {
  readonly once: boolean;
  readonly keep: string | null;
}): Promise<number> {
  const folder =
    options.keep === null
      ? await mkdtemp(join(tmpdir(), 'sallyport-sandbox-'))
      : resolve(options.keep);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const runtime = await mkdtemp(join(tmpdir(), 'sp-'));
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  process.once('SIGTERM', () => abort.abort());
  const world = new World(folder, runtime);
  try {
    await world.start();
    const worked = await exchangeMail(world.pair());
    if (!options.once && !abort.signal.aborted) {
      world.explain();
      await new Promise<void>((end) => abort.signal.addEventListener('abort', () => end()));
    }
    return worked ? 0 : 1;
  } catch (error) {
    process.stderr.write(
      `The sandbox failed: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return 1;
  } finally {
    await world.stop();
    await rm(runtime, { recursive: true, force: true });
    if (options.keep === null) await rm(folder, { recursive: true, force: true });
    else print(`All data is in ${folder}.`);
  }
}

class World {
  readonly #folder: string;
  readonly #runtime: string;
  readonly #supervisors: Supervisor[] = [];
  readonly #own = new AsyncDisposableStack();
  readonly #organisations: Organisation[] = [];
  readonly #logins = new Map<Organisation, SandboxLogin>();
  #dnsPort = 0;

  constructor(folder: string, runtime: string) {
    this.#folder = folder;
    this.#runtime = runtime;
  }

  /** Makes both organisations and starts everything. */
  async start(): Promise<void> {
    const started = performance.now();
    const now = systemClock.now();
    const plans = await this.#plan();
    print('Two organisations are set up: keys, certificates, DNS, directory, policy …');
    for (const plan of plans) this.#organisations.push(await createOrganisation(plan, now));
    const [acme, bravo] = this.pair();
    await agreeWith(acme, bravo, now);
    await agreeWith(bravo, acme, now);
    await this.#startSandboxServices(plans);
    await Promise.all(this.#organisations.map((one) => this.#startGateway(one)));
    for (const one of this.#organisations) {
      this.#logins.set(one, await createConsoleAccounts(one.layout, now));
    }
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    print(`Both gateways are ready after ${seconds} s, each as nine processes of its own.`);
    print('');
  }

  async #plan(): Promise<OrganisationPlan[]> {
    const smtpPort = await commonPort(ADDRESSES);
    const [dns = 0, ...ports] = await freePorts(9);
    this.#dnsPort = dns;
    return (['acme', 'bravo'] as const).map((name, index) => {
      const own = ports.slice(index * 4);
      const [relayPort = 0, ldapPort = 0, sinkPort = 0, consolePort = 0] = own;
      return {
        title: name === 'acme' ? 'Acme' : 'Bravo',
        domain: `${name}.example` as Domain,
        folder: join(this.#folder, name),
        runtime: join(this.#runtime, name),
        address: ADDRESSES[index] ?? ADDRESSES[0],
        smtpPort,
        relayPort,
        ldapPort,
        sinkPort,
        consolePort,
        dnsPort: dns,
      };
    });
  }

  pair(): [Organisation, Organisation] {
    const [acme, bravo] = this.#organisations;
    if (acme === undefined || bravo === undefined) throw new Error('two organisations are needed');
    return [acme, bravo];
  }

  async #startSandboxServices(plans: readonly OrganisationPlan[]): Promise<void> {
    const zonesFile = join(this.#folder, 'zones.json');
    await writeWhole(
      zonesFile,
      JSON.stringify({ zones: [...plans.map(zoneOf), silentZone()] }),
      0o644,
    );
    const sinks = plans.map((plan) => ({
      name: `inner MTA of ${plan.domain}`,
      host: '127.0.0.1',
      port: plan.sinkPort,
      folder: join(plan.folder, 'mailboxes'),
    }));
    const { supervisor } = this.#supervisor(join(this.#runtime, 'sandbox'), 'sandbox');
    await supervisor.start([sandboxSpec({ dnsPort: this.#dnsPort, zonesFile, sinks })]);
  }

  async #startGateway(organisation: Organisation): Promise<void> {
    const { layout, config, plan } = organisation;
    const { supervisor, logger } = this.#supervisor(layout.runtime, plan.domain);
    await supervisor.start(processSpecs(config, ROLES));
    this.#own.use(
      await attendGateway(organisation, ROLES, { supervisor, logger, clock: systemClock }),
    );
  }

  #supervisor(runtime: string, name: string) {
    const logFile = join(this.#folder, `${name}.log`);
    const logger = createLogger({
      service: `supervisor ${name}`,
      now: () => systemClock.now(),
      write: (line) => {
        appendFileSync(logFile, line, { mode: 0o600 });
        // What goes well is told in words; trouble is told as it is.
        if (!line.includes('"level":"info"')) process.stderr.write(line);
      },
    });
    const supervisor = new Supervisor({ runtime, logger, logFile });
    this.#supervisors.push(supervisor);
    return { supervisor, logger };
  }

  /** What a newcomer may try now. */
  explain(): void {
    print('');
    print('Both organisations stay up. Press Ctrl-C to end; nothing is left behind.');
    for (const organisation of this.#organisations) {
      const { plan, configFile } = organisation;
      const login = this.#logins.get(organisation);
      print('');
      print(`${plan.title} (${plan.domain})`);
      print(`  console                     ${consoleUrl(plan)}`);
      print(`    sign in as                ${login?.names.join(', ')}`);
      print(`    with the password         ${login?.password}`);
      print(`  inner MTA hands mail in     127.0.0.1:${plan.relayPort}`);
      print(`  partners deliver mail       ${plan.address}:${plan.smtpPort} (STARTTLS)`);
      print(`  certificate directory       ldap://127.0.0.1:${plan.ldapPort}`);
      print(`  what arrived inside         ${join(plan.folder, 'mailboxes')}`);
      print(`  config                      ${configFile}`);
      print(`  log                         ${join(this.#folder, `${plan.domain}.log`)}`);
    }
    print('');
    print(`DNS for both: 127.0.0.1:${this.#dnsPort}`);
    print('The consoles show certificates of the own CAs: the browser asks before it goes on.');
    const [acme] = this.pair();
    print(`In the one of Acme, Hold has the message to ${SILENT_PARTNER.domain}, and says why.`);
    print('');
    print('Try, in another terminal:');
    print(
      `  swaks --server 127.0.0.1:${acme.plan.relayPort} --from alice@acme.example --to bob@bravo.example`,
    );
    print(`  npx sallyport cert locate bob@bravo.example --config ${acme.configFile}`);
    print(
      `  npx sallyport partner simulate --from alice@acme.example --to bob@bravo.example --config ${acme.configFile}`,
    );
    print(`  npx sallyport audit list --config ${acme.configFile}`);
    print(`  npx sallyport queue list --config ${acme.configFile}`);
  }

  async stop(): Promise<void> {
    await this.#own.disposeAsync();
    for (const supervisor of this.#supervisors.toReversed()) await supervisor.stop();
  }
}
