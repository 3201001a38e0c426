import type { DnsAnswer, RecordData, Resolver } from '@sallyport/lookup';
import { never } from '@sallyport/mail';

/** One line of a zone file. */
export interface ZoneRecord {
  /** With its final dot. */
  readonly name: string;
  readonly type: 'MX' | 'SRV' | 'CNAME' | 'TXT' | 'SMIMEA' | 'CERT' | 'TLSA';
  readonly data: string;
}

/** What the world sees of one record of ours, or of one beside ours. */
export interface RecordCheck {
  readonly name: string;
  readonly type: ZoneRecord['type'] | 'A';
  /** `failed`: the DNS could not say. */
  readonly status: 'ok' | 'missing' | 'different' | 'extra' | 'failed';
  readonly expected: string | null;
  readonly seen: string | null;
  /** `unknown` where no trusted resolver said so. */
  readonly dnssec: 'secure' | 'insecure' | 'unknown';
}

interface CheckPorts {
  readonly resolver: Resolver;
  /** Whether the resolver's word on DNSSEC counts (`dns.trusted` of the config). */
  readonly trusted: boolean;
}

const AT_ONCE = 16;

type Asked = Exclude<ZoneRecord['type'], 'CNAME'>;

/** Compares zone lines with what the resolver sees; then looks whether each host named has an address. */
export async function checkRecords(
  records: readonly ZoneRecord[],
  ports: CheckPorts,
): Promise<readonly RecordCheck[]> {
  const groups = new Map<string, ZoneRecord[]>();
  for (const record of records) {
    const key = `${record.type} ${record.name.toLowerCase()}`;
    groups.set(key, [...(groups.get(key) ?? []), record]);
  }
  const questions = [
    ...[...groups.values()].map((group) => () => checkGroupOrAlias(group, ports)),
    ...[...hostsOf(records)].map((host) => async () => [await checkHost(host, ports)]),
  ];
  const checks: RecordCheck[] = [];
  // Some at once: name servers that are dead would make a long zone wait for each line.
  for (let at = 0; at < questions.length; at += AT_ONCE) {
    const part = await Promise.all(questions.slice(at, at + AT_ONCE).map((ask) => ask()));
    checks.push(...part.flat());
  }
  return checks;
}

async function checkGroupOrAlias(
  group: readonly ZoneRecord[],
  ports: CheckPorts,
): Promise<RecordCheck[]> {
  const [first] = group;
  if (first === undefined) return [];
  if (first.type === 'CNAME') return [await checkAlias(first, ports)];
  return await checkGroup({ ...first, type: first.type }, group, ports);
}

async function checkGroup(
  { name, type }: { readonly name: string; readonly type: Asked },
  group: readonly ZoneRecord[],
  ports: CheckPorts,
): Promise<RecordCheck[]> {
  const { answer, data } = await ask(name, type, ports.resolver);
  const about = { name, type, dnssec: dnssecOf(answer, ports) };
  const ours = group.map((record) => normal(type, record.data));
  if (answer.kind === 'failure') {
    return ours.map((expected) => ({ ...about, status: 'failed', expected, seen: answer.reason }));
  }
  const others = data.filter((seen) => !ours.includes(seen));
  const checks = ours.map((expected): RecordCheck => {
    if (data.includes(expected)) return { ...about, status: 'ok', expected, seen: expected };
    // What stands where ours should is most likely a former one.
    const seen = others.shift() ?? null;
    return { ...about, status: seen === null ? 'missing' : 'different', expected, seen };
  });
  const extra = others.map(
    (seen): RecordCheck => ({ ...about, status: 'extra', expected: null, seen }),
  );
  return [...checks, ...extra];
}

async function ask(name: string, type: Asked, resolver: Resolver) {
  switch (type) {
    case 'MX': {
      const answer = await resolver.query(name, type);
      return { answer, data: dataOf(answer, (mx) => `${mx.preference} ${mx.exchange}.`) };
    }
    case 'SRV': {
      const answer = await resolver.query(name, type);
      const format = ({ priority, weight, port, target }: RecordData['SRV']): string =>
        `${priority} ${weight} ${port} ${target}.`;
      return { answer, data: dataOf(answer, format) };
    }
    case 'TXT': {
      const answer = await resolver.query(name, type);
      return { answer, data: dataOf(answer, (text) => `"${text}"`) };
    }
    case 'SMIMEA':
    case 'TLSA': {
      const answer = await resolver.query(name, type);
      const format = (one: RecordData['TLSA']): string =>
        `${one.usage} ${one.selector} ${one.matchingType} ${one.association.toString('hex')}`;
      return { answer, data: dataOf(answer, format) };
    }
    case 'CERT': {
      const answer = await resolver.query(name, type);
      const format = ({ certType, keyTag, algorithm, certificate }: RecordData['CERT']): string =>
        `${certType === 1 ? 'PKIX' : certType} ${keyTag} ${algorithm} ${certificate.toString('base64')}`;
      return { answer, data: dataOf(answer, format) };
    }
    default:
      return never(type);
  }
}

function dataOf<T>(answer: DnsAnswer<T>, format: (record: T) => string): string[] {
  return answer.kind === 'answer' ? [...new Set(answer.records.map(format))] : [];
}

/** Host names in lower case and texts in one string, as the resolver has them; the rest as it is. */
function normal(type: Asked, data: string): string {
  if (type === 'TXT') return data.replaceAll('" "', '');
  return type === 'MX' || type === 'SRV' ? data.toLowerCase() : data;
}

function dnssecOf(answer: DnsAnswer<unknown>, { trusted }: CheckPorts): RecordCheck['dnssec'] {
  if (!trusted || answer.kind === 'failure') return 'unknown';
  return answer.secure ? 'secure' : 'insecure';
}

interface Addresses {
  readonly answer: DnsAnswer<string>;
  readonly all: readonly string[];
  readonly canonicalName: string;
}

async function addressesOf(name: string, { resolver }: CheckPorts): Promise<Addresses> {
  const v4 = await resolver.query(name, 'A');
  const v6 = await resolver.query(name, 'AAAA');
  const all = [v4, v6].flatMap((one) => (one.kind === 'answer' ? one.records : []));
  const known = [v4, v6].find((one) => one.kind === 'answer');
  const failed = [v4, v6].find((one) => one.kind === 'failure');
  const canonicalName = known?.kind === 'answer' ? known.canonicalName : '';
  return { answer: known ?? failed ?? v4, all: all.toSorted(), canonicalName };
}

/** An alias is as good as addresses of its own, if they are the same. */
async function checkAlias(record: ZoneRecord, ports: CheckPorts): Promise<RecordCheck> {
  const found = await addressesOf(record.name, ports);
  const target = await addressesOf(record.data, ports);
  const about = {
    name: record.name,
    type: record.type,
    expected: record.data,
    dnssec: dnssecOf(found.answer, ports),
  };
  if (found.answer.kind === 'failure') {
    return { ...about, status: 'failed', seen: found.answer.reason };
  }
  if (found.all.length === 0) return { ...about, status: 'missing', seen: null };
  const isSame = found.all.join(' ') === target.all.join(' ');
  return { ...about, status: isSame ? 'ok' : 'different', seen: `${found.canonicalName}.` };
}

/** Hosts that MX and SRV records point to. */
function hostsOf(records: readonly ZoneRecord[]): Set<string> {
  const named = records.filter(({ type }) => type === 'MX' || type === 'SRV');
  return new Set(named.map(({ data }) => data.split(' ').at(-1) ?? ''));
}

// RFC 5321 section 5.1, RFC 2782: the name must have an address, and be no alias.
async function checkHost(name: string, ports: CheckPorts): Promise<RecordCheck> {
  const found = await addressesOf(name, ports);
  const about = { name, type: 'A' as const, dnssec: dnssecOf(found.answer, ports) };
  const expected = 'an address';
  if (found.answer.kind === 'failure') {
    return { ...about, status: 'failed', expected, seen: found.answer.reason };
  }
  if (found.all.length === 0) return { ...about, status: 'missing', expected, seen: null };
  const isAlias = `${found.canonicalName}.` !== name.toLowerCase();
  const seen = isAlias ? `an alias of ${found.canonicalName}.` : found.all.join(' ');
  return { ...about, status: isAlias ? 'different' : 'ok', expected, seen };
}
