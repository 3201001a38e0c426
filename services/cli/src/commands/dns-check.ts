import { createResolver, systemRandom } from '@sallyport/lookup';
import { systemClock } from '@sallyport/mail';
import { checkRecords, type RecordCheck } from '@sallyport/survey';
import { dnsOf } from '../gateway/specs/resolvers.ts';
import { publicationOf } from './dns.ts';
import { openGateway } from './gateway-access.ts';
import { print, printJson, printTable } from './output.ts';

const TIMEOUT_MS = 3_000;
const MAX_SHOWN = 60;

const WORDS: Readonly<Record<RecordCheck['status'], string>> = {
  ok: 'ok',
  missing: 'MISSING',
  different: 'DIFFERENT',
  extra: 'EXTRA',
  failed: 'NOT KNOWN',
};

/** Compares the zone lines with what the resolver of the config sees; 0 only if all of them fit. */
export async function runDnsCheck(options: {
  readonly config: string;
  readonly json?: boolean;
}): Promise<number> {
  const gateway = await openGateway(options.config);
  const { records } = await publicationOf(gateway);
  const { servers, trusted } = dnsOf(gateway.config);
  const resolver = createResolver({
    servers: servers.map(({ host, port }) => ({ address: host, port })),
    trusted,
    timeoutMs: TIMEOUT_MS,
    clock: systemClock,
    random: systemRandom,
  });
  const checks = await checkRecords(records, { resolver, trusted });
  if (options.json === true) for (const check of checks) printJson(check);
  else tell(checks, { trusted });
  return checks.every(({ status }) => status === 'ok') ? 0 : 1;
}

function tell(checks: readonly RecordCheck[], resolver: { readonly trusted: boolean }): void {
  printTable(
    checks.map((check) => [
      WORDS[check.status],
      `DNSSEC ${check.dnssec}`,
      check.type,
      check.name,
      detailOf(check),
    ]),
  );
  const wrong = checks.filter(({ status }) => status !== 'ok').length;
  print(
    wrong === 0
      ? `All ${checks.length} records are seen as they should be.`
      : `${wrong} of ${checks.length} records are not seen as they should be.`,
  );
  const needDnssec = checks.filter(
    ({ type, dnssec }) => (type === 'SMIMEA' || type === 'TLSA') && dnssec !== 'secure',
  );
  if (needDnssec.length === 0) return;
  print(
    resolver.trusted
      ? `SMIMEA and TLSA count for partners only with DNSSEC, and ${needDnssec.length} of them are without.`
      : 'Whether DNSSEC holds is not known: the config does not say that its resolver is trusted (dns.trusted).',
  );
}

function detailOf({ status, expected, seen }: RecordCheck): string {
  switch (status) {
    case 'ok':
      return shown(seen);
    case 'missing':
      return `publish ${shown(expected)}`;
    case 'different':
      return `seen ${shown(seen)}, should be ${shown(expected)}`;
    case 'extra':
      return `seen ${shown(seen)}, which is not ours`;
    case 'failed':
      return `the DNS did not say: ${seen ?? ''}`;
  }
}

function shown(data: string | null): string {
  if (data === null) return '';
  return data.length > MAX_SHOWN ? `${data.slice(0, MAX_SHOWN)}…` : data;
}
