import { FAULTS, type FaultId } from '@sallyport/faults';
import type { Content, Domain } from '@sallyport/mail';
import type { QueueFileHeader } from '@sallyport/spool';
import type {
  NextHop,
  SessionFault,
  SessionTls,
  SmtpTimeouts,
  TlsResult,
} from '@sallyport/transport';
import type { AddressHealth } from './address-health.ts';
import { checkNeeds } from './commands.ts';
import type { ContentFacts } from './inspect.ts';
import type { Loan, SessionPool } from './pool.ts';
import type { LocatedRoute, RouteLocator } from './ports.ts';
import { type TlsWish, targetFor, tlsWishOf } from './require-tls.ts';
import {
  type TransactionRecipient,
  type TransactionRequest,
  type TransactionResult,
  transact,
} from './transaction.ts';
import {
  type Outcome,
  type OutcomeFault,
  type RemoteReply,
  remoteReply,
} from './transaction-types.ts';

/** RFC 5321 section 4.5.3.1.8: every server takes 100. */
const MAX_TRANSACTION_RECIPIENTS = 100;

/** One message to the recipients of one domain. */
export interface AttemptRequest {
  readonly domain: Domain;
  readonly located: LocatedRoute;
  readonly header: QueueFileHeader;
  readonly reversePath: string;
  readonly recipients: readonly TransactionRecipient[];
  readonly content: Content;
  readonly facts: ContentFacts;
}

/** How one recipient fared, and on which connection. */
export interface AttemptResult {
  readonly outcome: Exclude<Outcome, { kind: 'next-host' }>;
  readonly mx: string | null;
  readonly tls: SessionTls | null;
  readonly tlsSentence: string;
  /** A session was open: what went wrong, if anything, is of this message and not of the way. */
  readonly wasReached: boolean;
  /** Of the first recipient: how every host that was tried fared; empty for the others. */
  readonly tlsResults: readonly TlsResult[];
}

interface AttemptPorts {
  readonly routes: Pick<RouteLocator, 'withTlsa'>;
  readonly pool: SessionPool;
  readonly addresses: AddressHealth;
  readonly timeouts: SmtpTimeouts;
}

/** Tries the hosts of one domain in order until each recipient has an outcome. */
export async function attempt(
  request: AttemptRequest,
  ports: AttemptPorts,
): Promise<readonly AttemptResult[]> {
  const { route } = request.located;
  if (route.kind === 'fault') {
    const kind = route.fault === 'dns-failure' ? 'deferred' : 'failed';
    return request.recipients.map(() => ({
      outcome: { kind, fault: route.fault, sentence: route.reason, reply: null },
      mx: null,
      tls: null,
      tlsSentence: 'no connection',
      wasReached: false,
      tlsResults: [],
    }));
  }
  const walk = new HostWalk(request, ports);
  for (const hop of ports.addresses.ordered(route.hops)) {
    if (walk.isDone) break;
    await walk.tryHost(hop);
  }
  return walk.results();
}

interface HostTrouble {
  readonly fault: FaultId;
  readonly sentence: string;
  readonly reply: RemoteReply | null;
}

class HostWalk {
  readonly #request: AttemptRequest;
  readonly #ports: AttemptPorts;
  readonly #results: (AttemptResult | null)[];
  readonly #wish: TlsWish;
  readonly #troubles: HostTrouble[] = [];
  readonly #tlsResults: TlsResult[] = [];
  #wasReached = false;

  constructor(request: AttemptRequest, ports: AttemptPorts) {
    this.#request = request;
    this.#ports = ports;
    this.#wish = tlsWishOf(request.header, request.located);
    this.#results = request.recipients.map(() => null);
  }

  get isDone(): boolean {
    return !this.#results.includes(null);
  }

  async tryHost(hop: NextHop): Promise<void> {
    let fresh = false;
    const target = await targetFor(hop, this.#wish, this.#ports.routes);
    // Each round settles a recipient or ends the host, so the rounds are bounded.
    for (let round = 0; round <= this.#results.length && !this.isDone; round += 1) {
      const loan = await this.#ports.pool.acquire(target, { fresh });
      if (loan.kind === 'fault') {
        this.#tlsResults.push(...loan.tlsResults);
        if (loan.fault === 'next-hop-unreachable') this.#ports.addresses.failed(hop);
        this.#troubles.push(troubleOf(loan, hop.host));
        return;
      }
      this.#wasReached = true;
      this.#ports.addresses.reached(hop);
      if (!loan.isReused) this.#tlsResults.push(...loan.session.tlsResults);
      const progress = await this.#transaction(loan);
      if (progress === 'next-host') return;
      fresh = progress === 'stale';
    }
  }

  async #transaction(loan: Loan): Promise<'next-host' | 'stale' | 'again'> {
    const indexes = [...this.#results.keys()]
      .filter((index) => this.#results[index] === null)
      .slice(0, MAX_TRANSACTION_RECIPIENTS);
    const { session } = loan;
    const transaction = this.#transactionRequest(indexes);
    const extra = this.#request.header.extra;
    const lacks = checkNeeds(session, transaction, {
      isProtected: extra['treatment'] === 'protect' || extra['treatment'] === 'sign-only',
      maySendEightBit: extra['sendEightBit'] === true,
    });
    if (lacks?.fault === 'requiretls-not-offered') {
      // RFC 8689 section 4.2.1: another host of the domain may offer it
      this.#troubles.push(lacks);
      loan.release({ isReusable: true });
      return 'next-host';
    }
    if (lacks !== null) {
      for (const index of indexes) this.#settle(index, lacks, loan);
      loan.release({ isReusable: true });
      return 'again';
    }
    const result = await transact(session, transaction, this.#ports.timeouts);
    loan.release({ isReusable: result.isReusable });
    if (result.wasStale && loan.isReused) return 'stale';
    return this.#take(indexes, result, loan);
  }

  #take(indexes: readonly number[], result: TransactionResult, loan: Loan) {
    const isAnyRelayed = result.outcomes.some(({ kind }) => kind === 'relayed');
    let trouble: HostTrouble | null = null;
    for (const [at, index] of indexes.entries()) {
      const outcome = result.outcomes[at];
      if (outcome === undefined) continue;
      if (outcome.kind === 'next-host') trouble = outcome;
      // RFC 5321 section 4.5.3.1.10: recipients over the server's limit go in the next transaction.
      else if (isAnyRelayed && isRecipientLimit(outcome)) continue;
      else this.#settle(index, outcome, loan);
    }
    if (trouble === null) return 'again' as const;
    this.#troubles.push(trouble);
    return 'next-host' as const;
  }

  #transactionRequest(indexes: readonly number[]): TransactionRequest {
    const { header, reversePath, recipients, content, facts } = this.#request;
    return {
      reversePath,
      recipients: indexes.flatMap((index) => recipients[index] ?? []),
      content,
      facts,
      dsn: header.dsn,
      usesSmtpUtf8: header.smtpUtf8,
      tlsWish: this.#wish,
    };
  }

  #settle(index: number, outcome: AttemptResult['outcome'], { session }: Loan): void {
    this.#results[index] = {
      outcome,
      mx: session.target.host,
      tls: session.tls,
      tlsSentence: session.tlsSentence,
      wasReached: true,
      tlsResults: [],
    };
  }

  results(): readonly AttemptResult[] {
    const outcome = outcomeOfTroubles(this.#troubles, this.#wish);
    const nowhere: AttemptResult = {
      outcome,
      mx: outcome.reply?.mx ?? null,
      tls: null,
      tlsSentence: 'no usable connection',
      wasReached: this.#wasReached,
      tlsResults: [],
    };
    return this.#results.map((result, at) => ({
      ...(result ?? nowhere),
      tlsResults: at === 0 ? this.#tlsResults : [],
    }));
  }
}

/** RFC 3463 section 3.8: faults of security, which tell more than that a host was away. */
function isOfTls(fault: FaultId): boolean {
  return FAULTS[fault].detail.startsWith('7.');
}

function isRecipientLimit(outcome: Outcome): boolean {
  const reply = outcome.kind === 'deferred' ? outcome.reply : null;
  if (reply === null || reply.command !== 'RCPT') return false;
  return reply.code === 452 && (reply.enhanced === null || reply.enhanced === '4.5.3');
}

function troubleOf(fault: SessionFault, host: string): HostTrouble {
  return {
    fault: fault.fault,
    sentence: fault.sentence,
    reply: fault.reply === null ? null : remoteReply(fault.reply, 'connect', host),
  };
}

/** What the trouble of all hosts together means. */
function outcomeOfTroubles(troubles: readonly HostTrouble[], wish: TlsWish): OutcomeFault {
  const tls = troubles.find(({ fault }) => isOfTls(fault));
  const told = tls ?? troubles.at(-1);
  if (told === undefined) {
    return { kind: 'deferred', fault: 'internal', sentence: 'no host was tried', reply: null };
  }
  // RFC 8689 section 4.2.1: what no host can give is told at once, in the words of its own codes
  if (wish === 'demanded' && troubles.every(({ fault }) => isOfTls(fault))) {
    const lacks = troubles.find(({ fault }) => fault === 'requiretls-not-offered');
    return { ...(lacks ?? { ...told, fault: 'requiretls-not-met' }), kind: 'failed' };
  }
  // RFC 7504 section 4: only where every host says that it never takes mail is that the end
  const isFinal = troubles.every(({ reply }) => reply?.code === 521);
  if (isFinal) return { ...told, kind: 'failed', fault: 'next-hop-refused' };
  const fault = told.fault === 'next-hop-refused' ? 'next-hop-deferred' : told.fault;
  return { ...told, kind: 'deferred', fault };
}
