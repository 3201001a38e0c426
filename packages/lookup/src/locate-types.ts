import type { Clock, Mailbox } from '@sallyport/mail';
import type { Resolver } from './dns/records.ts';
import type { LookupMemory } from './memory.ts';
import type { Random } from './random.ts';

/** The ways to a certificate that exist so far, in the words of policy `discovery`. */
export const DOOR_NAMES = ['pinned', 'ldap-srv'] as const;
export type DoorName = (typeof DOOR_NAMES)[number];

/** One step of a search, the same for command line, console and audit log. */
export interface TraceStep {
  readonly door: DoorName;
  /** What was asked, for example `SRV _ldap._tcp.bravo.example`. */
  readonly query: string;
  /** Who was asked: `name:port`. */
  readonly server?: string;
  readonly outcome: 'found' | 'nothing' | 'usable' | 'unusable' | 'failed' | 'skipped';
  /** A sentence or part of one for people. */
  readonly reason: string;
  readonly tookMs: number;
}

/** A certificate that a door yielded. It proves nothing by itself (CD-5). */
export interface Candidate {
  readonly der: Buffer;
  readonly door: DoorName;
  /** Which question it answers: the recipient's own name, its domain, or the domain's DCA (DS-E4). */
  readonly binding: 'address' | 'domain' | 'authority' | 'pinned';
  /** Where it was found, for the trace. */
  readonly source: string;
}

export type LookupFault = 'directory-unreachable' | 'dns-failure';

export interface Unusable {
  readonly candidate: Candidate;
  readonly code: string;
  readonly reason: string;
}

/** The caller's judgement of a candidate: path, time, purpose, name mapping (RFC 3183 section 4.1). */
export type CandidateVerdict =
  | { readonly kind: 'usable' }
  | { readonly kind: 'unusable'; readonly code: string; readonly reason: string };

export type LocateResult<Usable> =
  | {
      readonly kind: 'found';
      readonly certificate: Buffer;
      readonly door: DoorName;
      readonly candidate: Candidate;
      /** What `validate` returned for it. */
      readonly verdict: Usable;
      readonly unusable: readonly Unusable[];
      readonly trace: readonly TraceStep[];
    }
  | {
      readonly kind: 'none';
      readonly unusable: readonly Unusable[];
      readonly trace: readonly TraceStep[];
    }
  | {
      /** Not known: something that might hold the certificate did not answer. Never `none`. */
      readonly kind: 'unavailable';
      readonly fault: LookupFault;
      readonly unusable: readonly Unusable[];
      readonly trace: readonly TraceStep[];
    };

/** What every door needs of the world. One per process; `memory` is what makes it quick. */
export interface LocatePorts {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly random: Random;
  readonly memory: LookupMemory;
  /** Lets a directory be on a private, loopback or link-local address. Never for strangers. */
  readonly allowPrivateAddresses: boolean;
  /** Anchors for the TLS of directories, PEM; the system's when absent. */
  readonly tlsAnchors?: readonly string[];
}

export interface LocateRequest<Usable extends { readonly kind: 'usable' }> {
  readonly mailbox: Mailbox;
  readonly role: 'confidentiality';
  /** In order of preference, as policy `discovery` says. */
  readonly doors: readonly DoorName[];
  /** The partner's certificates that an admin approved, DER. */
  readonly pinned: readonly Buffer[];
  validate(
    der: Buffer,
    candidate: Candidate,
  ):
    | Usable
    | Extract<CandidateVerdict, { kind: 'unusable' }>
    | Promise<Usable | Extract<CandidateVerdict, { kind: 'unusable' }>>;
  readonly ports: LocatePorts;
  /** The whole search ends by then, found or not. */
  readonly deadlineMs?: number;
}

/** What a door is asked. */
export interface DoorQuery {
  readonly mailbox: Mailbox;
  readonly pinned: readonly Buffer[];
  readonly signal: AbortSignal;
}

/** What a door says, bit by bit; the search stops asking as soon as a candidate is usable. */
export type DoorEvent =
  | { readonly kind: 'step'; readonly step: TraceStep }
  | { readonly kind: 'candidate'; readonly candidate: Candidate }
  /** Nothing that this door could ask gave an answer, so its silence is no knowledge. */
  | { readonly kind: 'unavailable'; readonly fault: LookupFault };

/** One way to certificates; one file each under `doors/`. */
export interface Door {
  readonly name: DoorName;
  /** Whether what it yields may be kept for the next search. */
  readonly cached: boolean;
  search(query: DoorQuery, ports: LocatePorts): AsyncIterable<DoorEvent>;
}
