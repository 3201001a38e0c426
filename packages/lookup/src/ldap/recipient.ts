import { formatMailbox, type Mailbox } from '@sallyport/mail';
import { EqualityFilter, OrFilter } from 'ldapts';
import { LdapSession, type LdapTarget } from './session.ts';

const WHOLE_MS = 8_000;
const CONNECT_MS = 3_000;
const MAX_ATTRIBUTES = 8;

/** A directory of ours that knows our own recipients; its addresses may be private. */
export interface RecipientQuery {
  /** `ldap://host[:port]` or `ldaps://host[:port]`. */
  readonly url: string;
  readonly baseDn: string;
  readonly mailbox: Mailbox;
  /** Attributes that may hold the address; `mail` when absent. */
  readonly attributes?: readonly string[];
  /** Anonymous when absent. A password over `ldap://` is sent only after StartTLS. */
  readonly bind?: { readonly dn: string; readonly password: string };
  /** Anchors for TLS, PEM; the system's when absent. */
  readonly anchors?: readonly string[];
  /** Demands StartTLS of `ldap://`. */
  readonly startTls?: 'required' | 'offered';
  readonly timeoutMs?: number;
}

export type RecipientCheck =
  | { readonly kind: 'exists' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Asks our own directory whether a recipient exists. An outage is never `absent`. */
export async function recipientExists(query: RecipientQuery): Promise<RecipientCheck> {
  const target = parseTarget(query);
  if (target === null) return { kind: 'unavailable', reason: `${query.url} is no LDAP URL` };
  const signal = AbortSignal.timeout(query.timeoutMs ?? WHOLE_MS);
  try {
    await using session = await LdapSession.open(target, signal);
    if (target.tls === 'start-tls') await session.startTls(target);
    else if (target.tls === 'offered' && (await session.rootDse()).offersStartTls) {
      await session.startTls(target);
    }
    if (query.bind !== undefined) await session.bind(query.bind.dn, query.bind.password);
    const found = await session.search({
      baseDn: query.baseDn,
      filter: addressFilter(query),
      attributes: ['1.1'], // RFC 4511 section 4.5.1.8: no attributes
    });
    if (found.kind === 'refused') {
      return { kind: 'unavailable', reason: `directory answered with result code ${found.code}` };
    }
    return { kind: found.entries.length > 0 ? 'exists' : 'absent' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: 'unavailable', reason };
  }
}

function parseTarget(query: RecipientQuery): LdapTarget | null {
  const url = URL.parse(query.url);
  if (url === null || (url.protocol !== 'ldap:' && url.protocol !== 'ldaps:')) return null;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '') return null;
  const isLdaps = url.protocol === 'ldaps:';
  const needsTls = query.startTls === 'required' || query.bind !== undefined;
  return {
    address: host,
    port: url.port === '' ? (isLdaps ? 636 : 389) : Number(url.port),
    serverName: host,
    tls: isLdaps ? 'ldaps' : needsTls ? 'start-tls' : 'offered',
    connectTimeoutMs: CONNECT_MS,
    ...(query.anchors === undefined ? {} : { anchors: query.anchors }),
  };
}

function addressFilter(query: RecipientQuery): OrFilter {
  const value = formatMailbox(query.mailbox);
  const attributes = (query.attributes ?? ['mail']).slice(0, MAX_ATTRIBUTES);
  return new OrFilter({
    filters: attributes.map((attribute) => new EqualityFilter({ attribute, value })),
  });
}
