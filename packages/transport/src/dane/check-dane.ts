import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type AssociationRecord, certificateIn, matcherFor } from '@sallyport/lookup';
import {
  checkTlsName,
  PKIX,
  parseCertificate,
  type UntrustedCertificate,
  validatePath,
} from '@sallyport/pki';
import { shownNames } from '../shown-names.ts';
import { formatTlsa, publicKeyIn, USAGE } from './tlsa-records.ts';

/** Servers show two or three; what comes behind these is not looked at. */
const MAX_CHAIN = 16;

export interface DaneFacts {
  /** What the server showed, its own certificate first. */
  readonly chain: readonly Buffer[];
  /** RFC 7672 section 3.2.2: names that a certificate of usage 2 may be for. */
  readonly names: readonly string[];
  readonly now: Date;
}

/** Whether usable records authenticate the server, and by which. */
export type DaneCheck =
  | { readonly kind: 'ok'; readonly record: string }
  | {
      readonly kind: 'mismatch';
      readonly cause: 'no-match' | 'host-mismatch' | 'expired' | 'not-trusted';
      readonly reason: string;
    };

type Mismatch = Extract<DaneCheck, { kind: 'mismatch' }>;

/**
 * Authenticates a server by usable TLSA records (RFC 7672 section 3). One record that fits is enough;
 * usage 3 looks at nothing but the match, usage 2 at path, period and name.
 */
export function checkDane(usable: readonly AssociationRecord[], facts: DaneFacts): DaneCheck {
  const [leaf, ...issuers] = facts.chain.slice(0, MAX_CHAIN);
  if (leaf === undefined) return mismatch('no-match', 'the server showed no certificate');
  const isLeaf = matcherFor(leaf);
  const own = usable.find((record) => record.usage === USAGE.endEntity && isLeaf(record));
  if (own !== undefined) return { kind: 'ok', record: formatTlsa(own) };
  const anchors = usable.filter(({ usage }) => usage === USAGE.anchor);
  let told: Mismatch = mismatch('no-match', 'no TLSA record fits what the server showed');
  for (const record of anchors) {
    const found = checkAnchor(record, { leaf, issuers, facts });
    if (found.kind === 'ok') return found;
    if (found.cause !== 'no-match') told = found;
  }
  return told;
}

interface Shown {
  readonly leaf: Buffer;
  readonly issuers: readonly Buffer[];
  readonly facts: DaneFacts;
}

/** RFC 7672 section 3.1.2: the chain must lead to the trust anchor that the record names. */
function checkAnchor(record: AssociationRecord, { leaf, issuers, facts }: Shown): DaneCheck {
  const inRecord = certificateIn(record);
  const candidates = inRecord === null ? issuers : [...issuers, inRecord];
  const named = candidates.filter((der) => matcherFor(der)(record));
  const anchors = named.length > 0 ? named : issuedByKey(record, [leaf, ...issuers]);
  if (anchors.length === 0) return mismatch('no-match', 'no TLSA record fits the chain shown');
  const own = read(leaf);
  if (own === null) return mismatch('not-trusted', "the server's certificate is malformed");
  const path = checkPath(own, { anchors, issuers, now: facts.now });
  if (path !== null) return path;
  const name = checkTlsName(own, '', facts.names);
  if (name.kind === 'mismatch') {
    const reason = `the certificate is for ${shownNames(own.dnsNames)}, not for ${facts.names.join(' or ')}`;
    return mismatch('host-mismatch', reason);
  }
  return { kind: 'ok', record: formatTlsa(record) };
}

/**
 * Whether a server's certificate leads to anchors, by our own path validation, and is for a TLS
 * server; the profile of public CAs is not asked for.
 */
export function checkPath(
  leaf: UntrustedCertificate,
  chain: {
    readonly anchors: readonly Buffer[];
    readonly issuers: readonly Buffer[];
    readonly now: Date;
  },
): Mismatch | null {
  const { extendedKeyUsage: usages } = leaf;
  const permits: readonly string[] = [PKIX.serverAuth, PKIX.anyExtendedKeyUsage];
  if (usages !== null && !usages.some((one) => permits.includes(one))) {
    return mismatch('not-trusted', 'the certificate is not for a TLS server');
  }
  const result = validatePath({
    leaf,
    anchors: chain.anchors.flatMap((der) => read(der) ?? []),
    intermediates: chain.issuers.flatMap((der) => read(der) ?? []),
    time: chain.now,
    // The CA of a mail domain need not be a public one, whose profile `tls-server` demands.
    purpose: 'any',
  });
  if (result.kind === 'valid') return null;
  return mismatch(result.code === 'expired' ? 'expired' : 'not-trusted', result.reason);
}

/**
 * RFC 7671 section 5.2.3: a record may hold the anchor's bare key, and the server need not show the
 * anchor itself then. What that key issued ends the path.
 */
function issuedByKey(record: AssociationRecord, chain: readonly Buffer[]): readonly Buffer[] {
  const spki = publicKeyIn(record);
  const key = spki === null ? null : keyOf(spki);
  if (key === null) return [];
  return chain.filter((der) => {
    try {
      return new X509Certificate(der).verify(key);
    } catch {
      return false; // no certificate, or not a signature of this kind of key
    }
  });
}

function keyOf(spki: Buffer): KeyObject | null {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    return null; // no key that can be used
  }
}

function read(der: Buffer): UntrustedCertificate | null {
  const parsed = parseCertificate(der);
  return parsed.kind === 'certificate' ? parsed.value : null;
}

function mismatch(cause: Mismatch['cause'], reason: string): Mismatch {
  return { kind: 'mismatch', cause, reason };
}
