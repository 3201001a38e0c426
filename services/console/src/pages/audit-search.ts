import type { AuditQuery } from '@sallyport/audit-index';
import { AUDIT_EVENT_KINDS } from '@sallyport/audit-log';
import { type Html, html } from '../html.ts';
import type { PageRequest } from './page.ts';
import { field, select } from './parts.ts';
import { textsOf, timeOf } from './search-fields.ts';

/** What the fields of a search ask for; `isPartly`: one could not be read and was left out. */
export function auditQueryOf(query: URLSearchParams): {
  readonly query: Omit<AuditQuery, 'limit'>;
  readonly isPartly: boolean;
} {
  const since = timeOf(query, 'since');
  const until = timeOf(query, 'until');
  const names = kindsIn(query);
  const kinds = AUDIT_EVENT_KINDS.filter((kind) => names.includes(kind));
  const texts = {
    queueId: 'id',
    address: 'address',
    domain: 'domain',
    text: 'text',
    by: 'by',
  } as const;
  return {
    isPartly: since === null || until === null || kinds.length !== new Set(names).size,
    query: {
      ...textsOf(query, texts),
      ...(kinds.length === 0 ? {} : { kinds }),
      ...(since instanceof Date ? { since } : {}),
      ...(until instanceof Date ? { until } : {}),
    },
  };
}

/** A link may ask for several kinds, in one field or in several. */
function kindsIn(query: URLSearchParams): string[] {
  return query
    .getAll('kind')
    .flatMap((value) => value.split(' '))
    .filter((name) => name !== '');
}

/** The fields of a search, which are those of an export as well. */
export function auditFields({ query, text }: PageRequest): Html {
  const { audit } = text;
  const of = (name: string) => ({ name, value: query.get(name) ?? '' });
  const kinds = kindsIn(query).join(' ');
  // The choice keeps them together.
  const several = kinds.includes(' ') ? [[kinds, kinds] as const] : [];
  return html`${[
    select({
      name: 'kind',
      value: kinds,
      label: audit.kind,
      options: [
        ['', audit.anyKind],
        ...several,
        ...[...AUDIT_EVENT_KINDS].sort().map((kind) => [kind, kind] as const),
      ],
    }),
    field({ ...of('id'), label: audit.queueId, type: 'search', maxLength: 20 }),
    field({ ...of('address'), label: audit.address, type: 'search', maxLength: 320 }),
    field({ ...of('domain'), label: audit.domain, type: 'search', maxLength: 255 }),
    field({ ...of('text'), label: audit.text, type: 'search', maxLength: 320 }),
    field({ ...of('by'), label: audit.by, type: 'search', maxLength: 320 }),
    field({ ...of('since'), label: audit.since, type: 'datetime-local' }),
    field({ ...of('until'), label: audit.until, type: 'datetime-local' }),
  ]}`;
}
