/** Signing in by name and password, the recovery code that may follow, and signing out. */
import { findAccount, useRecoveryCode } from '@sallyport/accounts';
import type { FastifyReply } from 'fastify';
import { en } from '../texts/en.ts';
import { clearCookie, cookieOf, setCookie } from './cookies.ts';
import {
  admit,
  changeAccounts,
  type Entrance,
  failedFrom,
  recordRefusal,
  type Step,
  signedIn,
  waitOf,
} from './entrance.ts';
import { fieldOf, ownAddress } from './origin.ts';
import { checkNameAndPassword } from './password.ts';
import { type Door, openRoute, ownRoute, sendPlain, type Visit } from './routes.ts';
import { againBody, type SignInForm, secondStepBody, signInBody } from './sign-in-page.ts';

const text = en.signIn;

export function registerPassword(door: Door): void {
  openRoute(door, 'GET', '/sign-in', async (visit) => {
    const next = nextOf(visit);
    const who = await signedIn(door.entrance, visit.request);
    if (who !== null) return await visit.reply.redirect(next, 303);
    return await showSignIn(door, visit, { next });
  });
  openRoute(door, 'POST', '/sign-in', async (visit) => await signInByPassword(door, visit));
  openRoute(door, 'GET', '/sign-in/second', async (visit) => await showSecondStep(door, visit));
  openRoute(door, 'POST', '/sign-in/recovery', async (visit) => await useCode(door, visit));
  registerAgain(door);
  registerSignOut(door);
}

function nextOf({ request }: Visit): string {
  return ownAddress(new URL(request.url, 'https://console.invalid').searchParams.get('next'));
}

async function showSignIn(
  door: Door,
  { request, reply }: Visit,
  form: Omit<SignInForm, 'hasProvider'> & { readonly status?: number },
): Promise<FastifyReply> {
  const { status = 200, ...rest } = form;
  const hasProvider = door.entrance.ports.options.oidc !== null;
  const body = signInBody({ ...rest, hasProvider });
  return await door.show({ request, reply, identity: null, status }, { title: text.title, body });
}

async function signInByPassword(door: Door, visit: Visit): Promise<unknown> {
  const { entrance } = door;
  const { request, reply } = visit;
  const next = ownAddress(fieldOf(request.body, 'next'));
  const name = fieldOf(request.body, 'name');
  const given = { name, password: fieldOf(request.body, 'password') };
  const outcome = await checkNameAndPassword(entrance, request, given);
  switch (outcome.kind) {
    case 'wrong':
      return await showSignIn(door, visit, { next, name, fault: text.wrong, status: 401 });
    case 'wait': {
      reply.header('retry-after', String(outcome.seconds));
      const fault = text.wait(outcome.seconds);
      return await showSignIn(door, visit, { next, name, fault, status: 429 });
    }
    case 'right': {
      const { account } = outcome;
      if (account.passkeys.length === 0) {
        await admit(entrance, { request, reply, account, method: 'password' });
        return await reply.redirect(next, 303);
      }
      setStep(entrance, reply, { accountId: account.id, next, challenge: null, use: 'sign-in' });
      return await reply.redirect('/sign-in/second', 303);
    }
  }
}

/** What comes after the password is kept by the browser, signed, for five minutes. */
function setStep(entrance: Entrance, reply: FastifyReply, step: Step): void {
  setCookie(reply, 'step', { value: entrance.steps.issue(step, entrance.ports.clock.now()) });
}

/** Whose password was right a moment ago. */
async function secondStep(entrance: Entrance, { request }: Visit) {
  const step = entrance.steps.open(cookieOf(request, 'step'), entrance.ports.clock.now());
  if (step?.accountId == null || step.use !== 'sign-in') return null;
  const account = findAccount(await entrance.store.read(), { id: step.accountId });
  return account === null || account.disabled ? null : { step, account };
}

async function sendLate(door: Door, visit: Visit): Promise<FastifyReply> {
  const { late } = text;
  const link = { to: '/sign-in', words: late.again };
  return await sendPlain(door, { ...visit, ...late, link, status: 400 });
}

async function showSecondStep(door: Door, visit: Visit, fault?: string): Promise<unknown> {
  const second = await secondStep(door.entrance, visit);
  if (second === null) return await sendLate(door, visit);
  const { name } = second.account;
  const body = secondStepBody({ name, ...(fault === undefined ? {} : { fault }) });
  const status = fault === undefined ? 200 : 401;
  return await door.show({ ...visit, identity: null, status }, { title: text.second.title, body });
}

async function useCode(door: Door, visit: Visit): Promise<unknown> {
  const { entrance } = door;
  const { request, reply } = visit;
  const second = await secondStep(entrance, visit);
  if (second === null) return await sendLate(door, visit);
  const waitMs = await waitOf(entrance, request, 'recovery-code');
  if (waitMs > 0) return await showSecondStep(door, visit, text.wait(Math.ceil(waitMs / 1_000)));
  const { id, name } = second.account;
  const code = fieldOf(request.body, 'code');
  const used = await changeAccounts(entrance, name, (all) => useRecoveryCode(all, { id }, code));
  if (used.kind === 'refused') {
    failedFrom(entrance, request);
    const { account } = second;
    const reason = 'wrong-recovery-code';
    await recordRefusal(entrance, request, { method: 'recovery-code', reason, account });
    return await showSecondStep(door, visit, text.second.wrong);
  }
  await admit(entrance, { request, reply, account: used.result, method: 'recovery-code' });
  return await reply.redirect(second.step.next, 303);
}

/** Showing once more who one is, before what matters most. */
function registerAgain(door: Door): void {
  const { entrance } = door;
  ownRoute(door, 'GET', { path: '/sign-in/again' }, async (visit) => {
    const { account, session, identity } = visit;
    const body = againBody({ next: nextOf(visit), csrf: session.csrf, ways: waysOf(account) });
    return await door.show({ ...visit, identity }, { title: text.again.title, body });
  });
  ownRoute(door, 'POST', { path: '/sign-in/again' }, async (visit) => {
    const { request, reply, account, session, identity } = visit;
    const next = ownAddress(fieldOf(request.body, 'next'));
    const password = fieldOf(request.body, 'password');
    const given = { name: account.name, password };
    const outcome = await checkNameAndPassword(entrance, request, given);
    if (outcome.kind === 'right') {
      await admit(entrance, { request, reply, account: outcome.account, method: 'password' });
      return await reply.redirect(next, 303);
    }
    const fault = outcome.kind === 'wait' ? text.wait(outcome.seconds) : text.wrong;
    const body = againBody({ next, csrf: session.csrf, ways: waysOf(account), fault });
    return await door.show({ ...visit, identity, status: 401 }, { title: text.again.title, body });
  });
}

type Ways = Parameters<typeof againBody>[0]['ways'];

// Who has a passkey shows that: a password alone does not sign them in either.
function waysOf(account: { readonly passkeys: readonly unknown[]; readonly oidc: unknown }): Ways {
  const passkey = account.passkeys.length > 0;
  const provider = account.oidc !== null;
  return { passkey, provider, password: !passkey && !provider };
}

function registerSignOut(door: Door): void {
  ownRoute(door, 'POST', { path: '/sign-out' }, async ({ request, reply, account }) => {
    const { ports, sessions } = door.entrance;
    await ports.record({
      kind: 'console-signed-out',
      accountId: account.id,
      reason: 'asked',
      personal: { by: account.name },
    });
    sessions.end(cookieOf(request, 'session'));
    clearCookie(reply, 'session');
    return await reply.redirect('/sign-in', 303);
  });
}
