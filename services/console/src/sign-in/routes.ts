import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { html } from '../html.ts';
import type { Identity, ShowPage } from '../identity.ts';
import { en } from '../texts/en.ts';
import { type Entrance, type SignedIn, signedIn } from './entrance.ts';
import { identityOf } from './identify.ts';
import { hasToken, isCrossSite } from './origin.ts';

/** What the routes of signing in are made with. */
export interface Door {
  readonly app: FastifyInstance;
  readonly entrance: Entrance;
  readonly show: ShowPage;
}

export interface Visit {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export interface OwnVisit extends Visit, SignedIn {
  readonly identity: Identity;
}

type Method = 'GET' | 'POST';

/** A route for everybody; what changes something must come from our own pages. */
export function openRoute(
  door: Door,
  method: Method,
  path: string,
  answer: (visit: Visit) => Promise<unknown>,
): void {
  door.app.route({
    method,
    url: path,
    handler: async (request, reply) => {
      const visit = { request, reply };
      if (isCrossSite(request, door.entrance.origin)) {
        return await sendPlain(door, { ...visit, ...en.signIn.crossSite, status: 403 });
      }
      return await answer(visit);
    },
  });
}

/**
 * A route for somebody who is signed in, about their own account. `fresh`: they showed a short while
 * ago who they are; else they are asked to, and come back to the page.
 */
export function ownRoute(
  door: Door,
  method: Method,
  route: { readonly path: string; readonly needs?: 'fresh' },
  answer: (visit: OwnVisit) => Promise<unknown>,
): void {
  openRoute(door, method, route.path, async ({ request, reply }) => {
    const who = await signedIn(door.entrance, request);
    const back = method === 'GET' ? route.path : '/account';
    const query = new URLSearchParams({ next: back });
    if (who === null) return await reply.redirect(`/sign-in?${query}`, 303);
    const identity = identityOf(who);
    if (method === 'POST' && !hasToken(request, who.session.csrf)) {
      return await sendPlain(door, { request, reply, identity, ...en.shell.forged, status: 403 });
    }
    if (route.needs === 'fresh' && !who.isFresh) {
      return await reply.redirect(`/sign-in/again?${query}`, 303);
    }
    return await answer({ request, reply, identity, ...who });
  });
}

/** A page of one sentence. */
export async function sendPlain(
  door: Pick<Door, 'show'>,
  page: Visit & {
    readonly identity?: Identity | null;
    readonly title: string;
    readonly sentence: string;
    readonly status: number;
    readonly link?: { readonly to: string; readonly words: string };
  },
): Promise<FastifyReply> {
  const { request, reply, identity = null, title, sentence, status, link } = page;
  const body = html`<p>${sentence}</p>${
    link === undefined ? null : html`<p><a href="${link.to}">${link.words}</a></p>`
  }`;
  return await door.show({ request, reply, identity, status }, { title, body });
}
