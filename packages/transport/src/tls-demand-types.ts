import { createHash } from 'node:crypto';
import type { FaultId } from '@sallyport/faults';
import type { AssociationRecord } from '@sallyport/lookup';
import type { HostSource, TlsaFinding } from './dane/locate-tlsa.ts';
import { formatTlsa } from './dane/tlsa-records.ts';
import type { MtaStsFinding } from './mta-sts/locate.ts';
import type { PublishedPolicy, TlsResultType } from './tls-result.ts';
import type { TlsAnchors, TlsCiphers, TlsPin, TlsVersion } from './tls-rule.ts';

/** What is known of one way to one host before anybody connects. */
export interface TlsHopFacts {
  readonly host: string;
  readonly nexthopDomain: string;
  readonly hostSource: HostSource;
  /** Null: nobody looked. */
  readonly tlsa: TlsaFinding | null;
  /** Null: nobody looked. */
  readonly mtaSts: MtaStsFinding | null;
}

/** Something that a server must show of itself. */
export type TlsIdentityCheck =
  | { readonly kind: 'pins'; readonly pins: readonly TlsPin[] }
  /** A path to the anchors, and one of these names; `.name` is everything below. */
  | {
      readonly kind: 'names';
      readonly names: readonly string[];
      readonly policy: 'rule' | 'sts';
      /** PEM, where others vouch than those of the demand; left out: those of the demand. */
      readonly anchors?: readonly string[];
    }
  | {
      readonly kind: 'dane';
      readonly records: readonly AssociationRecord[];
      /** What a certificate of usage 2 may be for. */
      readonly names: readonly string[];
    };

/** What one connection must fulfil before MAIL FROM. */
export interface TlsDemand {
  readonly usesTls: boolean;
  /** Clear text is never an answer. */
  readonly isMandatory: boolean;
  readonly minVersion: TlsVersion;
  readonly ciphers: TlsCiphers;
  readonly serverName: string;
  readonly showsCertificate: boolean;
  /** Who may vouch for the server; empty where no check asks for a path. */
  readonly anchors: TlsAnchors;
  /** Each of them must be met. */
  readonly checks: readonly TlsIdentityCheck[];
  /** Looked at for the report alone: MTA-STS in mode testing. */
  readonly observed: readonly TlsIdentityCheck[];
}

/** A policy, and how it fared where that is known before anybody connects. */
export interface JudgedPolicy {
  readonly policy: PublishedPolicy;
  readonly failure: { readonly result: TlsResultType; readonly reason: string } | null;
}

/** Nothing may be sent on this way now. */
export interface TlsRefusal {
  readonly kind: 'refuse';
  readonly fault: FaultId;
  readonly sentence: string;
  readonly policies: readonly JudgedPolicy[];
}

export type TlsDecision =
  | {
      readonly kind: 'connect';
      readonly demand: TlsDemand;
      readonly policies: readonly JudgedPolicy[];
      /** What the demand comes from beside the rule, in words. */
      readonly notes: readonly string[];
    }
  | TlsRefusal;

/** What one source adds to a demand; what is left out adds nothing. */
export interface TlsAddition {
  readonly isMandatory?: boolean;
  readonly checks?: readonly TlsIdentityCheck[];
  readonly observed?: readonly TlsIdentityCheck[];
  readonly serverName?: string;
  readonly policies?: readonly JudgedPolicy[];
  readonly note?: string;
}

/**
 * Names a demand for the connection pool: a connection serves another message only where all that
 * it was checked for is the same, whichever domain asks (TR-7).
 */
export function tlsDemandKey(demand: TlsDemand): string {
  const { anchors, checks, observed } = demand;
  const parts = {
    ...demand,
    anchors,
    checks: checks.map(plainCheck),
    observed: observed.map(plainCheck),
  };
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** A check with nothing in it that JSON does not carry. */
export function plainCheck(check: TlsIdentityCheck): object {
  if (check.kind !== 'dane') return check;
  const records = check.records.map((one) => `${formatTlsa(one)} ${digest(one.association)}`);
  return { ...check, records };
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
