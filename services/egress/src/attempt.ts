import type { FaultId } from '@sallyport/faults';
import type { Content, Domain } from '@sallyport/mail';
import type { QueueFileHeader } from '@sallyport/spool';
import type { NextHop, SessionFault, SessionTls, SmtpTimeouts } from '@sallyport/transport';
import { checkNeeds } from './commands.ts';
import type { ContentFacts } from './inspect.ts';
import type { Loan, SessionPool } from './pool.ts';
import type { LocatedRoute } from './ports.ts';
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
}

interface AttemptPorts {
  readonly pool: SessionPool;
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
    }));
  }
  const walk = new HostWalk(request, ports);
  for (const hop of route.hops) {
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
  readonly #troubles: HostTrouble[] = [];

  constructor(request: AttemptRequest, ports: AttemptPorts) {
    this.#request = request;
    this.#ports = ports;
    this.#results = request.recipients.map(() => null);
  }

  get isDone(): boolean {
    return !this.#results.includes(null);
  }

  async tryHost(hop: NextHop): Promise<void> {
    let fresh = false;
    // Each round settles a recipient or ends the host, so the rounds are bounded.
    for (let round = 0; round <= this.#results.length && !this.isDone; round += 1) {
      const loan = await this.#ports.pool.acquire(targetOf(hop, this.#request.header), { fresh });
      if (loan.kind === 'fault') {
        this.#troubles.push(troubleOf(loan, hop.host));
        return;
      }
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
      requireTls: header.requireTls,
    };
  }

  #settle(index: number, outcome: AttemptResult['outcome'], { session }: Loan): void {
    this.#results[index] = {
      outcome,
      mx: session.target.host,
      tls: session.tls,
      tlsSentence: session.tlsSentence,
    };
  }

  results(): readonly AttemptResult[] {
    const outcome = outcomeOfTroubles(this.#troubles);
    return this.#results.map(
      (result) =>
        result ?? {
          outcome,
          mx: outcome.reply?.mx ?? null,
          tls: null,
          tlsSentence: 'no usable connection',
        },
    );
  }
}

function targetOf(hop: NextHop, header: QueueFileHeader): NextHop {
  // RFC 8689 section 4.2.1: the next hop must be authenticated, whatever the policy says
  if (!header.requireTls || hop.tlsRule.level === 'secure') return hop;
  const minVersion = hop.tlsRule.level === 'encrypt' ? hop.tlsRule.minVersion : 'TLSv1.2';
  return { ...hop, tlsRule: { level: 'secure', match: [], minVersion, anchors: 'system' } };
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
function outcomeOfTroubles(troubles: readonly HostTrouble[]): OutcomeFault {
  const tls = troubles.find(({ fault }) => fault.startsWith('tls-'));
  const told = tls ?? troubles.at(-1);
  if (told === undefined) {
    return { kind: 'deferred', fault: 'internal', sentence: 'no host was tried', reply: null };
  }
  // RFC 7504 section 4: only where every host says that it never takes mail is that the end
  const isFinal = troubles.every(({ reply }) => reply?.code === 521);
  if (isFinal) return { ...told, kind: 'failed', fault: 'next-hop-refused' };
  const fault = told.fault === 'next-hop-refused' ? 'next-hop-deferred' : told.fault;
  return { ...told, kind: 'deferred', fault };
}
