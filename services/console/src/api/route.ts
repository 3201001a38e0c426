import type { Permission } from '@sallyport/accounts';
import { z } from 'zod';
import type { Actor } from '../actor.ts';
import type { Desk } from '../desk/desk.ts';
import type { FieldFault, Problem } from './problem.ts';

/** What a route is asked, parsed. */
interface Call<P, Q, B> {
  readonly actor: Actor;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly desk: Desk;
  readonly now: Date;
  /** The ETag that a change was found to be meant for; null for what has none, and while it is asked. */
  readonly seen: string | null;
}

export type ApiAnswer<R> =
  | { readonly kind: 'ok'; readonly value: R }
  | { readonly kind: 'created'; readonly value: R; readonly location: string }
  | {
      readonly kind: 'file';
      readonly type: string;
      readonly name: string;
      readonly bytes: Buffer | string | AsyncIterable<Buffer | string>;
    }
  | { readonly kind: 'problem'; readonly problem: Problem };

/** What a handler gives may be read-only: it is parsed before it is sent. */
export type Given<T> = T extends readonly (infer E)[]
  ? readonly Given<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Given<T[K]> }
    : T;

type Shape = z.ZodObject;
const nothing = z.strictObject({});

interface Definition<P extends Shape, Q extends Shape, B extends z.ZodType, R extends z.ZodType> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below /api/v1, in the manner of fastify: `/partners/:name`. */
  readonly path: string;
  readonly permission: Permission;
  /** One sentence for the reference. */
  readonly summary: string;
  /** Every route says in `params` what its path names. */
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly result: R;
  /** The ETag of what is read or changed; a change then demands If-Match (RFC 9110 section 13.1.1). */
  readonly etag?: (call: Call<z.infer<P>, z.infer<Q>, unknown>) => Promise<string | null>;
  readonly handle: (
    call: Call<z.infer<P>, z.infer<Q>, z.infer<B>>,
  ) => Promise<ApiAnswer<Given<z.infer<R>>>>;
}

/** The raw parts of a request, as fastify has them. */
interface RawCall {
  readonly actor: Actor;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly desk: Desk;
  readonly now: Date;
}

type Prepared =
  | { readonly kind: 'problem'; readonly problem: Problem }
  | {
      readonly kind: 'ready';
      /** Null where the route has none, or the thing does not exist. */
      etag(): Promise<string | null>;
      /** @param seen that ETag, so that what happens in between is noticed where the change is made. */
      handle(seen: string | null): Promise<ApiAnswer<unknown>>;
    };

/** A route with its types closed over: what the server and the OpenAPI document are made of. */
export interface ApiRoute {
  readonly method: Definition<Shape, Shape, z.ZodType, z.ZodType>['method'];
  readonly path: string;
  readonly permission: Permission;
  readonly summary: string;
  readonly hasEtag: boolean;
  readonly params: Shape;
  readonly query: Shape;
  /** Null: it takes no body. */
  readonly body: z.ZodType | null;
  readonly result: z.ZodType;
  prepare(raw: RawCall): Prepared;
}

/** Makes a route of its definition; the answer is checked against `result`, so no field slips out. */
export function route<
  P extends Shape = typeof nothing,
  Q extends Shape = typeof nothing,
  B extends z.ZodType = z.ZodUndefined,
  R extends z.ZodType = z.ZodType,
>(definition: Definition<P, Q, B, R>): ApiRoute {
  const { method, path, permission, summary, result, etag } = definition;
  const params = definition.params ?? nothing;
  const query = definition.query ?? nothing;
  const body = definition.body ?? null;
  return {
    method,
    path,
    permission,
    summary,
    hasEtag: etag !== undefined,
    params,
    query,
    body,
    result,
    prepare: (raw) => {
      const parsed = {
        params: params.safeParse(raw.params),
        query: query.safeParse(raw.query),
        body: body === null ? null : body.safeParse(raw.body),
      };
      const errors = [
        ...faultsIn(parsed.params, ''),
        ...faultsIn(parsed.query, ''),
        ...(parsed.body === null ? [] : faultsIn(parsed.body, '/')),
      ];
      if (errors.length > 0) {
        return { kind: 'problem', problem: { id: 'invalid-fields', errors } };
      }
      const { actor, desk, now } = raw;
      const call = {
        actor,
        desk,
        now,
        seen: null,
        params: parsed.params.data as z.infer<P>,
        query: parsed.query.data as z.infer<Q>,
        body: parsed.body?.data as z.infer<B>,
      };
      return {
        kind: 'ready',
        etag: async () => (etag === undefined ? null : await etag(call)),
        handle: async (seen) => {
          const answer = await definition.handle({ ...call, seen });
          if (answer.kind === 'problem' || answer.kind === 'file') return answer;
          return { ...answer, value: result.parse(answer.value) };
        },
      };
    },
  };
}

const MAX_FAULTS = 50;

function faultsIn(parsed: z.ZodSafeParseResult<unknown>, root: '' | '/'): FieldFault[] {
  if (parsed.success) return [];
  return parsed.error.issues.slice(0, MAX_FAULTS).map(({ path, message }) => ({
    pointer: root === '' ? path.join('.') : `/${path.map(String).join('/')}`,
    detail: message,
  }));
}

/** Query of a list: so many, and only what is older than a cursor that a page before gave. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(500).default(50),
  before: z.coerce.number().int().min(0).optional(),
};

/** A page of a list, newest first; `before` is the cursor of the next one, null at the end. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.strictObject({ items: z.array(item), before: z.int().nullable() });
}
