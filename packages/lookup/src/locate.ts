import { formatMailbox, never } from '@sallyport/mail';
import { certDoor } from './doors/cert.ts';
import { harvestedDoor } from './doors/harvested.ts';
import { httpSrvDoor } from './doors/http-srv.ts';
import { ldapDoor } from './doors/ldap.ts';
import { ldapSrvDoor } from './doors/ldap-srv.ts';
import { pinnedDoor } from './doors/pinned.ts';
import { smimeaDoor } from './doors/smimea.ts';
import { trialDoor } from './doors/trial.ts';
import { type Found, judge, LATE, note, type Search } from './judge.ts';
import type {
  Binding,
  Candidate,
  Door,
  DoorEvent,
  DoorName,
  LocateRequest,
  LocateResult,
  LookupFault,
} from './locate-types.ts';
import type { LookupMemory, RememberedSearch } from './memory.ts';

const DEFAULT_DEADLINE_MS = 20_000;
const MAX_CANDIDATES = 64;
const MAX_ASSOCIATIONS = 64;
const DEFAULT_BINDINGS: readonly Binding[] = ['address', 'domain', 'authority'];

const DOORS: Readonly<Record<DoorName, Door>> = {
  pinned: pinnedDoor,
  smimea: smimeaDoor,
  cert: certDoor,
  ldap: ldapDoor,
  'ldap-srv': ldapSrvDoor,
  'http-srv': httpSrvDoor,
  trial: trialDoor,
  harvested: harvestedDoor,
};
/** They cost one question for each name and are asked name by name together (CD-4). */
const DNS_DOORS: ReadonlySet<DoorName> = new Set(['smimea', 'cert']);

/** One door, and whom it is asked for. */
interface PlannedStep {
  readonly door: Door;
  readonly bindings: readonly Binding[];
}

/**
 * Finds a certificate of a mailbox through the doors in their order. What is found but not usable
 * is told and the search goes on (CD-4). `none` is knowledge; `unavailable` is not, and must never
 * be taken for it (CD-7).
 */
export async function locateCertificates<Usable extends { readonly kind: 'usable' }>(
  request: LocateRequest<Usable>,
): Promise<LocateResult<Usable>> {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => controller.abort(), request.deadlineMs ?? DEFAULT_DEADLINE_MS);
  const late = new Promise<typeof LATE>((resolve) => {
    signal.addEventListener('abort', () => resolve(LATE), { once: true });
  });
  const beginning = { trace: [], unusable: [], associations: [], fault: null };
  const search: Search<Usable> = { request, ...beginning, signal, late };
  try {
    const best = await walk(search);
    if (best !== null) return best;
    const { fault, trace, unusable } = search;
    return fault === null
      ? { kind: 'none', unusable, trace }
      : { kind: 'unavailable', fault, unusable, trace };
  } finally {
    clearTimeout(timer);
    controller.abort(); // whatever a late door still has open ends here
    for (const step of search.trace) request.ports.onStep?.(step);
  }
}

/**
 * Goes through the plan. Where the request has a preference, a find that is wanted less is kept, and
 * the rest of the doors are asked only for those who are wanted more.
 */
async function walk<Usable extends { readonly kind: 'usable' }>(
  search: Search<Usable>,
): Promise<Found<Usable> | null> {
  const { request } = search;
  const preferred = request.bindings ?? [];
  const bindings = preferred.length > 0 ? preferred : DEFAULT_BINDINGS;
  let wanted = bindings;
  let best: Found<Usable> | null = null;
  for (const step of planOf(request.doors, bindings)) {
    const still = step.bindings.filter((binding) => wanted.includes(binding));
    if (still.length === 0) continue;
    if (search.signal.aborted) {
      search.fault ??= 'directory-unreachable';
      break;
    }
    const found = await tryDoor({ door: step.door, bindings: still }, search);
    if (found === null) continue;
    best = found;
    const { binding } = found.candidate;
    const rank = binding === 'pinned' || preferred.length === 0 ? 0 : bindings.indexOf(binding);
    if (rank <= 0) break;
    wanted = bindings.slice(0, rank);
  }
  return best;
}

/** Doors of the DNS that stand together are asked first for the one, then for the other (CD-4). */
function planOf(doors: readonly DoorName[], bindings: readonly Binding[]): PlannedStep[] {
  const others = bindings.filter((binding) => binding !== 'address');
  const levels =
    bindings[0] === 'address' ? [['address' as const], others] : [others, ['address' as const]];
  const steps: PlannedStep[] = [];
  let together: DoorName[] = [];
  const askTogether = (): void => {
    for (const level of levels) {
      for (const name of together) steps.push({ door: DOORS[name], bindings: level });
    }
    together = [];
  };
  for (const name of doors) {
    if (DNS_DOORS.has(name)) together.push(name);
    else {
      askTogether();
      steps.push({ door: DOORS[name], bindings });
    }
  }
  askTogether();
  return steps;
}

async function tryDoor<Usable extends { readonly kind: 'usable' }>(
  step: PlannedStep,
  search: Search<Usable>,
): Promise<Found<Usable> | null> {
  const { door, bindings } = step;
  if (!door.cached) return askDoor(step, search);
  const key = keyOf(step, search);
  const known = search.request.ports.memory.recall(key);
  if (known === null) return askDoor(step, search, key);
  const kept = known.candidates.length;
  note(search, {
    door: door.name,
    query: 'answer kept from before',
    outcome: kept > 0 ? 'found' : 'nothing',
    reason: `${kept} certificate(s), judged anew`,
    tookMs: 0,
  });
  for (const candidate of known.candidates) {
    const result = await judge(candidate, bindings, search);
    if (result !== null) return result;
  }
  switch (known.kind) {
    case 'nothing':
      return null;
    case 'unavailable':
      search.fault ??= known.fault;
      return null;
    case 'candidates':
      // It was good and is no longer: the directory may hold its successor.
      return askDoor(step, search, key);
  }
}

/** All that an answer depends on: another question, resolver or server is another search. */
function keyOf<Usable extends { readonly kind: 'usable' }>(
  { door, bindings }: PlannedStep,
  { request }: Search<Usable>,
): string {
  const { memory, resolver, tlsAnchors, ldapServers, allowPrivateAddresses } = request.ports;
  const world = [resolver, tlsAnchors, ldapServers].map((part) => memory.identify(part));
  const asked = [door.name, request.role, formatMailbox(request.mailbox), bindings];
  return JSON.stringify([...asked, ...world, allowPrivateAddresses]);
}

async function askDoor<Usable extends { readonly kind: 'usable' }>(
  { door, bindings }: PlannedStep,
  search: Search<Usable>,
  key: string | null = null,
): Promise<Found<Usable> | null> {
  const { request, signal } = search;
  const { mailbox, role, pinned, ports } = request;
  const seen = new Map<string, Candidate>();
  let fault: LookupFault | null = null;
  const query = { mailbox, role, bindings, pinned, signal };
  for await (const event of untilLate(door, door.search(query, ports), search)) {
    if (event.kind === 'unavailable') fault ??= event.fault;
    const candidate = takeEvent(event, seen, search);
    const result = candidate === null ? null : await judge(candidate, bindings, search);
    if (candidate === null || result === null) continue;
    keep(ports.memory, key, { kind: 'candidates', candidates: [candidate] });
    return result;
  }
  search.fault ??= fault;
  const candidates = [...seen.values()];
  if (fault === null) keep(ports.memory, key, { kind: 'nothing', candidates });
  // That our own time was over says nothing about the door.
  else if (!signal.aborted) keep(ports.memory, key, { kind: 'unavailable', candidates, fault });
  return null;
}

/** @returns a candidate that this door has not yielded before. */
function takeEvent<Usable extends { readonly kind: 'usable' }>(
  event: DoorEvent,
  seen: Map<string, Candidate>,
  search: Search<Usable>,
): Candidate | null {
  switch (event.kind) {
    case 'step':
      note(search, event.step);
      return null;
    case 'association':
      if (search.associations.length < MAX_ASSOCIATIONS) search.associations.push(event);
      return null;
    case 'unavailable':
      return null;
    case 'candidate': {
      const { der, binding } = event.candidate;
      const content = `${binding} ${der.toString('latin1')}`;
      if (seen.has(content) || seen.size >= MAX_CANDIDATES) return null;
      seen.set(content, event.candidate);
      return event.candidate;
    }
    default:
      return never(event);
  }
}

/** What a door says, and that it said nothing in time, though it may not notice the signal itself. */
async function* untilLate<Usable extends { readonly kind: 'usable' }>(
  door: Door,
  events: AsyncIterable<DoorEvent>,
  search: Search<Usable>,
): AsyncGenerator<DoorEvent> {
  const iterator = events[Symbol.asyncIterator]();
  let isLate = false;
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), search.late]);
      isLate = next === LATE;
      if (next === LATE) {
        const reason = 'the search took too long';
        yield {
          kind: 'step',
          step: { door: door.name, query: 'wait', outcome: 'failed', reason, tookMs: 0 },
        };
        const fault = DNS_DOORS.has(door.name) ? 'dns-failure' : 'directory-unreachable';
        yield { kind: 'unavailable', fault };
        return;
      }
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    const closing = iterator.return?.();
    if (isLate) closing?.catch(() => undefined);
    else await closing;
  }
}

function keep(memory: LookupMemory, key: string | null, search: RememberedSearch): void {
  if (key !== null) memory.remember(key, search);
}
