import type { z } from 'zod';

/** One method of a socket: what goes in and what comes back, both checked at the border. */
export interface Method {
  readonly params: z.ZodType;
  readonly result: z.ZodType;
}

/** The closed list of methods that one socket answers. */
export type Protocol = Readonly<Record<string, Method>>;

/** The names of a protocol's methods. */
export type MethodName<P extends Protocol> = keyof P & string;

/** What a caller passes. */
export type CallParams<P extends Protocol, M extends MethodName<P>> = z.input<P[M]['params']>;

/** What a caller gets. */
export type CallResult<P extends Protocol, M extends MethodName<P>> = z.output<P[M]['result']>;

/** What a server knows of the client that calls. */
export interface CallContext {
  /** Aborts when the client's connection is gone. */
  readonly closed: AbortSignal;
}

/** One function for each method of a protocol. It throws `IpcRefused` to refuse with a fault. */
export type Handlers<P extends Protocol> = {
  readonly [M in MethodName<P>]: (
    params: z.output<P[M]['params']>,
    context: CallContext,
  ) => z.input<P[M]['result']> | Promise<z.input<P[M]['result']>>;
};

/** Gives a protocol its exact type. */
export function defineProtocol<const P extends Protocol>(protocol: P): P {
  return protocol;
}
