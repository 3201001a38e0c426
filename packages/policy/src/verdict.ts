import type { VerdictFaultId } from '@sallyport/faults';

/** What was found in a message, in the words of design section 8. */
export interface VerdictFacts {
  readonly signature: 'valid' | 'invalid' | 'none' | 'unverifiable';
  readonly signatureType: 'domain' | 'originator' | 'review' | 'additional-attributes' | null;
  readonly mapping: 'ok' | 'mismatch' | 'exception' | null;
  readonly encryption: 'domain' | 'user' | 'none';
  readonly scope: 'whole' | 'partial';
  /** True if the content was opened and its encryption proves integrity (RFC 5083) or a signature over it verified. */
  readonly integrity: boolean;
  /** What went wrong first, for a refusal that may name it; null if nothing did. */
  readonly fault: VerdictFaultId | null;
  /** What a search for the signer's certificate found (TM-4); absent: nobody looked. */
  readonly senderLookup?: SenderLookup;
  /** Algorithms it rests on that nobody should use any more; empty if there is none. */
  readonly legacy?: readonly string[];
}

/**
 * Whether the domain publishes the certificate that signed (TM-4): a match is the stronger verdict,
 * a mismatch says that it publishes another.
 */
export type SenderLookup = 'match' | 'mismatch' | 'not-found' | 'unavailable';

/** What the content filter found. */
export type FilterFacts =
  | { readonly kind: 'clean'; readonly scanned: boolean }
  | { readonly kind: 'hold'; readonly reason: string }
  | { readonly kind: 'refuse'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly whenDown: 'wait' | 'hold'; readonly reason: string };
