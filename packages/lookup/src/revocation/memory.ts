import { type Clock, Gate } from '@sallyport/mail';
import type { Crl, OcspFact, UntrustedCertificate } from '@sallyport/pki';
import { FetchMemory } from './fetch-memory.ts';

const MAX_PLACES = 2_000;
const MAX_CRL_BYTES_KEPT = 64 * 1024 * 1024;
const MAX_OCSP_BYTES_KEPT = 16 * 1024 * 1024;
const MAX_ISSUER_BYTES_KEPT = 16 * 1024 * 1024;
/** A revocation that its CA has published counts here after this time at the latest. */
const DEFAULT_REFRESH_MS = 60_000;
/** The newest counts; one before it stays, so that an old list that is played back hides nothing. */
const MAX_LISTS_OF_PLACE = 3;
const RETRY_MS = 30_000;
const ISSUERS_REFRESH_MS = 60 * 60_000;
const FETCHES = { atOnce: 4, maxWaiting: 256 };

export interface RevocationMemoryOptions {
  /** A list or response that was fetched longer ago is fetched anew, milliseconds. */
  readonly refreshAfterMs?: number;
}

/**
 * What proofs of paths have fetched: revocation lists, OCSP responses, certificates of issuers.
 * Bounded in places and bytes. It keeps facts and never verdicts: each proof judges them anew, so a
 * list that revokes a key counts for the first proof after it was fetched. One per process.
 */
export class RevocationMemory {
  readonly lists: FetchMemory<Crl>;
  readonly responses: FetchMemory<OcspFact>;
  readonly issuers: FetchMemory<readonly UntrustedCertificate[]>;
  /** For lists and responses; where issuers are is a stranger's word, and must not hold these up. */
  readonly factsGate = new Gate(FETCHES);
  readonly issuersGate = new Gate(FETCHES);

  constructor(clock: Clock, options: RevocationMemoryOptions = {}) {
    const refreshAfterMs = options.refreshAfterMs ?? DEFAULT_REFRESH_MS;
    const limits = { maxEntries: MAX_PLACES, maxValues: 1 };
    const common = { clock, ...limits, refreshAfterMs, retryAfterMs: RETRY_MS };
    this.lists = new FetchMemory({
      ...common,
      maxBytes: MAX_CRL_BYTES_KEPT,
      maxValues: MAX_LISTS_OF_PLACE,
    });
    this.responses = new FetchMemory({ ...common, maxBytes: MAX_OCSP_BYTES_KEPT });
    this.issuers = new FetchMemory({
      ...common,
      maxBytes: MAX_ISSUER_BYTES_KEPT,
      refreshAfterMs: ISSUERS_REFRESH_MS,
    });
  }

  /** Forgets everything, for example when an operator asks. */
  clear(): void {
    this.lists.clear();
    this.responses.clear();
    this.issuers.clear();
  }
}
