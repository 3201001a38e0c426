import { DerError, DerReader, der, type Tlv } from '@sallyport/der';
import { type Filter, parseFilter } from './filter.ts';

/** RFC 4511 appendix A. */
export const RESULT = {
  success: 0,
  operationsError: 1,
  protocolError: 2,
  timeLimitExceeded: 3,
  sizeLimitExceeded: 4,
  authMethodNotSupported: 7,
  unavailableCriticalExtension: 12,
  noSuchObject: 32,
  invalidCredentials: 49,
  busy: 51,
  unavailable: 52,
  unwillingToPerform: 53,
} as const;
export type ResultCode = (typeof RESULT)[keyof typeof RESULT];

export const OID_START_TLS = '1.3.6.1.4.1.1466.20037'; // RFC 4511 section 4.14
const OID_DISCONNECTION = '1.3.6.1.4.1.1466.20036'; // RFC 4511 section 4.4.1
const MAX_ATTRIBUTES = 64;
const MAX_CONTROLS = 16;

export interface SearchRequest {
  readonly kind: 'search';
  readonly baseDn: string;
  readonly scope: 'base' | 'one' | 'sub';
  readonly sizeLimit: number;
  readonly typesOnly: boolean;
  readonly filter: Filter;
  readonly attributes: readonly string[];
}

export type Operation =
  | {
      readonly kind: 'bind';
      readonly version: number;
      readonly name: string;
      /** Null for anything but simple authentication. */
      readonly password: Buffer | null;
    }
  | { readonly kind: 'unbind' }
  | SearchRequest
  | { readonly kind: 'abandon' }
  | { readonly kind: 'extended'; readonly oid: string }
  /** Modify, add, delete, modify DN, compare: the directory is read-only. */
  | { readonly kind: 'refused'; readonly responseTag: number };

export interface LdapRequest {
  readonly id: number;
  readonly operation: Operation;
  readonly hasCriticalControl: boolean;
}

/** RFC 4511 section 4: application tags of requests, and of the responses of what we refuse. */
const REQUEST = { bind: 0, unbind: 2, search: 3, abandon: 16, extended: 23 } as const;
const RESPONSE = { bind: 1, entry: 4, searchDone: 5, extended: 24 } as const;
const REFUSED: ReadonlyMap<number, number> = new Map([
  [6, 7],
  [8, 9],
  [10, 11],
  [12, 13],
  [14, 15],
]);

/** The response tag for a result that ends an operation. */
export function responseTagOf(operation: Operation): number | null {
  switch (operation.kind) {
    case 'bind':
      return RESPONSE.bind;
    case 'search':
      return RESPONSE.searchDone;
    case 'extended':
      return RESPONSE.extended;
    case 'refused':
      return operation.responseTag;
    case 'unbind':
    case 'abandon':
      return null;
  }
}

/**
 * Reads one LDAPMessage (RFC 4511 section 4.1.1).
 *
 * @throws DerError if it is malformed: the session must end.
 */
export function parseRequest(bytes: Buffer): LdapRequest {
  const message = new DerReader(bytes).sequence();
  const id = message.smallInteger();
  // RFC 4511 section 4.1.1.1: zero is for what the server says unasked.
  if (id === 0) throw new DerError('message ID 0');
  const operation = parseOperation(message.next(), message);
  const controls = message.optional('context', 0);
  const hasCriticalControl =
    controls !== null && message.inside(controls).all(MAX_CONTROLS).some(isCritical);
  return { id, operation, hasCriticalControl };
}

function isCritical(control: Tlv): boolean {
  const reader = new DerReader(control);
  reader.octetString();
  const criticality = reader.optional('universal', 1);
  return criticality !== null && criticality.value[0] !== 0;
}

function parseOperation(op: Tlv, message: DerReader): Operation {
  if (op.tagClass !== 'application') throw new DerError('not an LDAP operation');
  switch (op.tag) {
    case REQUEST.bind:
      return parseBind(message.inside(op));
    case REQUEST.unbind:
      return { kind: 'unbind' };
    case REQUEST.search:
      return parseSearch(message.inside(op));
    case REQUEST.abandon:
      return { kind: 'abandon' };
    case REQUEST.extended:
      return { kind: 'extended', oid: message.inside(op).expect('context', 0).value.toString() };
    default: {
      const responseTag = REFUSED.get(op.tag);
      if (responseTag === undefined) throw new DerError('unknown LDAP operation');
      return { kind: 'refused', responseTag };
    }
  }
}

function parseBind(reader: DerReader): Operation {
  const version = reader.smallInteger();
  const name = reader.octetString().toString('utf8');
  const authentication = reader.next();
  if (authentication.tagClass !== 'context') throw new DerError('bad authentication choice');
  const isSimple = authentication.tag === 0 && !authentication.constructed;
  return { kind: 'bind', version, name, password: isSimple ? authentication.value : null };
}

const SCOPES = ['base', 'one', 'sub'] as const;

function parseSearch(reader: DerReader): SearchRequest {
  const baseDn = reader.octetString().toString('utf8');
  const scope = SCOPES[reader.enumerated()];
  if (scope === undefined) throw new DerError('unknown scope');
  reader.enumerated(); // derefAliases: there are no aliases
  const sizeLimit = reader.smallInteger();
  reader.smallInteger(); // timeLimit: a search takes no time
  const typesOnly = reader.boolean();
  const filter = parseFilter(reader.next(), 0);
  const attributes = reader
    .sequence()
    .all(MAX_ATTRIBUTES)
    .map((attribute) => attribute.value.toString('utf8'));
  return { kind: 'search', baseDn, scope, sizeLimit, typesOnly, filter, attributes };
}

function application(tag: number, ...parts: Buffer[]): Buffer {
  return der.tagged({ tagClass: 'application', tag, constructed: true }, ...parts);
}

function text(value: string): Buffer {
  return der.octetString(Buffer.from(value, 'utf8'));
}

function result(code: ResultCode, diagnostic: string): Buffer[] {
  return [der.enumerated(code), text(''), text(diagnostic)];
}

/** A response that ends an operation (RFC 4511 section 4.1.9). */
export function formatResult(
  to: { readonly id: number; readonly tag: number },
  code: ResultCode,
  diagnostic = '',
): Buffer {
  const isStartTls = to.tag === RESPONSE.extended;
  const name = isStartTls ? [der.implicit(10, der.octetString(Buffer.from(OID_START_TLS)))] : [];
  return der.sequence(
    der.integer(to.id),
    application(to.tag, ...result(code, diagnostic), ...(code === RESULT.success ? name : [])),
  );
}

/** One attribute of an entry, as it goes on the wire. */
export interface AttributeValues {
  readonly type: string;
  readonly values: readonly Buffer[];
}

/** SearchResultEntry (RFC 4511 section 4.5.2). */
export function formatEntry(
  id: number,
  entry: { readonly dn: string; readonly attributes: readonly AttributeValues[] },
): Buffer {
  const attributes = entry.attributes.map(({ type, values }) =>
    der.sequence(text(type), der.set(...values.map((value) => der.octetString(value)))),
  );
  return der.sequence(
    der.integer(id),
    application(RESPONSE.entry, text(entry.dn), der.sequence(...attributes)),
  );
}

/** Notice of Disconnection (RFC 4511 section 4.4.1): the last thing a session hears. */
export function formatDisconnection(code: ResultCode, diagnostic: string): Buffer {
  return der.sequence(
    der.integer(0),
    application(
      RESPONSE.extended,
      ...result(code, diagnostic),
      der.implicit(10, der.octetString(Buffer.from(OID_DISCONNECTION))),
    ),
  );
}
