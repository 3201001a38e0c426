import type { Clock } from '@sallyport/mail';
import { BoundedCache } from '../cache.ts';
import type { Random } from '../random.ts';
import { type DnsServer, type ExchangeResult, exchange } from './exchange.ts';
import type { DnsAnswer, NonEmpty, RecordData, RecordType, Resolver } from './records.ts';
import {
  canonical,
  inRandomCase,
  isCarriableName,
  type Reply,
  recordsAt,
  withoutDot,
} from './wire.ts';

const MAX_ALIASES = 8;
const MAX_SERVERS = 8;
/** Each server is asked this often before the question fails. */
const ROUNDS = 2;
const MAX_CACHE_ENTRIES = 10_000;
const MAX_CACHE_BYTES = 32 * 1024 * 1024;
/** What an entry takes beside its records. */
const ENTRY_BYTES = 300;
const MAX_POSITIVE_TTL = 3_600;
/** RFC 2308 section 5 allows up to 3 hours; ours is short so that a new record counts soon. */
const MAX_NEGATIVE_TTL = 300;
/** RFC 2308 section 7.1 allows up to 5 minutes for a failure; this only stops a storm. */
const FAILURE_TTL = 2;
const MAX_RECORDS = 256;

const RCODE = {
  noError: 0,
  formErr: 1,
  servFail: 2,
  nxDomain: 3,
  notImp: 4,
  refused: 5,
  badVers: 16,
};

export interface ResolverOptions {
  readonly servers: readonly DnsServer[];
  /** True only if the way to the servers is safe and they validate: then AD counts (RFC 4035 4.9.3). */
  readonly trusted: boolean;
  /** For one try with one server; TCP after UDP gets the same again. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

interface Cached {
  readonly answer: DnsAnswer<RecordData[RecordType]>;
  readonly storedAt: number;
}

/**
 * A stub resolver of our own: node:dns can show neither the AD bit nor SMIMEA and CERT.
 *
 * @throws RangeError if no server or too many are given.
 */
export function createResolver(options: ResolverOptions): Resolver {
  if (options.servers.length === 0 || options.servers.length > MAX_SERVERS) {
    throw new RangeError(`1 to ${MAX_SERVERS} DNS servers are needed`);
  }
  const cache = new BoundedCache<Cached>({
    clock: options.clock,
    maxEntries: MAX_CACHE_ENTRIES,
    maxBytes: MAX_CACHE_BYTES,
  });
  const pending = new Map<string, Promise<DnsAnswer<RecordData[RecordType]>>>();

  const ask = async <Type extends RecordType>(name: string, type: Type, key: string) => {
    const { answer, ttl } = await resolve(name, type, options);
    const storedAt = options.clock.now().getTime();
    cache.set(key, { answer, storedAt }, ttl * 1_000, sizeOf(answer));
    return answer;
  };

  const query = <Type extends RecordType>(
    name: string,
    type: Type,
  ): Promise<DnsAnswer<RecordData[Type]>> => {
    // Before the case is folded: toLowerCase makes ASCII of letters that are none.
    if (!isCarriableName(withoutDot(name))) {
      return Promise.resolve({ kind: 'none', reason: 'nxdomain', secure: false });
    }
    const key = `${type} ${canonical(name)}`;
    const known = cache.get(key);
    // The key holds the type, so what is kept under it is of that type.
    if (known !== null) {
      return Promise.resolve(aged(known, options.clock) as DnsAnswer<RecordData[Type]>);
    }
    const running = pending.get(key);
    if (running !== undefined) return running as Promise<DnsAnswer<RecordData[Type]>>;
    const started = ask(canonical(name), type, key).finally(() => pending.delete(key));
    pending.set(key, started);
    return started;
  };
  return { query };
}

function sizeOf(answer: DnsAnswer<RecordData[RecordType]>): number {
  if (answer.kind !== 'answer') return ENTRY_BYTES;
  return answer.records.reduce((sum, record) => sum + recordBytes(record), ENTRY_BYTES);
}

function recordBytes(record: RecordData[RecordType]): number {
  if (typeof record === 'string') return ENTRY_BYTES + 2 * record.length;
  if ('association' in record) return ENTRY_BYTES + record.association.length;
  return ENTRY_BYTES + ('certificate' in record ? record.certificate.length : 0);
}

function aged(cached: Cached, clock: Clock): DnsAnswer<RecordData[RecordType]> {
  const { answer, storedAt } = cached;
  if (answer.kind !== 'answer') return answer;
  const age = Math.floor((clock.now().getTime() - storedAt) / 1_000);
  return { ...answer, ttl: Math.max(0, answer.ttl - age) };
}

interface Resolved<Data> {
  readonly answer: DnsAnswer<Data>;
  /** Seconds to keep it here. */
  readonly ttl: number;
}

async function resolve<Type extends RecordType>(
  asked: string,
  type: Type,
  options: ResolverOptions,
): Promise<Resolved<RecordData[Type]>> {
  let name = asked;
  let secure = options.trusted;
  let ttl = MAX_POSITIVE_TTL;
  let aliases = 0;
  while (aliases <= MAX_ALIASES) {
    if (!isCarriableName(name)) return none('nxdomain', { secure: false, ttl: 0 });
    const reply = await askServers(name, type, options);
    if (reply.kind === 'failure') return failed(reply.reason);
    secure &&= reply.authentic;
    // The reply may hold the whole chain of aliases, or only its first part.
    const step = followAliases(reply, { name, type, budget: MAX_ALIASES + 1 - aliases });
    name = step.name;
    aliases += step.aliases;
    ttl = Math.min(ttl, step.ttl);
    const [first, ...others] = step.data.slice(0, MAX_RECORDS);
    if (first !== undefined) {
      const records: NonEmpty<RecordData[Type]> = [first, ...others];
      return { answer: { kind: 'answer', records, secure, ttl, canonicalName: name }, ttl };
    }
    const negative = negativeOf(reply, { secure, ttl });
    if (negative !== null && (step.aliases === 0 || isEndOfChain(reply))) return negative;
    if (step.aliases === 0) break;
  }
  return failed('malformed');
}

function followAliases<Type extends RecordType>(
  reply: Reply,
  from: { readonly name: string; readonly type: Type; readonly budget: number },
): {
  readonly name: string;
  readonly aliases: number;
  readonly ttl: number;
  readonly data: RecordData[Type][];
} {
  let name = from.name;
  let aliases = 0;
  let step = recordsAt(reply, name, from.type);
  let ttl = step.ttl;
  while (step.data.length === 0 && step.alias !== null && aliases < from.budget) {
    name = step.alias;
    aliases += 1;
    step = recordsAt(reply, name, from.type);
    ttl = Math.min(ttl, step.ttl);
  }
  return { name, aliases, ttl, data: step.data };
}

/** A server that followed the aliases itself says what it found at the end: a SOA, or NXDOMAIN. */
function isEndOfChain(reply: Reply): boolean {
  return reply.rcode === RCODE.nxDomain || reply.negativeTtl !== null || reply.answers.length === 0;
}

function negativeOf(
  reply: Reply,
  so: { readonly secure: boolean; readonly ttl: number },
): Resolved<never> | null {
  const ttl = Math.min(so.ttl, reply.negativeTtl ?? 0, MAX_NEGATIVE_TTL);
  if (reply.rcode === RCODE.nxDomain) return none('nxdomain', { secure: so.secure, ttl });
  return reply.rcode === RCODE.noError ? none('nodata', { secure: so.secure, ttl }) : null;
}

function none(
  reason: 'nxdomain' | 'nodata',
  { secure, ttl }: { readonly secure: boolean; readonly ttl: number },
): Resolved<never> {
  return { answer: { kind: 'none', reason, secure }, ttl };
}

function failed(reason: 'servfail' | 'timeout' | 'refused' | 'malformed'): Resolved<never> {
  return { answer: { kind: 'failure', reason }, ttl: FAILURE_TTL };
}

type Outcome =
  | Reply
  | { readonly kind: 'failure'; readonly reason: 'servfail' | 'timeout' | 'refused' | 'malformed' };

/** Goes through the servers until one gives knowledge; the last failure counts. */
async function askServers(
  name: string,
  type: RecordType,
  options: ResolverOptions,
): Promise<Outcome> {
  let last: Outcome = { kind: 'failure', reason: 'timeout' };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const server of options.servers) {
      last = await askServer(server, { name, type }, options);
      if (last.kind === 'reply') return last;
    }
    // A second round is for lost packets; a server that said no would say so again.
    if (last.reason !== 'timeout') return last;
  }
  return last;
}

async function askServer(
  server: DnsServer,
  { name, type }: { readonly name: string; readonly type: RecordType },
  options: ResolverOptions,
): Promise<Outcome> {
  const put = (edns: boolean): Promise<ExchangeResult> => {
    const asked = inRandomCase(name, options.random);
    const question = { id: options.random(0x1_0000), name: asked, type };
    return exchange({ server, question, edns, timeoutMs: options.timeoutMs });
  };
  let reply = await put(true);
  // RFC 6891 section 7: a server that does not know EDNS is asked again without it
  if (
    reply.kind === 'reply' &&
    [RCODE.formErr, RCODE.notImp, RCODE.badVers].includes(reply.rcode)
  ) {
    reply = await put(false);
  }
  if (reply.kind === 'failure') return reply;
  if (reply.rcode === RCODE.noError || reply.rcode === RCODE.nxDomain) return reply;
  return { kind: 'failure', reason: reply.rcode === RCODE.refused ? 'refused' : 'servfail' };
}
