import { formatHead, formatTable } from './table.ts';

/** One route, as the page tells of it. */
export interface RouteRow {
  readonly method: string;
  readonly path: string;
  readonly permission: string;
  readonly summary: string;
  readonly hasEtag: boolean;
  /** Those that have the permission. */
  readonly roles: readonly string[];
}

export interface ProblemRow {
  readonly id: string;
  readonly status: number;
  readonly title: string;
}

/** The page of the API: every route, who may call it, and what goes wrong. */
export function formatApi(routes: readonly RouteRow[], problems: readonly ProblemRow[]): string {
  const rows = routes.map(({ method, path, permission, summary, hasEtag, roles }) => [
    `${method} \`${path}\``,
    summary,
    `\`${permission}\``,
    roles.join(', '),
    hasEtag ? (method === 'GET' ? 'ETag' : 'If-Match') : '',
  ]);
  return [
    ...formatHead('API', 'services/console/src/api'),
    'Every address is below `https://<console>/api/v1`. The whole description, with the schema of each',
    'request and answer, is served there as `openapi.json` (OpenAPI 3.1); it is made of the schemas that',
    'the server parses with.',
    '',
    '- Send `Authorization: Bearer spt_…`, a token that its owner made under *Account* or with',
    '  `sallyport account token create`. A token can do what both its scopes and its owner’s roles allow.',
    '- A change may carry an `Idempotency-Key`: sent again within a day, it is answered as the first time',
    '  and not done twice (the console forgets it when it starts again).',
    '- Where the last column says so, a read answers with an `ETag` and a change demands it as `If-Match`:',
    '  428 without, 412 if it was changed since.',
    '- Lists take `limit` and `before`; the next page is in the `Link` field and as `before` in the answer.',
    '- What goes wrong is a problem of RFC 9457; its `type` is an address that says what it means.',
    '',
    ...formatTable(['call', 'what it does', 'permission', 'roles', 'condition'], rows),
    '',
    '## Problems',
    '',
    ...formatTable(
      ['type', 'status', 'meaning'],
      problems.map(({ id, status, title }) => [`\`${id}\``, String(status), title]),
    ),
    '',
  ].join('\n');
}
