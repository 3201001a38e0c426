/** What the API answers when it does not do as asked (RFC 9457). Each has a page under its own address. */
export const PROBLEMS = {
  'not-signed-in': { status: 401, title: 'Say who you are: send a token.' },
  'not-allowed': { status: 403, title: 'The account or its token does not include this.' },
  forged: { status: 403, title: 'The request does not show that it comes from the console.' },
  'not-found': { status: 404, title: 'There is nothing under this name.' },
  'wrong-method': { status: 405, title: 'This address does not take this method.' },
  'bad-request': { status: 400, title: 'The request cannot be read.' },
  'invalid-fields': { status: 422, title: 'Some fields cannot be used.' },
  'unsupported-type': { status: 415, title: 'The body must be application/json.' },
  'too-large': { status: 413, title: 'The request is larger than this address takes.' },
  refused: { status: 409, title: 'The state of things does not allow this.' },
  'precondition-required': { status: 428, title: 'Send If-Match with the ETag that you read.' },
  'precondition-failed': { status: 412, title: 'It was changed since you read it.' },
  'key-reused': { status: 422, title: 'This Idempotency-Key was used for another request.' },
  'key-in-use': { status: 409, title: 'The request with this Idempotency-Key is still at work.' },
  'too-many-requests': { status: 429, title: 'Too many requests; wait.' },
  'part-unavailable': { status: 503, title: 'A part of the gateway does not answer.' },
  internal: { status: 500, title: 'The console could not do this.' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;
export type ProblemId = keyof typeof PROBLEMS;

export const PROBLEM_TYPE = 'application/problem+json';
/** Where the address of each problem lies; it answers with what it means. */
export const PROBLEM_PATH = '/api/v1/problems';

/** One field that cannot be used. */
export interface FieldFault {
  /** JSON pointer into the body, or the name of a parameter. */
  readonly pointer: string;
  readonly detail: string;
}

export interface Problem {
  readonly id: ProblemId;
  /** What is wrong with this request. */
  readonly detail?: string;
  readonly errors?: readonly FieldFault[];
}

/** The body of RFC 9457 section 3. */
export function problemBody({ id, detail, errors }: Problem, instance: string): object {
  const { status, title } = PROBLEMS[id];
  return {
    type: `${PROBLEM_PATH}/${id}`,
    title,
    status,
    ...(detail === undefined ? {} : { detail }),
    instance,
    ...(errors === undefined ? {} : { errors }),
  };
}
