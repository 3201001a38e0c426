/** What people do to their own account. */
import {
  type Account,
  addPasskey,
  type Changed,
  checkPassword,
  createToken,
  endSessions,
  PERMISSIONS,
  removePasskey,
  renamePasskey,
  renewRecoveryCodes,
  revokeToken,
  setPassword,
} from '@sallyport/accounts';
import { z } from 'zod';
import { html } from '../html.ts';
import { copyBlock, notice } from '../pages/parts.ts';
import { en } from '../texts/en.ts';
import { accountBody } from './account-page.ts';
import { clearCookie, cookieOf, setCookie } from './cookies.ts';
import { admit, changeAccounts } from './entrance.ts';
import { fieldOf, fieldsOf } from './origin.ts';
import { attestationSchema, creationOptions, verifyAttestation } from './passkey.ts';
import { checkNameAndPassword } from './password.ts';
import { type Door, type OwnVisit, ownRoute } from './routes.ts';

const text = en.account;
const madeSchema = z.object({ credential: attestationSchema });

export function registerAccount(door: Door): void {
  ownRoute(door, 'GET', { path: '/account' }, async (visit) => await showAccount(door, visit));
  registerPasskeys(door);
  registerSecrets(door);
  registerSessions(door);
  registerTokens(door);
}

interface Fault {
  readonly fault?: string;
  readonly at?: 'password' | 'tokens';
}

async function showAccount(door: Door, visit: OwnVisit, found: Fault = {}): Promise<unknown> {
  const { store, sessions, ports } = door.entrance;
  const { account, session } = visit;
  const body = accountBody({
    account,
    tokens: (await store.read()).tokens.filter(({ accountId }) => accountId === account.id),
    sessions: sessions.of(account, ports.clock.now()),
    own: session,
    csrf: session.csrf,
    ...found,
  });
  const status = found.fault === undefined ? 200 : 400;
  return await door.show({ ...visit, status }, { title: text.title, body });
}

/** After a change: back to the page; the refusal stands there otherwise. */
async function goBack(
  door: Door,
  visit: OwnVisit,
  changed: Changed<unknown>,
  at?: 'tokens',
): Promise<unknown> {
  if (changed.kind === 'refused') {
    const fault = { fault: changed.sentence, ...(at === undefined ? {} : { at }) };
    return await showAccount(door, visit, fault);
  }
  return await visit.reply.redirect('/account?notice=saved', 303);
}

/** Something that is shown this once. */
async function showOnce(
  door: Door,
  visit: OwnVisit,
  of: {
    readonly title: string;
    readonly keep: string;
    readonly secret: string;
    readonly done: string;
  },
): Promise<unknown> {
  const body = html`${notice('warn', of.keep)}${copyBlock(of.secret, en)}<p><a href="/account">${of.done}</a></p>`;
  return await door.show(visit, { title: of.title, body });
}

function registerPasskeys(door: Door): void {
  const { entrance } = door;
  const path = '/account/passkeys';
  ownRoute(door, 'POST', { path: `${path}/options`, needs: 'fresh' }, async (visit) => {
    const options = await creationOptions(entrance, visit.account);
    const { challenge } = options;
    const step = {
      accountId: visit.account.id,
      next: '/account',
      challenge,
      use: 'register',
    } as const;
    const value = entrance.steps.issue(step, entrance.ports.clock.now());
    setCookie(visit.reply, 'step', { value });
    return options;
  });
  ownRoute(door, 'POST', { path, needs: 'fresh' }, async (visit) => {
    const { request, reply, account } = visit;
    const step = entrance.steps.open(cookieOf(request, 'step'), entrance.ports.clock.now());
    const made = madeSchema.safeParse(request.body);
    const fault = text.passkeys.fault;
    const isOurs = step?.use === 'register' && step.accountId === account.id;
    if (!isOurs || step.challenge === null || !made.success) {
      return await reply.status(400).send({ fault });
    }
    const name = fieldOf(request.body, 'name').trim().slice(0, 64) || text.passkeys.standardName;
    const { challenge } = step;
    const attestation = made.data.credential;
    const passkey = await verifyAttestation(entrance, { attestation, challenge, name });
    if (passkey === null || !entrance.spent.spend(challenge)) {
      return await reply.status(400).send({ fault });
    }
    const changed = await changeAccounts(entrance, account.name, (all) =>
      addPasskey(all, account, passkey),
    );
    if (changed.kind === 'refused')
      return await reply.status(409).send({ fault: changed.sentence });
    clearCookie(reply, 'step');
    return { to: '/account?notice=saved' };
  });
  ownRoute(door, 'POST', { path: `${path}/rename`, needs: 'fresh' }, async (visit) => {
    const { account, request } = visit;
    const order = { id: fieldOf(request.body, 'id'), name: fieldOf(request.body, 'name') };
    const changed = await changeAccounts(entrance, account.name, (all) =>
      renamePasskey(all, account, order),
    );
    return await goBack(door, visit, changed);
  });
  ownRoute(door, 'POST', { path: `${path}/remove`, needs: 'fresh' }, async (visit) => {
    const id = fieldOf(visit.request.body, 'id');
    return await changeAndStay(door, visit, (account) =>
      changeAccounts(entrance, account.name, (all) => removePasskey(all, account, id)),
    );
  });
}

/** A change that ends all sessions of the account: whoever made it goes on in a new one. */
async function changeAndStay(
  door: Door,
  visit: OwnVisit,
  change: (account: Account) => Promise<Changed<Account>>,
): Promise<unknown> {
  const { request, reply, session } = visit;
  const changed = await change(visit.account);
  if (changed.kind === 'done') {
    const account = changed.result;
    await admit(door.entrance, { request, reply, account, method: session.method });
  }
  return await goBack(door, visit, changed);
}

function registerSecrets(door: Door): void {
  const { entrance } = door;
  ownRoute(door, 'POST', { path: '/account/recovery-codes', needs: 'fresh' }, async (visit) => {
    const { account } = visit;
    if (account.oidc !== null) return await visit.reply.redirect('/account', 303);
    const changed = await changeAccounts(entrance, account.name, (all) =>
      renewRecoveryCodes(all, account),
    );
    if (changed.kind === 'refused') return await goBack(door, visit, changed);
    const { made: title, keep, done } = text.codes;
    const secret = changed.result.join('\n');
    return await showOnce(door, visit, { title, keep, secret, done });
  });
  ownRoute(door, 'POST', { path: '/account/password', needs: 'fresh' }, async (visit) => {
    const { account, request } = visit;
    const fault = await passwordFault(door, visit);
    if (fault !== null) return await showAccount(door, visit, { fault, at: 'password' });
    const hash = await entrance.hashers.known.hash(fieldOf(request.body, 'next'));
    if (hash === null) {
      return await showAccount(door, visit, { fault: text.password.busy, at: 'password' });
    }
    return await changeAndStay(door, visit, () =>
      changeAccounts(entrance, account.name, (all) => setPassword(all, account, hash)),
    );
  });
}

async function passwordFault({ entrance }: Door, { request, account }: OwnVisit) {
  const { password: words } = text;
  const next = fieldOf(request.body, 'next');
  if (next !== fieldOf(request.body, 'again')) return words.differ;
  const fault = checkPassword(next, account.name);
  if (fault !== null) return fault;
  const given = { name: account.name, password: fieldOf(request.body, 'present') };
  const outcome = await checkNameAndPassword(entrance, request, given);
  if (outcome.kind === 'wait') return en.signIn.wait(outcome.seconds);
  return outcome.kind === 'wrong' ? words.wrong : null;
}

function registerSessions(door: Door): void {
  const { entrance } = door;
  ownRoute(door, 'POST', { path: '/account/sessions/end' }, async (visit) => {
    const { account, request } = visit;
    const id = fieldOf(request.body, 'id');
    const isThere = entrance.sessions
      .of(account, entrance.ports.clock.now())
      .some((one) => one.id === id);
    if (!isThere) return await visit.reply.redirect('/account', 303);
    await entrance.ports.record({
      kind: 'console-signed-out',
      accountId: account.id,
      reason: 'ended-by-owner',
      personal: { by: account.name },
    });
    entrance.sessions.endOne(account, id);
    return await visit.reply.redirect('/account?notice=saved', 303);
  });
  ownRoute(door, 'POST', { path: '/account/sessions/end-all' }, async (visit) => {
    const { account, reply } = visit;
    const changed = await changeAccounts(entrance, account.name, (all) =>
      endSessions(all, account),
    );
    if (changed.kind === 'refused') return await goBack(door, visit, changed);
    clearCookie(reply, 'session');
    return await reply.redirect('/sign-in', 303);
  });
}

function registerTokens(door: Door): void {
  const { entrance } = door;
  ownRoute(door, 'POST', { path: '/account/tokens', needs: 'fresh' }, async (visit) => {
    const { account, request } = visit;
    const asked = fieldsOf(request.body, 'scope');
    const order = {
      name: fieldOf(request.body, 'token-name'),
      scopes: PERMISSIONS.filter((one) => asked.includes(one)),
      days: Number(fieldOf(request.body, 'days')),
      now: entrance.ports.clock.now(),
    };
    const changed = await changeAccounts(entrance, account.name, (all) =>
      createToken(all, account, order),
    );
    if (changed.kind === 'refused') return await goBack(door, visit, changed, 'tokens');
    const { made: title, keep, done } = text.tokens;
    const { secret } = changed.result;
    return await showOnce(door, visit, { title, keep, secret, done });
  });
  ownRoute(door, 'POST', { path: '/account/tokens/revoke' }, async (visit) => {
    const { account, request } = visit;
    const id = fieldOf(request.body, 'id');
    const changed = await changeAccounts(entrance, account.name, (all) =>
      revokeToken(all, id, account),
    );
    return await goBack(door, visit, changed);
  });
}
