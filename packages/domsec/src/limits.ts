import type { OpenOptions } from './layers.ts';

/** Bounds of what the gateway takes apart; over one of them is the fault of that limit (TM-7). */
export const MESSAGE_LIMITS = {
  mime: {
    maxHeaderBytes: 1024 * 1024,
    maxHeaderFields: 2_000,
    maxParts: 1_000,
    maxDepth: 50,
    maxAddresses: 1_000,
  },
  cms: {
    maxBytes: 192 * 1024 * 1024,
    maxSigners: 16,
    maxRecipients: 1_000,
    maxCertificates: 100,
  },
  /** Cryptographic layers, one inside the other. */
  depth: 12,
} as const satisfies OpenOptions['limits'];
