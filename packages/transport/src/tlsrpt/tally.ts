import { TLS_RESULT_TYPES } from '@sallyport/audit-log';
import { z } from 'zod';
import type { PublishedPolicy, TlsResult } from '../tls-result.ts';
import type { ReportedPolicy } from './report.ts';

const MAX_DOMAINS = 20_000;
const MAX_POLICIES = 16;
const MAX_DETAILS = 100;
const MAX_REASON = 200;
/** Stands for what more there was than a report holds. */
const OTHERS = 'further failures of this kind, not told apart';

const failureSchema = z.strictObject({
  result: z.enum(TLS_RESULT_TYPES).exclude(['success']),
  reason: z.string().nullable(),
  mx: z.string().nullable(),
  address: z.string().nullable(),
  sessions: z.int().positive(),
});

/** What was counted of one recipient domain under one policy: a line of the day's file. */
export const tlsCountSchema = z.strictObject({
  domain: z.string(),
  policy: z.strictObject({
    type: z.enum(['tlsa', 'sts', 'no-policy-found']),
    domain: z.string(),
    strings: z.array(z.string()),
  }),
  successes: z.int().nonnegative(),
  failures: z.int().nonnegative(),
  details: z.array(failureSchema),
});

export type TlsCount = z.infer<typeof tlsCountSchema>;
type CountedFailure = TlsCount['details'][number];

/** The counts of one attempt: a host that was tried is one session under each policy. */
export function countsOf(domain: string, results: readonly TlsResult[]): readonly TlsCount[] {
  const sessions = new Map<string, TlsResult[]>();
  for (const one of results) {
    const key = `${policyKey(one.policy)} ${one.mx} ${one.address}`;
    sessions.set(key, [...(sessions.get(key) ?? []), one]);
  }
  return [...sessions.values()].flatMap((same): TlsCount[] => {
    const [first] = same;
    if (first === undefined) return [];
    const details = same.flatMap(failureOf);
    const hasFailed = details.length > 0;
    const { type, domain: policyDomain, strings } = first.policy;
    const policy = { type, domain: policyDomain, strings: [...strings] };
    return [{ domain, policy, successes: hasFailed ? 0 : 1, failures: hasFailed ? 1 : 0, details }];
  });
}

function failureOf({ result, reason, mx, address }: TlsResult): CountedFailure[] {
  if (result === 'success') return [];
  return [{ result, reason: reason?.slice(0, MAX_REASON) ?? null, mx, address, sessions: 1 }];
}

function policyKey({ type, domain, strings }: PolicyName): string {
  return JSON.stringify([type, domain, strings]);
}

type PolicyName = Pick<PublishedPolicy, 'type' | 'domain' | 'strings'>;

interface Sum {
  readonly policy: TlsCount['policy'];
  successes: number;
  failures: number;
  readonly details: Map<string, CountedFailure>;
}

/** The sums of one day, by recipient domain and policy; bounded however much is counted. */
export class TlsTally {
  readonly #domains = new Map<string, Map<string, Sum>>();

  /** Adds; what would be one domain or one policy too many is left out. */
  add(count: TlsCount): void {
    const sum = this.#sumOf(count);
    if (sum === null) return;
    sum.successes += count.successes;
    sum.failures += count.failures;
    for (const one of count.details) addDetail(sum.details, one);
  }

  get domains(): readonly string[] {
    return [...this.#domains.keys()];
  }

  /** Everything, as counts that add up to the same. */
  *counts(): Generator<TlsCount> {
    for (const [domain, sums] of this.#domains) {
      for (const { policy, successes, failures, details } of sums.values()) {
        yield { domain, policy, successes, failures, details: [...details.values()] };
      }
    }
  }

  /** What a report to the domain says. */
  policiesOf(domain: string, sendingIp: string | null): readonly ReportedPolicy[] {
    return [...(this.#domains.get(domain)?.values() ?? [])].map((sum) => ({
      ...sum.policy,
      mxHosts: sum.policy.type === 'sts' ? mxPatterns(sum.policy.strings) : [],
      successes: sum.successes,
      failures: sum.failures,
      details: [...sum.details.values()].map(({ result, reason, mx, address, sessions }) => ({
        ...{ result, reason, mx, sessions, sendingIp },
        receivingIp: address,
        helo: null,
        moreUri: null,
      })),
    }));
  }

  #sumOf({ domain, policy }: TlsCount): Sum | null {
    const sums = this.#domains.get(domain) ?? new Map<string, Sum>();
    const key = policyKey(policy);
    const known = sums.get(key);
    if (known !== undefined) return known;
    if (sums.size >= MAX_POLICIES || this.#domains.size >= MAX_DOMAINS) return null;
    const sum = { policy, successes: 0, failures: 0, details: new Map<string, CountedFailure>() };
    this.#domains.set(domain, sums.set(key, sum));
    return sum;
  }
}

function addDetail(details: Map<string, CountedFailure>, one: CountedFailure): void {
  const isRoom = details.size < MAX_DETAILS || details.has(detailKey(one));
  const kept = isRoom ? one : { ...one, reason: OTHERS, mx: null, address: null };
  const known = details.get(detailKey(kept));
  details.set(detailKey(kept), { ...kept, sessions: kept.sessions + (known?.sessions ?? 0) });
}

function detailKey({ result, reason, mx, address }: CountedFailure): string {
  return JSON.stringify([result, reason, mx, address]);
}

function mxPatterns(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => /^mx: (.+)$/.exec(line)?.[1] ?? []);
}
