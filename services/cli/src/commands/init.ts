import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AccountStore, addAccount } from '@sallyport/accounts';
import { type Domain, parseDomain } from '@sallyport/mail';
import type { KeyKind } from '@sallyport/pki';
import { importPolicy } from '@sallyport/policy-store/write';
import { configTemplate, FIRST_POLICY } from '../gateway/config-template.ts';
import { writeWhole } from '../gateway/files.ts';
import { layoutOf } from '../gateway/layout.ts';
import { CRL_DAYS, crlUrlAt, issueOwnCrl } from '../gateway/own-crl.ts';
import {
  createAuthorities,
  createCa,
  createInnerKeys,
  createTlsFiles,
  saveCa,
} from '../gateway/provision.ts';
import { publishAuthorities } from '../gateway/published-certificates.ts';
import { linkOf } from './account-session.ts';
import { readSecret } from './ask-secret.ts';
import { formatZone, publicationOf } from './dns.ts';
import { type Gateway, openGateway, operatorName } from './gateway-access.ts';
import { print, printText } from './output.ts';
import { Complaint } from './run.ts';

export interface InitOptions {
  readonly domain: string;
  readonly dir?: string;
  readonly name?: string;
  readonly keyKind: KeyKind;
  readonly innerMta: string;
  readonly runtimeDir: string;
  readonly passphraseFile?: string;
  readonly by?: string;
}

interface Plan {
  readonly folder: string;
  readonly domain: Domain;
  readonly gatewayName: Domain;
  readonly passphrase: string;
  readonly options: InitOptions;
}

/** What init makes, in the folder; whatever of it exists already is never touched. */
const OUTPUTS = [
  'gateway.yaml',
  'data',
  'credentials',
  'tls.pem',
  'tls-key.pem',
  'passwords',
] as const;
/** Not below data: a copy of the data alone opens no private key. */
const SEAL_CREDENTIAL = 'credentials/key-seal';
const PASSWORDS = '# Logins for submission; written by sallyport user add and remove.\n';

/** A production start: config, keys, certificates, policy version 1, published entries. */
export async function runInit(options: InitOptions): Promise<number> {
  const domain = domainOf(options.domain, '--domain');
  const gatewayName = domainOf(options.name ?? `gw.${domain}`, '--name');
  const folder = resolve(options.dir ?? domain);
  await refuseToOverwrite(folder);
  const source = {
    file: options.passphraseFile,
    option: '--passphrase-file',
    what: 'New passphrase for the CA key',
    isNew: true,
  };
  const passphrase = await readSecret(source);
  const isNew = (await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined;
  try {
    await create({ folder, domain, gatewayName, passphrase, options });
    const gateway = await openGateway(join(folder, 'gateway.yaml'));
    const link = await inviteFirstAdmin(gateway);
    tell(folder, gateway, { zone: await zoneOf(folder), link });
    return 0;
  } catch (error) {
    // A half-made gateway would refuse the next try.
    for (const name of OUTPUTS) await rm(join(folder, name), { recursive: true, force: true });
    if (isNew) await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function domainOf(text: string, option: string): Domain {
  const domain = parseDomain(text);
  if (domain === null) throw new Complaint(`${text} is no domain name; give ${option} one.`);
  return domain;
}

async function refuseToOverwrite(folder: string): Promise<void> {
  for (const name of OUTPUTS) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found !== null)
      throw new Complaint(`${path} exists already; init never overwrites, name another --dir.`);
  }
}

async function create({ folder, domain, gatewayName, passphrase, options }: Plan): Promise<void> {
  const now = new Date();
  const runtimeFolder = options.runtimeDir;
  const dataFolder = join(folder, 'data');
  const layout = layoutOf(
    { dataFolder, runtimeFolder: resolve(folder, runtimeFolder) },
    { seal: { kind: 'credential', credentialFile: join(folder, SEAL_CREDENTIAL) } },
  );
  const ca = createCa(domain, options.keyKind, now);
  await createInnerKeys(layout);
  await saveCa(layout, ca, passphrase);
  const crlUrls = [crlUrlAt(`http://${gatewayName}`)]; // as the config template has it
  await createAuthorities({ layout, ca, domain, kind: options.keyKind, crlUrls, now });
  await publishAuthorities(layout, now);
  const issuer = { certificate: ca.certificate, privateKey: ca.privateKeyPem };
  await issueOwnCrl(layout, { issuer, now, days: CRL_DAYS, sign: async (list) => list.sign().der });
  await createTlsFiles({
    ca,
    hostName: gatewayName,
    certificateFile: join(folder, 'tls.pem'),
    keyFile: join(folder, 'tls-key.pem'),
    now,
  });
  await writeWhole(join(folder, 'passwords'), PASSWORDS, 0o600);
  const by = { author: operatorName(options.by), reason: 'first version, written by init', now };
  const policy = await importPolicy(layout.policy, FIRST_POLICY, by);
  if (policy.kind === 'invalid') throw new Error(`first policy: ${policy.faults[0]?.reason}`);
  const { innerMta } = options;
  const sealCredential = SEAL_CREDENTIAL;
  const config = configTemplate({ gatewayName, domain, innerMta, runtimeFolder, sealCredential });
  await writeFile(join(folder, 'gateway.yaml'), config, { mode: 0o644, flag: 'wx' });
}

const FIRST_ADMIN = 'admin';

/** The link of the first account. As the keys made here it is older than the audit log. */
async function inviteFirstAdmin(gateway: Gateway): Promise<string> {
  const order = {
    name: FIRST_ADMIN,
    roles: ['mail-admin', 'security-admin'] as const,
    now: new Date(),
  };
  const added = await new AccountStore(gateway.layout.accounts).change(
    (all) => addAccount(all, order),
    async () => undefined,
  );
  if (added.kind === 'refused') throw new Error(added.sentence);
  return linkOf(gateway, added.result.linkSecret);
}

async function zoneOf(folder: string): Promise<string> {
  return formatZone(await publicationOf(await openGateway(join(folder, 'gateway.yaml'))));
}

function tell(
  folder: string,
  { config, layout }: Gateway,
  { zone, link }: { readonly zone: string; readonly link: string },
): void {
  const file = join(folder, 'gateway.yaml');
  print(`The gateway ${config.gateway.name} is in ${folder}.`);
  print('');
  print('Publish in DNS (again at any time: sallyport dns):');
  printText(zone);
  print('Next steps:');
  print(`1. Look through ${file}: your inner MTA, your inner hosts, the addresses to listen on.`);
  print(`2. Check it: sallyport check-config ${file}`);
  print(
    '3. Put a TLS certificate of a public CA into tls.pem and tls-key.pem; the one there is of the own CA.',
  );
  print(`4. Start it: sallyport serve --config ${file}`);
  print(
    `5. First partner: sallyport partner export --config ${file} > policy.yaml, add the partner, then partner import.`,
  );
  print(`6. Give partners the root that vouches for your domain: ${join(layout.ca, 'ca.pem')}`);
  print(
    `7. Keep ${join(layout.ca, 'ca-key.pem')} and its passphrase offline; only key rollover, generate --self-issue, revoke and crl need it.`,
  );
  print(
    `8. Keep a copy of ${join(folder, SEAL_CREDENTIAL)} apart from the backup of data: without it the private keys are lost.`,
  );
  print(
    `9. Console: once it runs, open this link within a day, on this host or where publicUrl leads. It makes you ${FIRST_ADMIN} and works once:`,
  );
  print(link);
  print(`   A new one at any time: sallyport account link ${FIRST_ADMIN} --config ${file}`);
}
