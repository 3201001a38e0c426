/** The link that an account is set up with: of the first admin, of an invitation, of a reset. */
import { accountOfLink, checkPassword, LINK_PATH, useLink } from '@sallyport/accounts';
import type { FastifyReply } from 'fastify';
import { en } from '../texts/en.ts';
import { admit, changeAccounts, failedFrom, recordRefusal, waitOf } from './entrance.ts';
import { fieldOf } from './origin.ts';
import { type Door, openRoute, sendPlain, type Visit } from './routes.ts';
import { linkBody } from './sign-in-page.ts';

const text = en.signIn.link;

export function registerLink(door: Door): void {
  openRoute(door, 'GET', `${LINK_PATH}/:secret`, async (visit) => await showLink(door, visit));
  openRoute(door, 'POST', `${LINK_PATH}/:secret`, async (visit) => await takeLink(door, visit));
}

async function ownerOf(door: Door, { request }: Visit) {
  const { secret } = request.params as { readonly secret: string };
  const now = door.entrance.ports.clock.now();
  return { secret, owner: accountOfLink(await door.entrance.store.read(), secret, now) };
}

async function showLink(door: Door, visit: Visit, fault?: string): Promise<FastifyReply> {
  const { entrance } = door;
  const { request } = visit;
  const waitMs = await waitOf(entrance, request, 'one-time-link');
  const { owner } = await ownerOf(door, visit);
  if (owner === null || waitMs > 0) {
    if (waitMs === 0) {
      failedFrom(entrance, request);
      const reason = 'wrong-link';
      await recordRefusal(entrance, request, { method: 'one-time-link', reason });
    }
    return await sendPlain(door, { ...visit, ...text.dead, status: 404 });
  }
  const body = linkBody({ name: owner.name, ...(fault === undefined ? {} : { fault }) });
  const status = fault === undefined ? 200 : 400;
  return await door.show({ ...visit, identity: null, status }, { title: text.title, body });
}

async function takeLink(door: Door, visit: Visit): Promise<unknown> {
  const { entrance } = door;
  const { request, reply } = visit;
  const { secret, owner } = await ownerOf(door, visit);
  if (owner === null) return await showLink(door, visit);
  const password = fieldOf(request.body, 'password');
  if (password !== fieldOf(request.body, 'again')) return await showLink(door, visit, text.differ);
  const fault = checkPassword(password, owner.name);
  if (fault !== null) return await showLink(door, visit, fault);
  const passwordHash = await entrance.hashers.known.hash(password);
  if (passwordHash === null) return await showLink(door, visit, en.account.password.busy);
  const now = entrance.ports.clock.now();
  const order = { secret, passwordHash, now };
  const used = await changeAccounts(entrance, owner.name, (all) => useLink(all, order));
  if (used.kind === 'refused') return await showLink(door, visit);
  await admit(entrance, { request, reply, account: used.result, method: 'one-time-link' });
  return await reply.redirect('/account', 303);
}
