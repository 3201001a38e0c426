import { readFile } from 'node:fs/promises';
import { type Certificate, parsePemCertificates } from '@sallyport/pki';
import { type ZoneRecord, zoneRecords } from '../gateway/dns-records.ts';
import { readKeyRecords } from '../gateway/keys.ts';
import { activeCertificate } from '../gateway/keys-activate.ts';
import { type Gateway, openGateway } from './gateway-access.ts';
import { printJson, printText } from './output.ts';

/** Prints the zone lines of every domain of the gateway. */
export async function runDns(options: {
  readonly config: string;
  readonly json?: boolean;
}): Promise<number> {
  const records = await gatewayRecords(await openGateway(options.config));
  if (options.json === true) for (const record of records) printJson(record);
  else printText(formatZone(records));
  return 0;
}

/** What all domains of a gateway publish. */
export async function gatewayRecords({ config, layout }: Gateway): Promise<readonly ZoneRecord[]> {
  const keys = await readKeyRecords(layout.keys);
  const listen = config.directory?.listen[0];
  const tlsCertificate = await firstCertificate(config.ingress.tls.certificateFile);
  return config.domains.flatMap(({ name: domain }, index) => {
    const authorities = (['domain-confidentiality', 'domain-signing'] as const).flatMap(
      (keyClass) => activeCertificate(keys, keyClass, domain) ?? [],
    );
    return zoneRecords({
      domain,
      gatewayName: config.gateway.name,
      ldapPort: listen?.port ?? null,
      authorities,
      tlsCertificate: index === 0 ? tlsCertificate : null,
    });
  });
}

async function firstCertificate(file: string): Promise<Certificate | null> {
  const [parsed] = parsePemCertificates(await readFile(file, 'utf8'));
  return parsed?.kind === 'certificate' ? parsed.value : null;
}

/** Zone file text (RFC 1035 section 5), a comment before each line. */
export function formatZone(records: readonly ZoneRecord[]): string {
  return records
    .map(({ name, type, data, purpose }) => `; ${purpose}\n${name} IN ${type} ${data}\n`)
    .join('');
}
