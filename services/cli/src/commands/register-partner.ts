import { type Command, Option } from 'commander';
import type { CertVerifyOptions } from './cert-verify.ts';
import { type Add, onGateway } from './command-group.ts';
import { run, several } from './run.ts';

interface Options {
  readonly config: string;
  readonly json?: boolean;
}

/** `partner list|show|check|import|export|propose|approve|activate|rollback|versions|rehearse|simulate`. */
export function registerPartner(program: Command): void {
  const partner = program
    .command('partner')
    .description('Partner policy: numbered versions, one in force.');
  const onPartner = onGateway(partner);
  const add: Add = (name, description) =>
    onPartner(name, description).option('--json', 'print as JSON');

  add('list', 'Every partner and the heart of its rules.').action(async (options: Options) => {
    await run(async () => await (await import('./partner.ts')).runPartnerList(options));
  });
  add('show', "One partner's record, or every value that holds for an address.")
    .argument('<partner>', 'its name or one of its domains; an address with --effective')
    .option('--effective', 'every value that holds, and who said it')
    .option('--for <domain>', 'with --effective: for mail of this domain of ours')
    .action(async (which: string, options: Options & { effective?: boolean; for?: string }) => {
      await run(async () => await (await import('./partner.ts')).runPartnerShow(which, options));
    });
  add('import', 'Makes a YAML file the next policy version and puts it in force.')
    .argument('<file>', 'the whole policy, as export prints it')
    .requiredOption('--reason <text>', 'why; kept with the version')
    .option('--by <name>', 'author of the version; else $USER')
    .action(async (file: string, options: Options & { reason: string; by?: string }) => {
      await run(async () => await (await import('./partner.ts')).runPartnerImport(file, options));
    });
  add('export', 'Prints the policy in force as import takes it.')
    .option('--version <number>', 'another version')
    .action(async (options: Options & { version?: string }) => {
      await run(async () => await (await import('./partner.ts')).runPartnerExport(options));
    });
  registerSimulation(add);
  registerSteps(add);
}

interface SimulateOptions extends Options {
  readonly from: string;
  readonly to: string;
  readonly message?: string;
  readonly policy?: string;
}

function registerSimulation(add: Add): void {
  add('check', 'Looks for faults, and for what an admin should see to: agreements that end.')
    .argument('[draft]', 'a file or a version; the policy in force if left out')
    .action(async (which: string | undefined, options: Options) => {
      await run(
        async () => await (await import('./partner-check.ts')).runPartnerCheck(which, options),
      );
    });
  add(
    'simulate',
    'Says what would happen to a message and why; nothing is sent. Asks the running gateway.',
  )
    .requiredOption('--from <address>', 'the reverse-path')
    .requiredOption('--to <address>', 'one recipient')
    .option('--message <file>', 'the message itself; - is standard input')
    .option('--policy <draft>', 'decide by this file or version in place of the one in force')
    .action(async (options: SimulateOptions) => {
      await run(
        async () => await (await import('./partner-simulate.ts')).runPartnerSimulate(options),
      );
    });
  add(
    'try',
    'Connects to the mail servers of a domain: TLS, certificates, DANE, MTA-STS, levels that hold.',
  )
    .argument('<domain>', 'of a partner')
    .action(async (domain: string, options: Options) => {
      await run(
        async () => await (await import('./partner-try.ts')).runPartnerTry(domain, options),
      );
    });
  add('rehearse', 'Shows what a draft would change for mail of the past, from the audit log.')
    .argument('<draft>', 'a file or a version')
    .option('--last <count>', 'of the newest messages of the log', '1000')
    .action(async (which: string, options: Options & { last?: string }) => {
      await run(
        async () =>
          await (await import('./partner-rehearse.ts')).runPartnerRehearse(which, options),
      );
    });
}

interface StepOptions extends Options {
  readonly by?: string;
  readonly reason?: string;
}

/** The life of a version. */
function registerSteps(add: Add): void {
  const by = ['--by <name>', 'who does it; else $USER'] as const;
  add('versions', 'Every version: where it stands, who wrote and approved it, and why.').action(
    async (options: Options) => {
      await run(async () => await (await import('./partner-steps.ts')).runPartnerVersions(options));
    },
  );
  add('diff', 'What differs between two versions or files, and whether it is stricter or looser.')
    .argument('<from>', 'a file or a version')
    .argument('<to>', 'a file or a version')
    .action(async (from: string, to: string, options: Options) => {
      await run(
        async () => await (await import('./partner-diff.ts')).runPartnerDiff(from, to, options),
      );
    });
  add('propose', 'Makes a file the next version and proposes it; rehearses it first.')
    .argument('<draft>', 'a file, or a version that is there')
    .option('--reason <text>', 'why; kept with the version, needed for a file')
    .option('--last <count>', 'rehearse on so many of the newest messages', '1000')
    .option('--draft', 'only keep it, and propose it later')
    .option(...by)
    .action(async (which: string, options: StepOptions & { draft?: boolean; last?: string }) => {
      await run(
        async () => await (await import('./partner-steps.ts')).runPartnerPropose(which, options),
      );
    });
  add('approve', 'Approves of a version, of the exact hash that it has.')
    .argument('<version>', 'its number')
    .option('--sha256 <hash>', 'what the one who proposed it read out; must be the same')
    .option(...by)
    .action(async (which: string, options: StepOptions & { sha256?: string }) => {
      await run(
        async () => await (await import('./partner-steps.ts')).runPartnerApprove(which, options),
      );
    });
  add('activate', 'Puts a proposed version in force, now or at a time.')
    .argument('<version>', 'its number')
    .option('--at <time>', 'when, as 2026-12-01T06:00:00Z')
    .option('--cancel', 'take back what was planned')
    .option(...by)
    .action(async (which: string, options: StepOptions & { at?: string; cancel?: boolean }) => {
      await run(
        async () => await (await import('./partner-steps.ts')).runPartnerActivate(which, options),
      );
    });
  add('rollback', 'Puts a version in force again that was so before.')
    .argument('<version>', 'its number')
    .requiredOption('--reason <text>', 'why')
    .option(...by)
    .action(async (which: string, options: StepOptions & { reason: string }) => {
      await run(
        async () => await (await import('./partner-steps.ts')).runPartnerRollback(which, options),
      );
    });
}

/** `cert locate|verify`. */
export function registerCert(program: Command): void {
  const cert = program.command('cert').description("Partners' certificates.");
  cert
    .command('locate')
    .description(
      'Looks for the certificate of an address as the running gateway would, step by step.',
    )
    .argument('<address>', 'a recipient, or with --role signing a sender')
    .requiredOption('--config <file>', 'the gateway config')
    .addOption(
      new Option('--role <role>', 'what it is to do')
        .choices(['confidentiality', 'signing'])
        .default('confidentiality'),
    )
    .option('--json', 'print as JSON')
    .action(async (address: string, options: Options & { role?: string }) => {
      await run(async () => await (await import('./cert.ts')).runCertLocate(address, options));
    });
  registerVerify(cert);
}

function registerVerify(cert: Command): void {
  cert
    .command('verify')
    .description(
      'Validates the certification path of certificates (RFC 5280), offline. ' +
        'With --jsonl reads one case a line from standard input and writes one result a line.',
    )
    .argument('[files...]', 'certificates in PEM or DER, the end entity first in each file')
    .option(
      '--jsonl',
      'cases {"anchors","intermediates","crls","leaf","time","purpose","name"} in, {"ok","reason","path"} out',
    )
    .option('--json', 'print one JSON object a file')
    .option('--anchors <file>', 'trust anchors in PEM or DER; may stand several times', several)
    .option('--intermediates <file>', 'other certificates; may stand several times', several)
    .option('--crls <file>', 'revocation lists; may stand several times', several)
    .option('--revocation <mode>', 'hard, soft or off; else hard where --crls is given')
    .option('--time <time>', 'judge as of this RFC 3339 time; else now')
    .option('--purpose <purpose>', 'email, server or any', 'any')
    .option('--name <name>', 'email:ADDRESS, dns:DOMAIN or ip:ADDRESS that it must be for')
    .action(async (files: readonly string[], options: CertVerifyOptions) => {
      await run(async () => await (await import('./cert-verify.ts')).runCertVerify(files, options));
    });
}
