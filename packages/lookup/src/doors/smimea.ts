import { createHash } from 'node:crypto';
import { certificateIn, isUsable, namesEndEntity } from '../associations.ts';
import type { AssociationRecord, DnsAnswer } from '../dns/records.ts';
import type { Binding, Door, DoorEvent, DoorQuery, LocatePorts } from '../locate-types.ts';
import { wantedNames } from '../names.ts';
import { startTelling, tellNone } from './teller.ts';

const DIGEST_OCTETS = 28;
const MAX_RECORDS = 32;

/**
 * SMIMEA records (RFC 8162) of the recipient and of the domain's RFC 3183 authority. What DNSSEC
 * proved restricts and may be trusted; what it did not prove is a candidate like any other.
 */
export const smimeaDoor: Door = { name: 'smimea', cached: false, search };

/** The name of a mailbox's SMIMEA records (RFC 8162 section 3). */
export function smimeaName(mailbox: {
  readonly localPart: string;
  readonly domain: string;
}): string {
  // Section 3 step 3; an ASCII local-part stays as it is, whatever its case (section 4).
  const local = mailbox.localPart.normalize('NFC');
  const digest = createHash('sha256').update(local, 'utf8').digest();
  const label = digest.subarray(0, DIGEST_OCTETS).toString('hex');
  return `${label}._smimecert.${mailbox.domain}`;
}

async function* search(query: DoorQuery, ports: LocatePorts): AsyncGenerator<DoorEvent> {
  for (const { binding, mailbox } of wantedNames(query)) {
    if (mailbox !== null) yield* askFor({ name: smimeaName(mailbox), binding }, ports);
  }
}

interface Asked {
  readonly name: string;
  readonly binding: Binding;
}

async function* askFor(asked: Asked, ports: LocatePorts): AsyncGenerator<DoorEvent> {
  const tell = startTelling({ door: 'smimea', query: `SMIMEA ${asked.name} (${asked.binding})` });
  const answer = await ports.resolver.query(asked.name, 'SMIMEA');
  if (answer.kind !== 'answer') {
    yield* tellNone(tell, answer);
    return;
  }
  yield tell('found', sentenceOf(answer));
  yield* eventsOf(asked, answer);
}

type Found = Extract<DnsAnswer<AssociationRecord>, { kind: 'answer' }>;

function sentenceOf({ records, secure }: Found): string {
  const unusable = records.filter((record) => !isUsable(record)).length;
  const proof = secure
    ? 'proven by DNSSEC'
    : 'not proven by DNSSEC: certificates are only candidates, all else is left out';
  const ignored = unusable > 0 ? `, ${unusable} of them of an unknown kind and left out` : '';
  return `${records.length} record(s)${ignored}, ${proof}`;
}

function* eventsOf({ name, binding }: Asked, { records, secure }: Found): Generator<DoorEvent> {
  const usable = records.filter(isUsable).slice(0, MAX_RECORDS);
  // All restrictions come before the first candidate: each is judged against all of them.
  for (const association of secure ? usable : []) {
    yield { kind: 'association', association, binding, source: name };
  }
  for (const record of usable.filter(namesEndEntity)) {
    const der = certificateIn(record);
    if (der === null || der.length === 0) continue;
    yield { kind: 'candidate', candidate: { der, door: 'smimea', binding, source: name } };
  }
}
