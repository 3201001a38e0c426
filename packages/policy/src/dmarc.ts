import { z } from 'zod';

const ORDER = ['ignore', 'flag', 'hold', 'refuse'] as const;
type DmarcDemand = (typeof ORDER)[number];

/** What incoming mail must show beside its S/MIME layers. */
export const inboundAuthenticationFields = {
  dmarc: z
    .enum(ORDER)
    .default('ignore')
    .describe(
      "what happens to mail that fails DMARC when its author's domain asks for quarantine or reject; hold and refuse wait while the DNS cannot say; the result is recorded either way",
    ),
};

/** What DMARC says of the author's domain (RFC 7489 section 6.6.2). */
export interface DmarcFacts {
  /** permerror: the author's domain, or its record, cannot be understood. */
  readonly result: 'pass' | 'fail' | 'none' | 'temperror' | 'permerror';
  /** What the domain asks for, where something fails; null if it asks for nothing. */
  readonly policy: 'none' | 'quarantine' | 'reject' | null;
  readonly domain: string | null;
}

/** The stricter of two demands. */
export function stricterDmarc(a: DmarcDemand, b: DmarcDemand): DmarcDemand {
  return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b;
}

export type DmarcCheck =
  | { readonly kind: 'flag' | 'hold' | 'refuse'; readonly text: string }
  | { readonly kind: 'wait'; readonly text: string };

/** What the rule makes of the result; null if nothing stands against the message. */
export function checkDmarc(
  facts: DmarcFacts | undefined,
  { demand, released }: { readonly demand: DmarcDemand; readonly released: boolean },
): DmarcCheck | null {
  if (facts === undefined || demand === 'ignore') return null;
  const kind = released ? 'flag' : demand;
  const domain = facts.domain ?? "the author's domain";
  if (facts.result === 'temperror') {
    const text = `the DNS does not say whether ${domain} sent it`;
    return kind === 'flag' ? null : { kind: 'wait', text };
  }
  if (facts.result === 'permerror') return { kind, text: 'DMARC finds no author domain to check' };
  const asksForIt = facts.policy === 'quarantine' || facts.policy === 'reject';
  if (facts.result !== 'fail' || !asksForIt) return null;
  return { kind, text: `DMARC fails for ${domain}, which asks for ${facts.policy}` };
}
