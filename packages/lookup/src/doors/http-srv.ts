import { formatMailbox } from '@sallyport/mail';
import { certificatesInAnswer, storeQuery } from '../http/certificate-store.ts';
import { fetchBounded } from '../http/fetch.ts';
import type { Door, DoorEvent, DoorQuery, LocatePorts } from '../locate-types.ts';
import { type WantedName, wantedNames } from '../names.ts';
import { findAddresses, findSrv } from './servers.ts';
import { startTelling } from './teller.ts';

/** RFC 4386 section 2, RFC 4387 section 3.2. */
const SERVICES = ['_PKIXREP._HTTP', '_certificates._tcp'] as const;
const MAX_STORES = 4;
const MAX_ANSWER_BYTES = 512 * 1024;
/** RFC 4387 section 2.2; section 2.5.1: some stores know the older word alone. */
const ATTRIBUTES = ['uri', 'email'] as const;

/**
 * Certificates from the partner's HTTP certificate store (RFC 4387): those that SRV names, in order
 * (CD-1), or else the well-known one.
 */
export const httpSrvDoor: Door = { name: 'http-srv', cached: true, search };

interface Asking {
  readonly query: DoorQuery;
  readonly ports: LocatePorts;
  /** Stores that were asked already, by URL. */
  readonly asked: Map<string, Answered>;
}

type Answered = 'answered' | 'outage';

async function* search(query: DoorQuery, ports: LocatePorts): AsyncGenerator<DoorEvent> {
  const asking: Asking = { query, ports, asked: new Map() };
  let isLocated = false;
  for (const service of SERVICES) {
    const name = `${service}.${query.mailbox.domain}`;
    const found = await findSrv({ door: 'http-srv', name }, ports);
    yield { kind: 'step', step: found.step };
    if (found.failure !== null) yield { kind: 'unavailable', fault: 'dns-failure' };
    isLocated ||= found.exists;
    yield* askStores(found.records.map(storeAt), asking);
  }
  // RFC 4387 section 3.3: the well-known place is for domains that say nothing of others.
  if (!isLocated) yield* askWellKnown(asking);
}

/** RFC 4387 names no path for SRV; that of section 3.3 is the only one it knows. */
function storeAt({ target, port }: { readonly target: string; readonly port: number }): string {
  return port === 443 ? `https://${target}/search.cgi` : `http://${target}:${port}/search.cgi`;
}

async function* askWellKnown(asking: Asking): AsyncGenerator<DoorEvent> {
  const name = `certificates.${asking.query.mailbox.domain}`;
  const tell = startTelling({ door: 'http-srv', query: `address of ${name}` });
  const found = await findAddresses(name, asking.ports);
  // A name without a public address is no store: it was a guess.
  if (found.kind === 'refused' || (found.kind === 'failure' && found.isAbsent)) {
    yield tell('nothing', found.reason);
    return;
  }
  yield* askStores([`http://${name}/search.cgi`], asking);
}

/** Stores of one service may differ in what they hold: only all of them together know (CD-1, CD-7). */
async function* askStores(stores: readonly string[], asking: Asking): AsyncGenerator<DoorEvent> {
  const outcomes = new Set<Answered>();
  for (const store of stores) {
    const before = asking.asked.get(store);
    if (before === undefined && asking.asked.size >= MAX_STORES) continue;
    const outcome = before ?? (yield* askStore(store, asking));
    asking.asked.set(store, outcome);
    outcomes.add(outcome);
  }
  if (outcomes.has('outage')) {
    yield { kind: 'unavailable', fault: 'directory-unreachable' };
  }
}

async function* askStore(store: string, asking: Asking): AsyncGenerator<DoorEvent, Answered> {
  for (const wanted of wantedNames(asking.query)) {
    for (const attribute of ATTRIBUTES) {
      const answered = yield* askOne(storeQuery(store, attribute, nameOf(wanted, asking)), {
        ...asking,
        wanted,
      });
      if (answered === 'outage') return 'outage';
      if (answered === 'found') break;
    }
  }
  return 'answered';
}

function nameOf({ mailbox }: WantedName, { query }: Asking): string {
  return mailbox === null ? query.mailbox.domain : formatMailbox(mailbox);
}

/** RFC 9110 section 15: the server could not say, as opposed to what it does not have. */
function isOutage(status: number): boolean {
  return status >= 500 || status === 408 || status === 429;
}

async function* askOne(
  url: string,
  { query, ports, wanted }: Asking & { readonly wanted: WantedName },
): AsyncGenerator<DoorEvent, 'found' | 'nothing' | 'outage'> {
  const tell = startTelling({ door: 'http-srv', query: `GET ${url}` });
  const answer = await fetchBounded({ url, maxBytes: MAX_ANSWER_BYTES }, ports, query.signal);
  if (answer.kind !== 'response') {
    yield tell(answer.kind === 'refused' ? 'skipped' : 'failed', answer.reason);
    return 'outage';
  }
  const { status, server } = answer;
  if (isOutage(status)) {
    yield tell('failed', `HTTP status ${status} from ${server}`);
    return 'outage';
  }
  const certificates = status === 200 ? await certificatesInAnswer(answer) : [];
  if (certificates.length === 0) {
    const isRedirect = status >= 300 && status < 400;
    const more = isRedirect ? ', a redirect, which is not followed' : '';
    yield tell('nothing', `no certificate there: HTTP status ${status}${more}`);
    return 'nothing';
  }
  yield tell('found', `${certificates.length} certificate(s)`);
  const { binding } = wanted;
  for (const der of certificates) {
    yield { kind: 'candidate', candidate: { der, door: 'http-srv', binding, source: server } };
  }
  return 'found';
}
