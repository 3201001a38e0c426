import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Actor } from './actor.ts';
import type { HtmlValue } from './html.ts';

/** Who asks, and what their forms carry to show that they come from our own pages. */
export interface Identity {
  readonly actor: Actor;
  /** Null for a token: a program keeps no cookie that a stranger's page could ride on. */
  readonly csrf: string | null;
  /** True if they signed in a short while ago, or for a token: what matters most asks for it. */
  readonly isFresh: boolean;
}

/** Says who asks. The rest of the console knows nothing of passwords, passkeys or cookies. */
export interface SignIn {
  /** @returns null for nobody: no cookie, no token, or one that is not valid any more. */
  identify(request: FastifyRequest): Promise<Identity | null>;
  /** True for a request that changes something and does not show that it comes from our pages. */
  isForged(request: FastifyRequest, identity: Identity): boolean;
  /** Its own pages: signing in and out, and the person's own account. */
  register(app: FastifyInstance, show: ShowPage): void;
}

export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Null: nobody is signed in; the page has no navigation then. */
  readonly identity: Identity | null;
  readonly status?: number;
}

/** Sends a whole document. @returns the reply, which is on its way. */
export type ShowPage = (
  exchange: Exchange,
  page: { readonly title: string; readonly body: HtmlValue },
) => Promise<FastifyReply>;
