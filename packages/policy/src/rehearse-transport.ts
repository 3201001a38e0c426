import type { Domain } from '@sallyport/mail';
import { tlsPolicyFor } from './match.ts';
import type { Compared } from './rehearse-outward.ts';
import { isSame, type Rehearsed } from './rehearsed.ts';

/** How the last delivery to a domain went, as the log has it. */
export interface LoggedTransport {
  readonly domain: Domain;
  /** Null: nothing was delivered, or by a route of the config. */
  readonly used: 'tls' | 'clear' | null;
}

/** Whether what was delivered would be delivered under the other TLS rule. */
export function rehearseTransport(
  { domain, used }: LoggedTransport,
  { before, after }: Compared,
): Rehearsed {
  const old = tlsPolicyFor(before, domain).tls;
  const { tls } = tlsPolicyFor(after, domain);
  if (isSame(old, tls)) return { kind: 'same' };
  const isOptional = tls.level === 'none' || tls.level === 'may';
  if (isOptional) return weaker(old.level, tls.level);
  if (used === null) return { kind: 'unknown', why: 'how its servers do TLS' };
  // dane without TLSA is may.
  if (used === 'clear' && tls.level === 'dane') {
    return { kind: 'unknown', why: 'whether its servers meet tls.level dane' };
  }
  if (used === 'clear') {
    return {
      kind: 'changed',
      from: 'delivered without TLS',
      to: 'wait (tls-not-offered)',
      fails: true,
      sentence: `Waits: the server did not do TLS, and the rule demands ${tls.level}.`,
    };
  }
  const isMetByAny =
    tls.level === 'encrypt' && isSame([old.minVersion, old.ciphers], [tls.minVersion, tls.ciphers]);
  if (isMetByAny) return weaker(old.level, tls.level);
  return { kind: 'unknown', why: `whether its servers meet tls.level ${tls.level}` };
}

/** Delivered all the same, under less: worth a line if the level moved. */
function weaker(from: string, to: string): Rehearsed {
  if (from === to) return { kind: 'same' };
  const sentence = `Delivered under tls.level ${to}.`;
  const words = { from: `tls.level ${from}`, to: `tls.level ${to}` };
  return { kind: 'changed', ...words, fails: false, sentence };
}
