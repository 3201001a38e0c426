import type { GatewayConfig } from '@sallyport/config';
import type { KeyRecord } from '@sallyport/ipc';
import { dkimData, dkimName } from './dkim-record.ts';
import { type ZoneRecord, zoneRecords } from './dns-records.ts';
import { certificateOf } from './keys.ts';

/** The zone lines that one key adds, in use or not; none before it has its certificate. */
export function linesOfKey(record: KeyRecord, config: GatewayConfig): readonly ZoneRecord[] {
  if (record.class === 'dkim') {
    const purpose = `the DKIM key ${record.keyId} (RFC 6376)`;
    return [{ name: dkimName(record), type: 'TXT', data: dkimData(record), purpose }];
  }
  const certificate = certificateOf(record);
  const publish = config.domains.find(({ name }) => name === record.domain)?.publish;
  if (certificate === null || publish === undefined) return [];
  return zoneRecords({
    domain: record.domain,
    gatewayName: config.gateway.name,
    ports: { ldap: null, ldaps: null, http: null, https: null },
    publish,
    authorities: [certificate],
    tlsCertificate: null,
  }).filter(({ type }) => type === 'SMIMEA' || type === 'CERT');
}
