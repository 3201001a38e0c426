/** Signing in at the OpenID provider. */
import { admitOidcPerson } from '@sallyport/accounts';
import type { FastifyReply } from 'fastify';
import { html } from '../html.ts';
import { en } from '../texts/en.ts';
import { clearCookie, cookieOf, setCookie } from './cookies.ts';
import {
  admit,
  changeAccounts,
  failedFrom,
  type RefusalReason,
  recordRefusal,
  signedIn,
  waitOf,
} from './entrance.ts';
import { ownAddress } from './origin.ts';
import { type Arrival, type Journey, Provider, RETURN_PATH } from './provider.ts';
import { type Door, openRoute, sendPlain, type Visit } from './routes.ts';
import { Tickets } from './ticket.ts';

const text = en.signIn.provider;
const JOURNEY_MS = 10 * 60_000;

export function registerProvider(door: Door): void {
  const { entrance } = door;
  const { oidc } = entrance.ports.options;
  if (oidc === null) return;
  const provider = new Provider(oidc, entrance.origin);
  const journeys = new Tickets<Journey>('oidc', JOURNEY_MS);
  const office: Office = { door, provider, journeys };
  openRoute(door, 'GET', '/sign-in/provider', async (visit) => await depart(office, visit));
  openRoute(door, 'GET', RETURN_PATH, async (visit) => await arrive(office, visit));
}

interface Office {
  readonly door: Door;
  readonly provider: Provider;
  readonly journeys: Tickets<Journey>;
}

async function depart({ door, provider, journeys }: Office, visit: Visit): Promise<unknown> {
  const { request, reply } = visit;
  const { ports } = door.entrance;
  const { searchParams } = new URL(request.url, door.entrance.origin);
  const next = ownAddress(searchParams.get('next'));
  const now = ports.clock.now();
  const anew = (await signedIn(door.entrance, request)) !== null;
  try {
    const { to, journey } = await provider.depart({ next, anew, now });
    const value = journeys.issue(journey, now);
    setCookie(reply, 'oidc', { value, maxAgeS: JOURNEY_MS / 1_000 });
    return await reply.redirect(to, 303);
  } catch (cause) {
    ports.logger.warn('console.provider-away', { cause });
    return await sendRefusal(door, visit, { sentence: text.away, status: 503 });
  }
}

async function arrive({ door, provider, journeys }: Office, visit: Visit): Promise<unknown> {
  const { entrance } = door;
  const { request, reply } = visit;
  const now = entrance.ports.clock.now();
  if ((await waitOf(entrance, request, 'oidc')) > 0) {
    return await sendRefusal(door, visit, { sentence: text.refused, status: 429 });
  }
  const cookie = cookieOf(request, 'oidc');
  const journey = journeys.open(cookie, now);
  clearCookie(reply, 'oidc');
  // One journey has one end, whatever the provider thinks of its code.
  if (cookie === undefined || journey === null || !entrance.spent.spend(cookie)) {
    return await refuse(door, visit, { reason: 'provider', sentence: text.refused });
  }
  const arrival = await arrivalOf(door, provider, { url: request.url, journey, now });
  if (arrival === null) {
    return await refuse(door, visit, { reason: 'provider', sentence: text.refused });
  }
  if (arrival.roles.length === 0) {
    return await refuse(door, visit, { reason: 'no-role', sentence: text.noRole });
  }
  const admitted = await changeAccounts(entrance, 'openid-provider', (all) =>
    admitOidcPerson(all, { ...arrival, now }),
  );
  if (admitted.kind === 'refused') {
    return await refuse(door, visit, { reason: 'disabled', sentence: text.disabled });
  }
  await admit(entrance, { request, reply, account: admitted.result, method: 'oidc' });
  // A redirect would still count as the provider's site sending them, and the new cookie would stay
  // behind; from this page they go on as from any of ours.
  const { next } = journey;
  reply.header('refresh', `0; url=${next}`);
  const body = html`<p><a href="${next}">${text.goOn}</a></p>`;
  return await door.show({ ...visit, identity: null }, { title: text.done, body });
}

async function arrivalOf(
  { entrance }: Door,
  provider: Provider,
  of: { readonly url: string; readonly journey: Journey; readonly now: Date },
): Promise<Arrival | null> {
  try {
    return await provider.arrive(new URL(of.url, entrance.origin), of.journey, of.now);
  } catch (cause) {
    entrance.ports.logger.warn('console.provider-refused', { cause });
    return null;
  }
}

async function refuse(
  door: Door,
  visit: Visit,
  { reason, sentence }: { readonly reason: RefusalReason; readonly sentence: string },
): Promise<FastifyReply> {
  failedFrom(door.entrance, visit.request);
  await recordRefusal(door.entrance, visit.request, { method: 'oidc', reason });
  return await sendRefusal(door, visit, { sentence, status: 403 });
}

async function sendRefusal(
  door: Door,
  visit: Visit,
  { sentence, status }: { readonly sentence: string; readonly status: number },
): Promise<FastifyReply> {
  const link = { to: '/sign-in', words: text.again };
  return await sendPlain(door, { ...visit, title: text.title, sentence, status, link });
}
