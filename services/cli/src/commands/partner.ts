import { adviseProtocol, recorderProtocol } from '@sallyport/ipc';
import { parseDomain } from '@sallyport/mail';
import { matchesPattern, type PartnerPolicy, parsePolicyDocument } from '@sallyport/policy';
import {
  activeVersion,
  PolicyUnavailable,
  readActivePolicy,
  readVersion,
} from '@sallyport/policy-store/read';
import { exportPolicy, importPolicy, parsePolicyYaml } from '@sallyport/policy-store/write';
import { stringify } from 'yaml';
import { smartHostFaults } from '../gateway/check-routes.ts';
import {
  askProcess,
  type Gateway,
  NotRunning,
  openGateway,
  operatorName,
} from './gateway-access.ts';
import { note, print, printJson, printTable, printText } from './output.ts';
import { numberOf, readTextFile } from './read-input.ts';
import { Complaint } from './run.ts';
import { printSteps } from './trace-lines.ts';

const SIMULATE_DEADLINE_MS = 60_000;
const MAX_VERSION = 999_999;

interface WithConfig {
  readonly config: string;
  readonly json?: boolean;
}

async function activePolicy(gateway: Gateway) {
  try {
    return await readActivePolicy(gateway.layout.policy);
  } catch (error) {
    if (error instanceof PolicyUnavailable)
      throw new Complaint(`The policy cannot be used: ${error.message}.`);
    throw error;
  }
}

/** Prints every partner and the heart of its rules. */
export async function runPartnerList(options: WithConfig): Promise<number> {
  const { version, policy } = await activePolicy(await openGateway(options.config));
  if (options.json === true) {
    for (const { name, domains, outbound, inbound, tls } of policy.partners) {
      printJson({ name, domains, outbound, inbound, tls: { level: tls.level } });
    }
    return 0;
  }
  print(`Policy version ${version}, ${policy.partners.length} partners.`);
  printTable(
    policy.partners.map(({ name, domains, outbound, inbound, tls }) => [
      name,
      domains.join(' '),
      `out: sign ${outbound.sign} ${outbound.profile}, encrypt ${outbound.encrypt}`,
      `in: signature ${inbound.signature}, encryption ${inbound.encryption}`,
      `tls: ${tls.level}`,
    ]),
  );
  return 0;
}

/** Prints one partner's record, by its name or one of its domains. */
export async function runPartnerShow(which: string, options: WithConfig): Promise<number> {
  const { policy } = await activePolicy(await openGateway(options.config));
  const found = policy.partners.find((partner) => isNamed(partner, which));
  if (found === undefined) throw new Complaint(`There is no partner ${which}.`);
  if (options.json === true) printJson(found);
  else printText(stringify(found, { lineWidth: 100 }));
  return 0;
}

function isNamed(partner: PartnerPolicy, which: string): boolean {
  if (partner.name.toLowerCase() === which.toLowerCase()) return true;
  const domain = parseDomain(which);
  return domain !== null && partner.domains.some((pattern) => matchesPattern(domain, pattern));
}

/** Makes a file the next version and puts it in force. */
export async function runPartnerImport(
  file: string,
  options: WithConfig & { readonly reason: string; readonly by?: string },
): Promise<number> {
  const gateway = await openGateway(options.config);
  const author = operatorName(options.by);
  const by = { author, reason: options.reason, now: new Date() };
  const text = await readTextFile(file);
  const parsed = parsePolicyYaml(text);
  const policy = parsed.kind === 'ok' ? parsePolicyDocument(parsed.document) : parsed;
  const routed = policy.kind === 'ok' ? smartHostFaults(policy.policy, gateway.config.routes) : [];
  if (routed.length > 0) throw new Complaint(`${file} was not imported: ${routed.join('; ')}.`);
  const result = await importPolicy(gateway.layout.policy, text, by);
  if (result.kind === 'invalid') {
    const faults = result.faults.map(({ path, reason }) =>
      path === '' ? reason : `${path}: ${reason}`,
    );
    throw new Complaint(`${file} was not imported: ${faults.join('; ')}.`);
  }
  const { version, sha256, previous, reason } = result.version;
  if (options.json === true) printJson({ version, sha256, previous, author });
  else print(`Policy version ${version} is in force (SHA-256 ${sha256}).`);
  const event = {
    kind: 'policy-activated',
    version,
    sha256,
    previous,
    reason,
    personal: { by: author },
  };
  try {
    const recorder = {
      name: 'recorder',
      path: gateway.layout.sockets.recorder,
      protocol: recorderProtocol,
    };
    await askProcess(
      recorder,
      async (client) => await client.call('record', { event, durable: true }),
    );
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error;
    note(
      'The gateway is not running, so the audit log has no event of this; the version itself names author and reason.',
    );
  }
  return 0;
}

/** Prints a version as `import` takes it. */
export async function runPartnerExport(
  options: WithConfig & { readonly version?: string },
): Promise<number> {
  const { policy } = (await openGateway(options.config)).layout;
  try {
    const number =
      options.version === undefined
        ? await activeVersion(policy)
        : numberOf(options.version, '--version', MAX_VERSION);
    const version = await readVersion(policy, number);
    const document: unknown = JSON.parse(version.document);
    if (options.json === true) printJson({ ...version, document });
    else printText(exportPolicy(version));
    return 0;
  } catch (error) {
    if (error instanceof PolicyUnavailable)
      throw new Complaint(`Nothing to export: ${error.message}.`);
    throw error;
  }
}

/** Says what would happen to a message and why; nothing is sent. */
export async function runPartnerSimulate(
  options: WithConfig & { readonly from: string; readonly to: string },
): Promise<number> {
  const { sockets } = (await openGateway(options.config)).layout;
  const advise = {
    name: 'worker advise',
    path: sockets.advise,
    protocol: adviseProtocol,
    deadlineMs: SIMULATE_DEADLINE_MS,
  };
  const { from, to } = options;
  const answer = await askProcess(
    advise,
    async (client) => await client.call('simulate', { from, to }),
  );
  if (options.json === true) {
    printJson(answer);
    return 0;
  }
  printSteps(answer.steps);
  print(`Decision: ${answer.decision}, by rule ${answer.rule}.`);
  const { algorithms } = answer;
  if (algorithms !== null) {
    const { content, contentSource, keyTransport, keyTransportSource } = algorithms;
    print(
      `Encryption: ${content} (chosen by: ${contentSource}), ${keyTransport} (chosen by: ${keyTransportSource}).`,
    );
  }
  print(answer.sentence);
  return 0;
}
