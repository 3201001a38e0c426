import type {
  DnsFailureReason,
  DoorName,
  LocatePorts,
  LocateRole,
  ProofPorts,
  TraceStep,
} from '@sallyport/lookup';
import type { Domain } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';
import type { MtaStsPolicy, TlsAnchors, TlsContexts, TlsLevel } from '@sallyport/transport';

/** What a survey needs of the world. */
export interface SurveyPorts {
  readonly lookup: LocatePorts & ProofPorts;
  readonly contexts: TlsContexts;
  /** How we greet mail servers. */
  readonly ehloName: string;
  readonly smtpPort: number;
  /** For all that is asked of one mail host; 35 s if left out. */
  readonly hostMs?: number;
  /** Whom we believe of a domain, by the policy in force or as the caller gave it. */
  anchorsFor(domain: Domain): readonly Certificate[];
  /** What the record of a domain says of the names to prove; null, or left out: it has none. */
  readonly tlsOf?: (domain: Domain) => OwnTls | null;
  /** Whether the AD bit of the resolver counts; without it nothing is known about DNSSEC. */
  readonly trustsDnssec: boolean;
}

/** As a policy row says it. */
export interface OwnTls {
  readonly level: TlsLevel;
  readonly match: readonly string[];
  readonly anchors: TlsAnchors;
}

/** `unknown`: the resolver is not one whose word counts. */
export type DnssecState = 'secure' | 'insecure' | 'unknown';

/**
 * What a certificate is worth. trusted: a path to an anchor that we have for the domain. dnssec: DNSSEC
 * names it. unproven: we have no anchor for the domain.
 */
export type Worth =
  | 'trusted'
  | 'dnssec'
  | 'unproven'
  | 'untrusted'
  | 'revoked'
  | 'expired'
  | 'misnamed'
  | 'malformed';

export interface SurveyedCertificate {
  readonly door: DoorName;
  readonly role: LocateRole;
  /** Where it was found. */
  readonly source: string;
  readonly subject: string;
  readonly addresses: readonly string[];
  readonly issuer: string;
  readonly key: string;
  readonly notAfter: string;
  readonly daysLeft: number;
  /** SHA-256, hexadecimal. */
  readonly fingerprint: string;
  readonly worth: Worth;
  readonly reason: string;
  /** Empty where it cannot be read. */
  readonly pem: string;
}

export interface SurveyedDoor {
  readonly door: DoorName;
  readonly outcome: 'found' | 'nothing' | 'unavailable';
  readonly steps: readonly TraceStep[];
}

export interface SurveyedHost {
  readonly name: string;
  readonly preference: number;
  readonly addresses: readonly string[];
  readonly dnssec: DnssecState;
  readonly tls: {
    readonly outcome: 'verified' | 'unverified' | 'none' | 'unreachable';
    readonly version: string | null;
    readonly cipher: string | null;
    /** SHA-256 of the server's certificate. */
    readonly fingerprint: string | null;
    /** What it showed, DER in base64, its own certificate first. */
    readonly chain: readonly string[];
    readonly sentence: string;
  };
  readonly tlsa: {
    readonly dnssec: DnssecState;
    /** `usage selector matchingType`, for example `3 1 1`. */
    readonly records: readonly string[];
    readonly failure: DnsFailureReason | null;
    /**
     * Whether they authenticate what the server shows (RFC 7672): `fits`, `misfit`, `unusable` (none
     * that a client could use), `not-applicable` (none under DNSSEC), `unknown` (nobody could look).
     */
    readonly check: 'fits' | 'misfit' | 'unusable' | 'not-applicable' | 'unknown';
    readonly sentence: string;
  };
}

export interface SurveyedMail {
  readonly kind: 'mx' | 'null-mx' | 'domain-unknown' | 'unavailable';
  readonly dnssec: DnssecState;
  /** Why there are no hosts, or that there are more than were looked at. */
  readonly reason: string | null;
  readonly hosts: readonly SurveyedHost[];
}

export interface SurveyedMtaSts {
  readonly state: 'none' | 'policy' | 'broken' | 'unavailable';
  readonly id: string | null;
  readonly policy: MtaStsPolicy | null;
  readonly reason: string;
}

export interface SurveyedTlsRpt {
  readonly state: 'none' | 'wanted' | 'broken' | 'unavailable';
  readonly uris: readonly string[];
}

/** What the domain says of itself, and whether that can be believed. */
export interface SurveyedStatement {
  readonly isBelieved: boolean;
  readonly reason: string;
  readonly expires: string;
  readonly accepts: Readonly<Record<string, readonly string[]>>;
  readonly demands: { readonly signature: string; readonly encryption: boolean };
  readonly tls: { readonly level: string; readonly minVersion: string };
  readonly contact: string;
}

/** Something for a person to know: a fault stands in the way of protected mail. */
export interface Remark {
  readonly severity: 'fault' | 'warning' | 'note';
  readonly text: string;
}

export interface DomainSurvey {
  readonly domain: Domain;
  readonly time: string;
  readonly mail: SurveyedMail;
  readonly doors: readonly SurveyedDoor[];
  readonly certificates: readonly SurveyedCertificate[];
  readonly statement: SurveyedStatement | null;
  readonly mtaSts: SurveyedMtaSts;
  readonly tlsRpt: SurveyedTlsRpt;
  readonly remarks: readonly Remark[];
}
