import type { TlsPolicy } from '@sallyport/policy';

/** The TLS versions that a rule may name as the oldest allowed. */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** `floor`: 128 bits and more, forward secrecy first. `forward-secret`: nothing without it. */
export type TlsCiphers = 'floor' | 'forward-secret';

/** Who may vouch for a server: the system's list, or these PEM certificates alone. */
export type TlsAnchors = 'system' | readonly string[];

/** A public key that a server may show. */
export interface TlsPin {
  /** SHA-256 of subjectPublicKeyInfo, 64 digits. */
  readonly spki: string;
  /** `backup` lies in a drawer; `pending` counts from a day on. A match on either is told. */
  readonly state: 'current' | 'backup' | 'pending';
  /** `YYYY-MM-DD`, UTC; of a pending pin. */
  readonly from?: string;
}

/** What holds for the TLS of a rule whatever its level. */
interface TlsProfile {
  readonly ciphers?: TlsCiphers;
  /** Asked for in place of the host's name (SNI). */
  readonly serverName?: string;
  /** `never` shows none even to a server that asks; `when-asked` if left out. */
  readonly clientCertificate?: 'when-asked' | 'never';
}

/** What the recipient's domain may add by what it publishes; nothing of it if left out. */
interface TlsDiscovery {
  readonly dane?: 'auto' | 'off';
  readonly mtaSts?: 'auto' | 'off';
  /** Who vouches for the servers of an MTA-STS policy; the system's list if left out. */
  readonly anchors?: TlsAnchors;
}

interface TlsIdentity {
  /** Names, or `.name` for everything below. */
  readonly match: readonly string[];
  readonly minVersion: TlsVersion;
  readonly anchors: TlsAnchors;
  /** Beside chain and name; empty asks for none. */
  readonly pins?: readonly TlsPin[];
}

type MinVersion = { readonly minVersion: TlsVersion };

/** What TLS must do on the way to a next hop; the words and meanings are Postfix's. */
export type TlsRule =
  /** No TLS is tried. */
  | { readonly level: 'none' }
  /** TLS if it can be had, clear text if not (RFC 7435). */
  | ({ readonly level: 'may' } & Partial<MinVersion> & TlsProfile & TlsDiscovery)
  /** TLS, whoever the server is. */
  | ({ readonly level: 'encrypt' } & MinVersion & TlsProfile & TlsDiscovery)
  /** TLS with one of these public keys; neither chain, name nor date count. */
  | ({ readonly level: 'fingerprint'; readonly pins: readonly TlsPin[] } & MinVersion & TlsProfile)
  /** A certificate of the anchors; without `match` in the name of the host, if that is proven. */
  | ({ readonly level: 'verify' } & TlsIdentity & TlsProfile)
  /** A certificate of the anchors; without `match` for the next-hop domain or below it. */
  | ({ readonly level: 'secure' } & TlsIdentity & TlsProfile)
  /** As TLSA records say (RFC 7672); without them as `may`. */
  | ({ readonly level: 'dane' } & MinVersion & TlsProfile & Omit<TlsDiscovery, 'dane'>)
  /** As usable TLSA records say; without them nothing leaves (RFC 7672 section 6). */
  | ({ readonly level: 'dane-only' } & MinVersion & TlsProfile);

export type TlsLevel = TlsRule['level'];

/** The rule that a policy row writes down. */
export function tlsRuleOf(row: TlsPolicy): TlsRule {
  const { level, match, minVersion, anchors, pins, ciphers, clientCertificate } = row;
  const { dane, mtaSts, serverName } = row;
  const profile = {
    minVersion,
    ciphers,
    clientCertificate,
    ...(serverName === undefined ? {} : { serverName }),
  };
  switch (level) {
    case 'none':
      return { level };
    case 'may':
    case 'encrypt':
      return { level, ...profile, dane, mtaSts, anchors };
    case 'fingerprint':
      return { level, ...profile, pins };
    case 'verify':
    case 'secure':
      return { level, ...profile, match, anchors, pins };
    case 'dane':
      return { level, ...profile, mtaSts, anchors };
    case 'dane-only':
      return { level, ...profile };
  }
}

/** True if clear text is never an answer, whatever the DNS says. */
export function isMandatory(rule: TlsRule): boolean {
  return rule.level !== 'none' && rule.level !== 'may' && rule.level !== 'dane';
}

/** True if the rule alone sees to it that nobody but the right server gets the mail. */
export function authenticates(rule: TlsRule): boolean {
  return isMandatory(rule) && rule.level !== 'encrypt';
}

/** The rule without what the recipient's domain publishes (RFC 8689 section 4.2.2). */
export function withoutDiscovery(rule: TlsRule): TlsRule {
  switch (rule.level) {
    case 'may':
    case 'encrypt':
      return { ...rule, dane: 'off', mtaSts: 'off' };
    case 'dane':
      return { ...rule, level: 'may', dane: 'off', mtaSts: 'off' };
    default:
      return rule;
  }
}

/** True if TLSA records can change what the rule demands. */
export function asksTlsa(rule: TlsRule): boolean {
  if (rule.level === 'dane' || rule.level === 'dane-only') return true;
  return 'dane' in rule && rule.dane === 'auto';
}

/** True if an MTA-STS policy can change what the rule demands. */
export function asksMtaSts(rule: TlsRule): boolean {
  return 'mtaSts' in rule && rule.mtaSts === 'auto';
}
