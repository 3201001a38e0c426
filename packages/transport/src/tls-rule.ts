import { createHash } from 'node:crypto';
import type { TlsPolicy } from '@sallyport/policy';

/** The TLS versions that a rule may name as the oldest allowed. */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** Who may vouch for a server: the system's list, or these PEM certificates alone. */
export type TlsAnchors = 'system' | readonly string[];

/** What TLS must do on the way to a next hop; the words and meanings are Postfix's. */
export type TlsRule =
  /** No TLS is tried. */
  | { readonly level: 'none' }
  /** TLS if it can be had, clear text if not (RFC 7435). */
  | { readonly level: 'may' }
  /** TLS, whoever the server is. */
  | { readonly level: 'encrypt'; readonly minVersion: TlsVersion }
  /** TLS with a certificate of the given anchors, in a name of `match`. */
  | {
      readonly level: 'secure';
      /** Names, or `.name` for everything below; empty: the next-hop domain and all below it. */
      readonly match: readonly string[];
      readonly minVersion: TlsVersion;
      readonly anchors: TlsAnchors;
    };

export type TlsLevel = TlsRule['level'];

/** The rule that a policy row or a route row writes down. */
export function tlsRuleOf(
  row: Pick<TlsPolicy, 'level' | 'match' | 'minVersion' | 'anchors'>,
): TlsRule {
  switch (row.level) {
    case 'none':
      return { level: 'none' };
    case 'may':
      return { level: 'may' };
    case 'encrypt':
      return { level: 'encrypt', minVersion: row.minVersion };
    case 'secure':
      return {
        level: 'secure',
        match: row.match,
        minVersion: row.minVersion,
        anchors: row.anchors,
      };
  }
}

/** True if clear text is never an answer. */
export function isMandatory(rule: TlsRule): boolean {
  return rule.level === 'encrypt' || rule.level === 'secure';
}

/**
 * Names a rule for the connection pool: two rules share it only if they are the same in every
 * field, so a connection never serves a stricter domain than it was checked for (TR-7).
 */
export function tlsRuleKey(rule: TlsRule, nexthopDomain: string): string {
  if (rule.level === 'none' || rule.level === 'may') return rule.level;
  if (rule.level === 'encrypt') return `encrypt ${rule.minVersion}`;
  const anchors = rule.anchors === 'system' ? 'system' : sha256(rule.anchors.join('\n'));
  return JSON.stringify(['secure', rule.minVersion, anchors, nexthopDomain, ...rule.match]);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
