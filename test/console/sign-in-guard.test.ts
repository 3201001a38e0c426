/** What signing in stands up to: other sites, guessers, copies, and people who lost their rights. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { findAccount, makeLink } from '@sallyport/accounts';
import { BROWSER_PACKAGES, type Chromium } from '../harness/chromium.ts';
import { type ConsoleGateway, PASSWORD } from '../harness/console.ts';
import { skipWithout } from '../harness/install-peers.ts';
import {
  type SignInSteps,
  type SignInWorld,
  startSignIn,
  unrecorded,
} from '../harness/sign-in-steps.ts';
import { waitFor } from '../harness/wait.ts';

const skip = skipWithout(...BROWSER_PACKAGES);

describe('what signing in stands up to', { skip }, () => {
  let world: SignInWorld | undefined;
  let console: ConsoleGateway;
  let chromium: Chromium;
  let steps: SignInSteps;
  let url = '';

  before(async () => {
    world = await startSignIn();
    ({ console, chromium, steps } = world);
    ({ url } = console);
  });
  after(() => world?.[Symbol.asyncDispose]());

  test('a passkey is not taken twice for one challenge, nor for another account', async () => {
    const page = await chromium.newPage();
    await steps.setUp(page, 'erin');
    await steps.signOut(page);
    let sent = '';
    let cookie = '';
    await page.route('**/sign-in/passkey', async (route) => {
      sent = route.request().postData() ?? '';
      cookie = await steps.cookieHeader(page);
      await route.continue();
    });
    await page.click('[data-passkey] button');
    await page.waitForURL(`${url}/`);
    const headers = {
      'content-type': 'application/json',
      'sec-fetch-site': 'same-origin',
      origin: url,
      cookie,
    };
    const replayed = await console.call(null, '/sign-in/passkey', {
      method: 'POST',
      headers,
      body: sent,
    });
    assert.equal(replayed.status, 401);
    assert.equal(replayed.headers['set-cookie'], undefined);
  });

  test('a page of another site changes nothing, and no form works without its token', async () => {
    const page = await chromium.newPage();
    await console.signInAs(page, 'security-admin');
    const cookie = await steps.cookieHeader(page);
    await page.goto(`${url}/accounts`);
    const csrf = (await page.inputValue('input[name=csrf] >> nth=0')) ?? '';
    const body = new URLSearchParams({ csrf, name: 'mallory', role: 'security-admin' }).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const post = async (headers: Record<string, string>, text = body, path = '/accounts') => {
      const all = { ...type, cookie, ...headers };
      return (await console.call(null, path, { method: 'POST', headers: all, body: text })).status;
    };
    const same = { origin: url, 'sec-fetch-site': 'same-origin' };
    assert.equal(await post({ origin: 'https://evil.example' }), 403);
    assert.equal(await post({ ...same, 'sec-fetch-site': 'cross-site' }), 403);
    assert.equal(await post({ ...same, 'sec-fetch-site': 'same-site' }), 403);
    assert.equal(await post({ origin: 'null' }), 403);
    assert.equal(await post({}), 403, 'a browser says where it comes from');
    assert.equal(await post(same, body.replace(csrf, `${csrf}x`)), 403);
    assert.equal(await post(same, 'name=mallory&role=security-admin'), 403);
    assert.equal(
      await post({ origin: 'https://evil.example' }, 'name=a&password=b', '/sign-in'),
      403,
    );
    assert.equal(await post({ origin: 'https://evil.example' }, `csrf=${csrf}`, '/sign-out'), 403);
    assert.equal(findAccount(await console.store.read(), { name: 'mallory' }), null);
    assert.equal(await post(same), 200, 'the same from our own page');
    assert.notEqual(findAccount(await console.store.read(), { name: 'mallory' }), null);
  });

  test('a storm of wrong passwords does not shut the owner out', async () => {
    const known = await chromium.newPage();
    await console.signInAs(known, 'approver');
    await known.goto(`${url}/account`);
    await steps.signOut(known);
    const body = new URLSearchParams({ name: 'approver', password: 'a wrong guess 12' }).toString();
    const guess = async (from: string) =>
      await console.call(null, '/sign-in', {
        method: 'POST',
        from,
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: url },
      });
    const codes: number[] = [];
    for (let i = 0; i < 12; i += 1) codes.push((await guess(`127.0.1.${i + 1}`)).status);
    assert.deepEqual(codes.slice(0, 6), [401, 401, 401, 401, 401, 401]);
    assert.ok(codes.slice(6).includes(429), codes.join());
    const told = await waitFor(
      async () => (await guess('127.0.1.99')).headers['retry-after'] ?? null,
      { what: 'a guess that must wait' },
    );
    assert.match(String(told), /^\d+$/);
    await steps.fillIn(known, 'approver');
    await known.waitForURL(`${url}/`);
    assert.ok((await steps.refusals()).includes('password too-many-tries'));
  });

  test('one address that guesses at many names is made to wait before any password is looked at', async () => {
    const guess = async (name: string, password = 'a wrong guess 12') => {
      const body = new URLSearchParams({ name, password }).toString();
      const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: url };
      return await console.call(null, '/sign-in', {
        method: 'POST',
        from: '127.0.2.1',
        body,
        headers,
      });
    };
    for (let i = 0; i < 24; i += 1) await guess(`person${i}`);
    const right = await guess('auditor', PASSWORD);
    assert.equal(right.status, 429);
  });

  test('whoever is disabled is out at once, in every browser and with every token', async () => {
    const [admin, victim] = [await chromium.newPage(), await chromium.newPage()];
    await steps.setUp(victim, 'frank');
    await console.signInAs(admin, 'security-admin');
    await admin.goto(`${url}/accounts`);
    await admin.click('a:has-text("frank")');
    await admin.click('button:has-text("Disable")');
    await admin.waitForURL('**notice=saved');
    await victim.goto(`${url}/account`);
    assert.equal(new URL(victim.url()).pathname, '/sign-in');
    await victim.click('[data-passkey] button');
    await victim.waitForSelector('[data-passkey] .fault:visible');
  });

  test('signing out everywhere ends the other browsers too', async () => {
    const [one, other] = [await chromium.newPage(), await chromium.newPage()];
    await steps.setUp(one, 'grace');
    const link = await console.store.change(
      (all) => makeLink(all, { name: 'grace' }, new Date()),
      unrecorded,
    );
    assert.ok(link.kind === 'done');
    await steps.takeLink(other, `${url}/welcome/${link.result.linkSecret}`);
    await one.goto(`${url}/account`);
    assert.equal(new URL(one.url()).pathname, '/sign-in', 'a link ends what was signed in');
    await steps.fillIn(one, 'grace');
    await one.waitForURL((address) => !address.pathname.startsWith('/sign-in'));
    await one.goto(`${url}/account`);
    await one.click('button:has-text("Sign out everywhere")');
    await one.waitForURL('**/sign-in');
    await other.goto(`${url}/account`);
    assert.equal(new URL(other.url()).pathname, '/sign-in');
  });

  test('nobody sets their own roles, and who may not look after accounts does not see them', async () => {
    const page = await chromium.newPage();
    await console.signInAs(page, 'security-admin');
    await page.goto(`${url}/accounts`);
    await page.click('main a:has-text("security-admin")');
    assert.match((await page.textContent('main')) ?? '', /cannot change your own/);
    const own = findAccount(await console.store.read(), { name: 'security-admin' })?.id ?? '';
    const set = await console.call('security-admin', `/api/v1/accounts/${own}/roles`, {
      method: 'PUT',
      body: { roles: ['security-admin', 'approver'] },
    });
    assert.equal(set.status, 409);
    for (const role of ['mail-admin', 'approver', 'auditor'] as const) {
      assert.equal((await console.call(role, '/api/v1/accounts')).status, 403, role);
      const other = await chromium.newPage();
      await console.signInAs(other, role);
      assert.equal((await other.goto(`${url}/accounts`))?.status(), 403, role);
    }
  });

  test('a token calls the API and no page; a wrong one is nobody', async () => {
    assert.equal((await console.call('auditor', '/api/v1/now')).status, 200);
    assert.equal((await console.call('auditor', '/account')).status, 303);
    const headers = { authorization: 'Bearer spt_wrong' };
    assert.equal((await console.call(null, '/api/v1/accounts', { headers })).status, 401);
  });
});
