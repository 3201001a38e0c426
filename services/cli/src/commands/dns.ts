import { readFile } from 'node:fs/promises';
import { parseMailbox } from '@sallyport/mail';
import { type Certificate, parsePemCertificates } from '@sallyport/pki';
import { type UserCertificate, UserCertificates } from '@sallyport/published';
import { dkimToPublish } from '../gateway/dkim-record.ts';
import {
  addressRecords,
  type ZoneFacts,
  type ZoneRecord,
  zoneRecords,
} from '../gateway/dns-records.ts';
import { readKeyRecords } from '../gateway/keys.ts';
import { formatMtaStsPolicy } from '../gateway/mta-sts.ts';
import { certificatesToPublish } from '../gateway/published-certificates.ts';
import { type Gateway, openGateway } from './gateway-access.ts';
import { printJson, printText } from './output.ts';

/** What the domains of a gateway are to publish. */
interface Publication {
  readonly records: readonly ZoneRecord[];
  /** MTA-STS policies, for a web server: the gateway does not serve them. */
  readonly files: readonly { readonly url: string; readonly text: string }[];
}

/** Prints the zone lines of every domain of the gateway. */
export async function runDns(options: {
  readonly config: string;
  readonly users?: boolean;
  readonly json?: boolean;
}): Promise<number> {
  const gateway = await openGateway(options.config);
  const publication = await publicationOf(gateway);
  if (options.json === true) {
    for (const record of publication.records) printJson(record);
    for (const file of publication.files) printJson(file);
  } else printText(formatZone(publication));
  if (options.users === true) await printUsers(gateway, options.json === true);
  return 0;
}

/** One user after the other: there may be 80,000. */
async function printUsers({ config, layout }: Gateway, isJson: boolean): Promise<void> {
  const own = new Set<string>(config.domains.map(({ name }) => name));
  const users = new UserCertificates(layout.publishedUsers);
  await users.refresh();
  for await (const user of users.all()) {
    const records = recordsOfUser(user, own);
    if (isJson) records.forEach(printJson);
    else if (records.length > 0) printText(formatZone({ records, files: [] }));
  }
  await users.close();
}

/** None for what only signs: there is nothing to encrypt to. */
function recordsOfUser(
  { mail, use, der }: UserCertificate,
  own: ReadonlySet<string>,
): readonly ZoneRecord[] {
  if (use === 'signature') return [];
  return mail
    .flatMap((text) => parseMailbox(text) ?? [])
    .filter(({ domain }) => own.has(domain))
    .flatMap((mailbox) => addressRecords({ ...mailbox, der }));
}

/** What all domains of a gateway publish, or one of them. */
export async function publicationOf(
  gateway: Gateway,
  { domain, now = new Date() }: { readonly domain?: string; readonly now?: Date } = {},
): Promise<Publication> {
  const all = await factsOf(gateway, now);
  const facts = all.filter((one) => domain === undefined || one.domain === domain);
  const files = facts.flatMap((one) => {
    const text = formatMtaStsPolicy(one);
    const url = `https://mta-sts.${one.domain}/.well-known/mta-sts.txt`;
    return text === null ? [] : [{ url, text }];
  });
  return { records: facts.flatMap(zoneRecords), files };
}

async function factsOf({ config, layout }: Gateway, now: Date): Promise<readonly ZoneFacts[]> {
  const keys = await readKeyRecords(layout.keys);
  const { directory } = config;
  const ports = {
    ldap: directory?.listen[0]?.port ?? null,
    ldaps: directory?.listenTls[0]?.port ?? null,
    http: directory?.http.listen[0]?.port ?? null,
    https: directory?.http.listenTls[0]?.port ?? null,
  };
  const tlsCertificate = await firstCertificate(config.ingress.tls.certificateFile);
  return config.domains.map(({ name: domain, publish }, index) => {
    const authorities = (['domain-confidentiality', 'domain-signing'] as const).flatMap(
      (keyClass) => certificatesToPublish(keys, { keyClass, domain, now }),
    );
    return {
      domain,
      gatewayName: config.gateway.name,
      ports,
      publish,
      authorities,
      dkimKeys: dkimToPublish(keys, { domain, now }),
      tlsCertificate: index === 0 ? tlsCertificate : null,
    };
  });
}

async function firstCertificate(file: string): Promise<Certificate | null> {
  const [parsed] = parsePemCertificates(await readFile(file, 'utf8'));
  return parsed?.kind === 'certificate' ? parsed.value : null;
}

/** Zone file text (RFC 1035 section 5), a comment before each line. */
export function formatZone({ records, files }: Publication): string {
  const lines = records.map(
    ({ name, type, data, purpose }) => `; ${purpose}\n${name} IN ${type} ${data}\n`,
  );
  const notes = files.map(({ url, text }) => {
    const body = text.split('\r\n').filter((line) => line !== '');
    return [`; to serve as ${url}`, ...body.map((line) => `;   ${line}`), ''].join('\n');
  });
  return [...lines, ...notes].join('');
}
