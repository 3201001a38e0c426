import type { Domain } from '@sallyport/mail';
import { orderSrv } from '../dns/srv.ts';
import { fetchBounded } from '../http/fetch.ts';
import type { LocatePorts, TraceStep } from '../locate-types.ts';
import { type DomainStatement, MAX_STATEMENT_BYTES, readStatement } from './statement.ts';

const MAX_SERVERS = 4;
/** RFC 9110 sections 15.5.5 and 15.5.11: the server knows that there is none. */
const NOT_THERE: ReadonlySet<number> = new Set([404, 410]);

/** One step on the way to the statement of a domain. */
export interface StatementFinding {
  readonly step: TraceStep;
  readonly statement: DomainStatement | null;
  /** `name:port`; empty for a question to the DNS. */
  readonly source: string;
}

interface Asked {
  readonly domain: Domain;
  readonly ports: LocatePorts;
  readonly signal: AbortSignal;
}

/**
 * Asks each place where a domain may keep its statement, in the order of docs/trial-connect.md,
 * until one is usable: the hosts that SRV names, or else the well-known one.
 */
export async function* askForStatement(
  domain: Domain,
  ports: LocatePorts,
  signal: AbortSignal,
): AsyncGenerator<StatementFinding> {
  const asked = { domain, ports, signal };
  const { finding, origins } = await findOrigins(asked);
  yield finding;
  for (const origin of origins) {
    const answer = await askOrigin(origin, asked);
    yield answer;
    if (answer.statement !== null) return;
  }
}

interface Origins {
  readonly finding: StatementFinding;
  readonly origins: readonly string[];
}

async function findOrigins(asked: Asked): Promise<Origins> {
  const { domain, ports } = asked;
  const name = `_domsec._tcp.${domain}`;
  const tell = tellerOf(`SRV ${name}`);
  const answer = await ports.resolver.query(name, 'SRV');
  if (answer.kind === 'failure') {
    return { finding: tell('failed', `DNS: ${answer.reason}`), origins: [] };
  }
  if (answer.kind === 'none') return await findWellKnown(asked);
  const servers = orderSrv(answer.records, ports.random).slice(0, MAX_SERVERS);
  if (servers.length === 0) {
    return { finding: tell('nothing', 'the domain says that it offers none'), origins: [] };
  }
  const hosts = servers.map(({ target, port }) => `${target}:${port}`);
  return {
    finding: tell('found', `servers in order: ${hosts.join(', ')}`),
    origins: hosts.map((host) => `https://${host}`),
  };
}

async function findWellKnown({ domain, ports }: Asked): Promise<Origins> {
  const host = `domsec.${domain}`;
  const tell = tellerOf(`A and AAAA ${host}`);
  const answers = await Promise.all([
    ports.resolver.query(host, 'A'),
    ports.resolver.query(host, 'AAAA'),
  ]);
  if (answers.some(({ kind }) => kind === 'answer')) {
    return {
      finding: tell('found', 'no SRV record, but the well-known host'),
      origins: [`https://${host}`],
    };
  }
  const failure = answers.find((answer) => answer.kind === 'failure');
  const finding =
    failure === undefined
      ? tell('nothing', 'neither an SRV record nor the well-known host')
      : tell('failed', `DNS: ${failure.reason}`);
  return { finding, origins: [] };
}

async function askOrigin(origin: string, asked: Asked): Promise<StatementFinding> {
  const { domain, ports, signal } = asked;
  const url = `${origin}/.well-known/domsec-statement?domain=${domain}`;
  const tell = tellerOf(`GET ${url}`, new URL(origin).host);
  const answer = await fetchBounded({ url, maxBytes: MAX_STATEMENT_BYTES }, ports, signal);
  if (answer.kind !== 'response') return tell('failed', answer.reason);
  if (answer.status !== 200) {
    const outcome = NOT_THERE.has(answer.status) ? 'nothing' : 'failed';
    return tell(outcome, `HTTP status ${answer.status}`);
  }
  const read = readStatement(answer.body, domain, ports.clock.now());
  if (read.kind === 'unusable') return tell('unusable', read.reason);
  const { statement } = read;
  const until = statement.expires.toISOString();
  return tell('found', `a statement that holds until ${until}`, statement);
}

type Teller = (
  outcome: TraceStep['outcome'],
  reason: string,
  statement?: DomainStatement,
) => StatementFinding;

function tellerOf(query: string, source = ''): Teller {
  const started = performance.now();
  return (outcome, reason, statement) => ({
    step: {
      door: 'trial',
      query,
      ...(source === '' ? {} : { server: source }),
      outcome,
      reason,
      tookMs: Math.round(performance.now() - started),
    },
    statement: statement ?? null,
    source,
  });
}
