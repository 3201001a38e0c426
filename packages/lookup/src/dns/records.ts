/** RFC 5321 section 5.1. */
export interface MxRecord {
  readonly preference: number;
  /** Lower case, no trailing dot; the empty string for the root (RFC 7505 null MX). */
  readonly exchange: string;
}

/** RFC 2782. */
export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** Lower case, no trailing dot; the empty string for the root, which says "not offered". */
  readonly target: string;
}

/** TLSA (RFC 6698 section 2.1) and SMIMEA (RFC 8162 section 2) have one form. */
export interface AssociationRecord {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly association: Buffer;
}

/** RFC 4398 section 2. */
export interface CertRecord {
  readonly certType: number;
  readonly keyTag: number;
  readonly algorithm: number;
  readonly certificate: Buffer;
}

/** What each record type that we ask for yields. */
export interface RecordData {
  readonly A: string;
  readonly AAAA: string;
  /** The target, lower case, no trailing dot; asked for where the alias itself must be proven. */
  readonly CNAME: string;
  /** A name of an address, lower case, no trailing dot; what it says is its owner's claim. */
  readonly PTR: string;
  readonly MX: MxRecord;
  readonly SRV: SrvRecord;
  /** The character strings of one record, joined (RFC 7208 section 3.3), as latin1. */
  readonly TXT: string;
  readonly TLSA: AssociationRecord;
  readonly SMIMEA: AssociationRecord;
  readonly CERT: CertRecord;
}

export type RecordType = keyof RecordData;

export type NonEmpty<T> = readonly [T, ...T[]];

export type DnsFailureReason = 'servfail' | 'timeout' | 'refused' | 'malformed';

/** What the DNS said, or that it could not say it: `none` is knowledge, `failure` is not. */
export type DnsAnswer<Data> =
  | {
      readonly kind: 'answer';
      readonly records: NonEmpty<Data>;
      /** A trusted resolver proved it by DNSSEC (AD), every step of a CNAME chain included. */
      readonly secure: boolean;
      /** Seconds it may still be kept. */
      readonly ttl: number;
      /** Where the CNAME chain ended; the name asked for when there is none. */
      readonly canonicalName: string;
    }
  | { readonly kind: 'none'; readonly reason: 'nxdomain' | 'nodata'; readonly secure: boolean }
  | { readonly kind: 'failure'; readonly reason: DnsFailureReason };

/** Asks the DNS. Never throws for what the network or a server does. */
export interface Resolver {
  query<Type extends RecordType>(name: string, type: Type): Promise<DnsAnswer<RecordData[Type]>>;
}
