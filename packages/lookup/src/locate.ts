import { formatMailbox } from '@sallyport/mail';
import { ldapSrvDoor } from './doors/ldap-srv.ts';
import { pinnedDoor } from './doors/pinned.ts';
import type {
  Candidate,
  Door,
  DoorName,
  LocateRequest,
  LocateResult,
  LookupFault,
  TraceStep,
  Unusable,
} from './locate-types.ts';

import type { LookupMemory, RememberedSearch } from './memory.ts';

const DEFAULT_DEADLINE_MS = 20_000;
const MAX_CANDIDATES = 64;
const MAX_STEPS = 200;

const DOORS: Readonly<Record<DoorName, Door>> = { pinned: pinnedDoor, 'ldap-srv': ldapSrvDoor };

interface Search<Usable extends { readonly kind: 'usable' }> {
  readonly request: LocateRequest<Usable>;
  readonly trace: TraceStep[];
  readonly unusable: Unusable[];
  readonly signal: AbortSignal;
}

type Found<Usable> = Extract<LocateResult<Usable>, { kind: 'found' }>;
type DoorResult<Usable> =
  | { readonly kind: 'found'; readonly result: Found<Usable> }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'unavailable'; readonly fault: LookupFault };

/**
 * Finds a certificate to encrypt to, through the doors in their order. What is found but not
 * usable is told and the search goes on (CD-4). `none` is knowledge; `unavailable` is not, and
 * must never be taken for it (CD-7).
 */
export async function locateCertificates<Usable extends { readonly kind: 'usable' }>(
  request: LocateRequest<Usable>,
): Promise<LocateResult<Usable>> {
  const search: Search<Usable> = {
    request,
    trace: [],
    unusable: [],
    signal: AbortSignal.timeout(request.deadlineMs ?? DEFAULT_DEADLINE_MS),
  };
  let fault: LookupFault | null = null;
  for (const name of request.doors) {
    const outcome = await tryDoor(DOORS[name], search);
    if (outcome.kind === 'found') return outcome.result;
    if (outcome.kind === 'unavailable') fault ??= outcome.fault;
  }
  const { trace, unusable } = search;
  return fault === null
    ? { kind: 'none', unusable, trace }
    : { kind: 'unavailable', fault, unusable, trace };
}

async function tryDoor<Usable extends { readonly kind: 'usable' }>(
  door: Door,
  search: Search<Usable>,
): Promise<DoorResult<Usable>> {
  if (!door.cached) return askDoor(door, search);
  const { memory } = search.request.ports;
  const key = `${door.name} ${search.request.role} ${formatMailbox(search.request.mailbox)}`;
  const known = memory.recall(key);
  if (known === null) return askDoor(door, search, key);
  const kept = known.candidates.length;
  note(search, {
    door: door.name,
    query: 'answer kept from before',
    outcome: kept > 0 ? 'found' : 'nothing',
    reason: `${kept} certificate(s), judged anew`,
    tookMs: 0,
  });
  for (const candidate of known.candidates) {
    const result = await judge(candidate, search);
    if (result !== null) return { kind: 'found', result };
  }
  switch (known.kind) {
    case 'nothing':
      return { kind: 'nothing' };
    case 'unavailable':
      return { kind: 'unavailable', fault: known.fault };
    case 'candidates':
      // It was good and is no longer: the directory may hold its successor.
      return askDoor(door, search, key);
  }
}

async function askDoor<Usable extends { readonly kind: 'usable' }>(
  door: Door,
  search: Search<Usable>,
  key: string | null = null,
): Promise<DoorResult<Usable>> {
  const { request, signal } = search;
  const { memory } = request.ports;
  const seen = new Map<string, Candidate>();
  let fault: LookupFault | null = null;
  const query = { mailbox: request.mailbox, pinned: request.pinned, signal };
  for await (const event of door.search(query, request.ports)) {
    if (event.kind === 'step') note(search, event.step);
    if (event.kind === 'unavailable') fault = event.fault;
    if (event.kind !== 'candidate') continue;
    const content = event.candidate.der.toString('latin1');
    if (seen.has(content) || seen.size >= MAX_CANDIDATES) continue;
    seen.set(content, event.candidate);
    const result = await judge(event.candidate, search);
    if (result === null) continue;
    keep(memory, key, { kind: 'candidates', candidates: [event.candidate] });
    return { kind: 'found', result };
  }
  const candidates = [...seen.values()];
  if (fault === null) {
    keep(memory, key, { kind: 'nothing', candidates });
    return { kind: 'nothing' };
  }
  keep(memory, key, { kind: 'unavailable', candidates, fault });
  return { kind: 'unavailable', fault };
}

function keep(memory: LookupMemory, key: string | null, search: RememberedSearch): void {
  if (key !== null) memory.remember(key, search);
}

async function judge<Usable extends { readonly kind: 'usable' }>(
  candidate: Candidate,
  search: Search<Usable>,
): Promise<Found<Usable> | null> {
  const started = performance.now();
  const { request, trace, unusable } = search;
  const verdict = await request.validate(candidate.der, candidate);
  const step = {
    door: candidate.door,
    query: `validate certificate of ${candidate.binding}`,
    server: candidate.source,
    tookMs: Math.round(performance.now() - started),
  };
  if (verdict.kind === 'unusable') {
    unusable.push({ candidate, code: verdict.code, reason: verdict.reason });
    note(search, { ...step, outcome: 'unusable', reason: verdict.reason });
    return null;
  }
  note(search, { ...step, outcome: 'usable', reason: 'chosen' });
  const { der: certificate, door } = candidate;
  return { kind: 'found', certificate, door, candidate, verdict, unusable, trace };
}

function note<Usable extends { readonly kind: 'usable' }>(
  search: Search<Usable>,
  step: TraceStep,
): void {
  if (search.trace.length < MAX_STEPS) search.trace.push(step);
}
