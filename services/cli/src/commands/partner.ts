import { type Domain, parseDomain, parseMailbox } from '@sallyport/mail';
import {
  agreementState,
  effectiveRule,
  matchesPattern,
  type PartnerPolicy,
} from '@sallyport/policy';
import { activeVersion, readVersion } from '@sallyport/policy-store/read';
import { exportPolicy, importPolicy } from '@sallyport/policy-store/write';
import { stringify } from 'yaml';
import { openGateway, operatorName } from './gateway-access.ts';
import { print, printJson, printTable, printText } from './output.ts';
import {
  activePolicy,
  faultsOf,
  MAX_VERSION,
  openDraft,
  tellRecorder,
  type WithConfig,
  withPolicy,
} from './policy-order.ts';
import { numberOf } from './read-input.ts';
import { Complaint } from './run.ts';

/** Prints every partner and the heart of its rules. */
export async function runPartnerList(options: WithConfig): Promise<number> {
  const { version, policy } = await activePolicy(await openGateway(options.config));
  const now = new Date();
  if (options.json === true) {
    for (const { name, domains, outbound, inbound, tls, agreement } of policy.partners) {
      const state = agreement === undefined ? { kind: 'none' } : agreementState(agreement, now);
      printJson({ name, domains, outbound, inbound, tls: { level: tls.level }, agreement: state });
    }
    return 0;
  }
  print(`Policy version ${version}, ${policy.partners.length} partners.`);
  printTable(
    policy.partners.map((partner) => {
      const { name, domains, outbound, inbound, tls } = partner;
      return [
        name,
        domains.join(' '),
        `out: sign ${outbound.sign} ${outbound.profile}, encrypt ${outbound.encrypt}`,
        `in: signature ${inbound.signature}, encryption ${inbound.encryption}`,
        `tls: ${tls.level}`,
        agreementText(partner.agreement, now),
      ];
    }),
  );
  return 0;
}

/** Where the agreement stands, in a few words. */
export function agreementText(agreement: PartnerPolicy['agreement'], now: Date): string {
  if (agreement === undefined) return 'no agreement';
  const { id, validUntil } = agreement;
  const state = agreementState(agreement, now);
  switch (state.kind) {
    case 'current':
      return `agreement ${id} until ${validUntil}`;
    case 'ending':
      return `AGREEMENT ${id} ENDS with ${validUntil}, ${state.daysLeft} days are left`;
    case 'ended':
      return `AGREEMENT ${id} ENDED on ${validUntil}: its mail is held`;
  }
}

/** Prints one partner's record, by its name or one of its domains; or every value that holds. */
export async function runPartnerShow(
  which: string,
  options: WithConfig & { readonly effective?: boolean; readonly for?: string },
): Promise<number> {
  const gateway = await openGateway(options.config);
  const { version, policy } = await activePolicy(gateway);
  if (options.effective === true) {
    const stored = await withPolicy(() => readVersion(gateway.layout.policy, version));
    return showEffective(JSON.parse(stored.document), { ...options, which, version });
  }
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

interface Shown {
  readonly which: string;
  readonly version: number;
  readonly for?: string;
  readonly json?: boolean;
}

function showEffective(document: unknown, { which, version, for: own, json }: Shown): number {
  const mailbox = parseMailbox(which);
  const domain = mailbox?.domain ?? parseDomain(which);
  if (domain === null) throw new Complaint(`${which} is neither an address nor a domain.`);
  const localPart = mailbox?.localPart ?? null;
  const found = effectiveRule(document, { domain, localPart, own: ownOf(own) });
  if (found === null) throw new Complaint(`Version ${version} cannot be used.`);
  const { rule, values } = found;
  if (json === true) {
    printJson({ version, rule, values });
    return 0;
  }
  print(`Policy version ${version}, rule ${rule}.`);
  printTable(values.map(({ field, value, source }) => [field, `from ${source}`, shortened(value)]));
  return 0;
}

function ownOf(text: string | undefined): Domain | null {
  if (text === undefined) return null;
  const domain = parseDomain(text);
  if (domain === null) throw new Complaint(`${text} is no domain.`);
  return domain;
}

const MAX_SHOWN_CHARS = 120;

function shortened(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length <= MAX_SHOWN_CHARS ? text : `${text.slice(0, MAX_SHOWN_CHARS)}…`;
}

/** Makes a file the next version and puts it in force, where one person may do that. */
export async function runPartnerImport(
  file: string,
  options: WithConfig & { readonly reason: string; readonly by?: string },
): Promise<number> {
  const gateway = await openGateway(options.config);
  const author = operatorName(options.by);
  const { fourEyes } = gateway.config.policy;
  const { text } = await openDraft(gateway, file);
  const by = { author, reason: options.reason, now: new Date(), fourEyes };
  const result = await withPolicy(() => importPolicy(gateway.layout.policy, text, by));
  if (result.kind === 'refused') throw new Complaint(result.sentence);
  if (result.kind === 'invalid') throw new Complaint(`${file} ${faultsOf(result.faults)}`);
  const { version, sha256, previous } = result.version;
  if (options.json === true) printJson({ version, sha256, previous, author });
  else print(`Policy version ${version} is in force (SHA-256 ${sha256}).`);
  await tellRecorder(gateway);
  return 0;
}

/** Prints a version as `import` takes it. */
export async function runPartnerExport(
  options: WithConfig & { readonly version?: string },
): Promise<number> {
  const { policy } = (await openGateway(options.config)).layout;
  const version = await withPolicy(async () => {
    const number =
      options.version === undefined
        ? await activeVersion(policy, new Date())
        : numberOf(options.version, '--version', MAX_VERSION);
    return await readVersion(policy, number);
  });
  const document: unknown = JSON.parse(version.document);
  if (options.json === true) printJson({ ...version, document });
  else printText(exportPolicy(version));
  return 0;
}
