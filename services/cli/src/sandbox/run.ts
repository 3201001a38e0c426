import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@sallyport/log';
import { type Domain, systemClock } from '@sallyport/mail';
import { attendGateway } from '../gateway/attend.ts';
import { writeWhole } from '../gateway/files.ts';
import { processSpecs, ROLES } from '../gateway/roles.ts';
import { Supervisor } from '../gateway/supervisor.ts';
import { createConsoleAccounts, type SandboxLogin } from './console-accounts.ts';
import {
  agreeWith,
  consoleUrl,
  createOrganisation,
  type Organisation,
  type OrganisationPlan,
  zoneOf,
} from './organisation.ts';
import { commonPort, freePorts } from './ports.ts';
import { submitMessage } from './submit.ts';
import { traceOf, verdictField } from './trace.ts';

const DELIVERY_TIMEOUT_MS = 20_000;
const POLL_MS = 50;
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
    const worked = await world.exchange();
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

function print(line: string): void {
  process.stdout.write(`${line}\n`);
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
    const [acme, bravo] = this.#pair();
    await agreeWith(acme, bravo, now);
    await agreeWith(bravo, acme, now);
    await this.#startSandboxServices(plans);
    await Promise.all(this.#organisations.map((one) => this.#startGateway(one)));
    for (const one of this.#organisations) {
      this.#logins.set(one, await createConsoleAccounts(one.layout, now));
    }
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    print(`Both gateways are ready after ${seconds} s, each as nine processes of its own.\n`);
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

  #pair(): [Organisation, Organisation] {
    const [acme, bravo] = this.#organisations;
    if (acme === undefined || bravo === undefined) throw new Error('two organisations are needed');
    return [acme, bravo];
  }

  async #startSandboxServices(plans: readonly OrganisationPlan[]): Promise<void> {
    const zonesFile = join(this.#folder, 'zones.json');
    await writeWhole(zonesFile, JSON.stringify({ zones: plans.map(zoneOf) }), 0o644);
    const sinks = plans.map((plan) => ({
      name: `inner MTA of ${plan.domain}`,
      host: '127.0.0.1',
      port: plan.sinkPort,
      folder: join(plan.folder, 'mailboxes'),
    }));
    const { supervisor } = this.#supervisor(join(this.#runtime, 'sandbox'), 'sandbox');
    await supervisor.start([
      {
        name: 'sandbox',
        module: '@sallyport/sandbox',
        options: { dns: { host: '127.0.0.1', port: this.#dnsPort, zonesFile }, sinks },
        readable: [zonesFile],
        writable: sinks.map((sink) => sink.folder),
      },
    ]);
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
    const logger = createLogger({
      service: `supervisor ${name}`,
      now: () => systemClock.now(),
      write: (line) => process.stderr.write(line),
    });
    const supervisor = new Supervisor({
      runtime,
      logger,
      logFile: join(this.#folder, `${name}.log`),
    });
    this.#supervisors.push(supervisor);
    return { supervisor, logger };
  }

  /** One message each way. @returns whether both arrived with the verdict that they must have. */
  async exchange(): Promise<boolean> {
    const [acme, bravo] = this.#pair();
    const outward = await this.#send(acme, 'alice', bravo, 'bob');
    const back = await this.#send(bravo, 'bob', acme, 'alice');
    print(
      outward && back
        ? 'Both messages arrived as they should.'
        : 'Something did not work, see above.',
    );
    return outward && back;
  }

  async #send(
    from: Organisation,
    author: string,
    to: Organisation,
    reader: string,
  ): Promise<boolean> {
    const since = systemClock.now();
    const sender = `${author}@${from.plan.domain}`;
    const recipient = `${reader}@${to.plan.domain}`;
    print(`── ${sender} writes to ${recipient}`);
    const reply = await submitMessage({
      host: '127.0.0.1',
      port: from.plan.relayPort,
      helo: `mail.${from.plan.domain}`,
      from: sender,
      to: recipient,
      message: sampleMessage(sender, recipient, since),
    });
    print(`   The inner MTA of ${from.plan.title} hands the message to its gateway: ${reply}`);
    const file = await this.#waitForMessage(to);
    const lines = [...(await traceOf(from, since)), ...(await traceOf(to, since))];
    for (const [index, line] of lines.entries()) {
      print(`   ${String(index + 1).padStart(2)}. ${line.ok ? '' : 'PROBLEM: '}${line.text}`);
    }
    if (file === null) {
      print(`   PROBLEM: nothing arrived within ${DELIVERY_TIMEOUT_MS / 1_000} s.\n`);
      return false;
    }
    const verdict = await verdictField(file);
    print(
      `   The inner MTA of ${to.plan.title} has the message, in clear, with this field on top:`,
    );
    print(`   X-Sallyport-Verdict: ${verdict ?? 'missing'}\n`);
    const good = /signature=valid; signatureType=domain;.*mapping=ok; encryption=domain/.test(
      verdict ?? '',
    );
    const body = await readFile(file, 'latin1');
    return good && body.includes(SAMPLE_TEXT) && lines.every((line) => line.ok);
  }

  async #waitForMessage(to: Organisation): Promise<string | null> {
    const file = join(to.plan.folder, 'mailboxes', '000001.eml');
    const deadline = performance.now() + DELIVERY_TIMEOUT_MS;
    while (performance.now() < deadline) {
      const found = await readFile(file).catch(() => null);
      // What egress learns from the reply is recorded a moment after the message is there.
      if (found !== null) return await sleep(SETTLE_MS, file);
      await sleep(POLL_MS);
    }
    return null;
  }

  /** What a newcomer may try now. */
  explain(): void {
    print('\nBoth organisations stay up. Press Ctrl-C to end; nothing is left behind.');
    for (const organisation of this.#organisations) {
      const { plan, configFile } = organisation;
      const login = this.#logins.get(organisation);
      print(`\n${plan.title} (${plan.domain})`);
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
    print(`\nDNS for both: 127.0.0.1:${this.#dnsPort}`);
    print('The consoles show certificates of the own CAs: the browser asks before it goes on.');
    const [acme] = this.#pair();
    print('\nTry, in another terminal:');
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

const SETTLE_MS = 400;
const SAMPLE_TEXT = 'The results of the second series are in.';

function sampleMessage(from: string, to: string, now: Date): string {
  return [
    `From: ${from}`,
    `To: ${to}`,
    'Subject: second series',
    `Date: ${now.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${now.getTime()}.${from}>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    SAMPLE_TEXT,
    'Please keep them among us until Friday.',
  ].join('\r\n');
}
