import type { Secret } from '@sallyport/log';
import type { Clock, Mailbox } from '@sallyport/mail';
import type { AssociationRecord, Resolver } from './dns/records.ts';
import type { LookupMemory } from './memory.ts';
import type { Random } from './random.ts';

/** The ways to a certificate that exist so far, in the words of policy `discovery`. */
export const DOOR_NAMES = [
  'pinned',
  'smimea',
  'cert',
  'ldap',
  'ldap-srv',
  'http-srv',
  'trial',
  'harvested',
] as const;
export type DoorName = (typeof DOOR_NAMES)[number];

/** One step of a search, the same for command line, console and audit log. */
export interface TraceStep {
  /** A door, or the proof of a path: issuers fetched (RFC 5280 section 4.2.2.1), revocation. */
  readonly door: DoorName | 'issuers' | 'revocation';
  /** What was asked, for example `SRV _ldap._tcp.bravo.example`. */
  readonly query: string;
  /** Who was asked: `name:port`. */
  readonly server?: string;
  readonly outcome: 'found' | 'nothing' | 'usable' | 'unusable' | 'failed' | 'skipped';
  /** A sentence or part of one for people. */
  readonly reason: string;
  readonly tookMs: number;
}

/** Whom a certificate is for: the recipient itself, its domain, or the domain's RFC 3183 authority (DS-E4). */
export type Binding = 'address' | 'domain' | 'authority';

/** What the certificate is to do: encrypt to it (DCA), or compare a signer with it (DSA, TM-4). */
export type LocateRole = 'confidentiality' | 'signing';

/** A certificate that a door yielded. It proves nothing by itself (CD-5). */
export interface Candidate {
  readonly der: Buffer;
  readonly door: DoorName;
  /** Which question it answers. */
  readonly binding: Binding | 'pinned';
  /** Where it was found, for the trace. */
  readonly source: string;
  /**
   * DNSSEC named this very certificate (SMIMEA usage 3, RFC 8162) through a resolver configured as
   * trusted: it needs no path, if the policy takes that as proof (CD-5).
   */
  readonly dnssec?: true;
  /**
   * CA certificates, DER, that DNSSEC named as anchors for it (SMIMEA usage 2); a path to one counts
   * like `dnssec`, if the policy takes that as proof.
   */
  readonly dnssecAnchors?: readonly Buffer[];
}

export type LookupFault = 'directory-unreachable' | 'dns-failure' | 'revocation-unavailable';

export interface Unusable {
  readonly candidate: Candidate;
  readonly code: string;
  readonly reason: string;
}

/** The caller's judgement of a candidate: path, time, purpose, name mapping (RFC 3183 section 4.1). */
export type CandidateVerdict =
  | { readonly kind: 'usable' }
  | { readonly kind: 'unusable'; readonly code: string; readonly reason: string }
  /** Not known now, for example because no CRL came: never `none`, the search goes on. */
  | { readonly kind: 'unknown'; readonly fault: LookupFault; readonly reason: string };

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

/** A directory that the operator configured (door `ldap`). Nothing is said to it before TLS. */
export interface LdapServerSettings {
  /** `ldaps://host[:port]`, or `ldap://host[:port]` where StartTLS is then demanded. */
  readonly url: string;
  /** Where to search; the server's naming contexts when absent. */
  readonly baseDn?: string;
  /** Anonymous when absent. */
  readonly bind?: { readonly dn: string; readonly password: Secret };
  /** Anchors for its TLS, PEM; those of `LocatePorts` when absent. */
  readonly anchors?: readonly string[];
  /** The name may lead to a private address. An address in the URL itself is configured as such. */
  readonly allowPrivateAddress?: boolean;
}

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
  /** For door `ldap`, in the order to ask. */
  readonly ldapServers?: readonly LdapServerSettings[];
  /** Hears of every step of every search once it is over. Left out: nobody counts. */
  readonly onStep?: (step: TraceStep) => void;
  /** For door `harvested`: certificates, DER, that verified mail of this mailbox carried. */
  readonly harvested?: (mailbox: Mailbox) => Promise<readonly Buffer[]>;
}

export type Verdict<Usable> = Usable | Exclude<CandidateVerdict, { kind: 'usable' }>;

export interface LocateRequest<Usable extends { readonly kind: 'usable' }> {
  readonly mailbox: Mailbox;
  readonly role: LocateRole;
  /** In order of preference, as policy `discovery` says. */
  readonly doors: readonly DoorName[];
  /** The partner's certificates that an admin approved, DER. */
  readonly pinned: readonly Buffer[];
  /**
   * Whom the certificate may be for, most wanted first; a find that is wanted less is used only when
   * no door has a better one. When absent, the first usable find counts (CD-4).
   */
  readonly bindings?: readonly Binding[];
  /** @param tell adds a step to the trace, for example of `provePath`. */
  validate(
    der: Buffer,
    candidate: Candidate,
    tell: (step: TraceStep) => void,
  ): Verdict<Usable> | Promise<Verdict<Usable>>;
  /** The path that `validate` found, DER, leaf first: SMIMEA of usage 0 and 2 names one of its CAs. */
  pathOf?(verdict: Usable): readonly Buffer[];
  readonly ports: LocatePorts;
  /** The whole search ends by then, found or not. */
  readonly deadlineMs?: number;
}

/** What a door is asked. */
export interface DoorQuery {
  readonly mailbox: Mailbox;
  readonly role: LocateRole;
  /** Whom to ask for, in this order; never empty. */
  readonly bindings: readonly Binding[];
  readonly pinned: readonly Buffer[];
  readonly signal: AbortSignal;
}

/** What a door says, bit by bit; the search stops asking as soon as a candidate is usable. */
export type DoorEvent =
  | { readonly kind: 'step'; readonly step: TraceStep }
  | { readonly kind: 'candidate'; readonly candidate: Candidate }
  /** DNSSEC restricts what may be used (RFC 8162 section 2); never from an insecure answer. */
  | {
      readonly kind: 'association';
      readonly association: AssociationRecord;
      readonly binding: Binding;
      readonly source: string;
    }
  /** Nothing that this door could ask gave an answer, so its silence is no knowledge. */
  | { readonly kind: 'unavailable'; readonly fault: LookupFault };

/** One way to certificates; one file each under `doors/`. */
export interface Door {
  readonly name: DoorName;
  /** Whether what it yields may be kept for the next search. */
  readonly cached: boolean;
  search(query: DoorQuery, ports: LocatePorts): AsyncIterable<DoorEvent>;
}
