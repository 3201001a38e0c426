/** Reply codes that ask the client to try again (RFC 5321 section 4.2.1). */
type TransientCode = 421 | 450 | 451 | 452 | 454;
/** Reply codes that refuse for good. 530 and 535 are of RFC 3207 and RFC 4954. */
type PermanentCode =
  | 500
  | 501
  | 502
  | 503
  | 504
  | 521
  | 523
  | 530
  | 535
  | 538
  | 550
  | 552
  | 553
  | 554
  | 555;
/** Subject and detail of RFC 3463 section 2; the class digit comes from `class` alone. */
type Detail = `${number}.${number}`;

interface FaultText {
  readonly detail: Detail;
  /** The sentence that strangers may read: no host, path, rule or library. */
  readonly text: string;
  /** What to do about it, and who can. */
  readonly advice: string;
}

export type FaultEntry =
  | (FaultText & { readonly class: 'transient'; readonly code: TransientCode })
  | (FaultText & { readonly class: 'permanent'; readonly code: PermanentCode })
  /** Never said in an SMTP reply of ours: only in a DSN, the log and the console. */
  | (FaultText & { readonly class: 'transient' | 'permanent'; readonly code: null });
