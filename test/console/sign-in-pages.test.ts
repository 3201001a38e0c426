/** The pages of signing in and of accounts, as people with a screen reader, a phone or a dark room have them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { findAccount } from '@sallyport/accounts';
import type { Page } from 'playwright-core';
import {
  addAuthenticator,
  BROWSER_PACKAGES,
  type Chromium,
  faultsInEachLook,
} from '../harness/chromium.ts';
import { type ConsoleGateway, PASSWORD } from '../harness/console.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { type SignInSteps, type SignInWorld, startSignIn } from '../harness/sign-in-steps.ts';

const skip = skipWithout(...BROWSER_PACKAGES);
const MINUTE = 60_000;

describe('the pages of signing in', { skip }, () => {
  let world: SignInWorld | undefined;
  let console: ConsoleGateway;
  let chromium: Chromium;
  let steps: SignInSteps;
  let url = '';
  const start = new Date();

  before(async () => {
    world = await startSignIn({ gateway: { testClock: start } });
    ({ console, chromium, steps } = world);
    ({ url } = console);
  });
  after(() => world?.[Symbol.asyncDispose]());

  const look = async (page: Page, name: string): Promise<void> =>
    assert.deepEqual(await faultsInEachLook(page, name), []);

  test('each is clean for axe in both themes and widths', async () => {
    const page = await chromium.newPage();
    await page.goto(`${url}/sign-in`);
    await look(page, 'sign-in');
    await steps.fillIn(page, 'auditor', 'not their password');
    await look(page, 'sign-in-wrong');
    await page.goto(`${url}/welcome/none`);
    await look(page, 'welcome-dead');
    const link = await steps.invite('carol');
    await page.goto(link);
    await look(page, 'welcome');
    await steps.takeLink(page, link);
    await look(page, 'account-new');
    await addAuthenticator(page);
    await page.click('[data-passkey=register] button');
    await page.waitForURL('**notice=saved');
    await look(page, 'account');
    await page.click('button:has-text("Make ten new codes")');
    await look(page, 'recovery-codes');
    await page.goto(`${url}/sign-in/again`);
    await look(page, 'again');
    await page.goto(`${url}/account`);
    await steps.signOut(page);
    await steps.fillIn(page, 'carol');
    await page.waitForURL('**/second');
    await look(page, 'second');
  });

  test('so are those of accounts', async () => {
    const page = await chromium.newPage();
    await console.signInAs(page, 'security-admin');
    await page.goto(`${url}/accounts`);
    await look(page, 'accounts');
    await page.fill('[name=name]', 'dave');
    await page.check('input[value=approver]');
    await page.click('button:has-text("Make a link")');
    await look(page, 'accounts-link');
    assert.match((await page.textContent('main pre')) ?? '', /^https:.*\/welcome\/[\w-]{43}$/);
    await page.click('main a:has-text("Done")');
    await look(page, 'accounts-one');
  });

  test('all of it but passkeys works without scripts', async () => {
    const page = await chromium.newPage({ javaScriptEnabled: false });
    await console.signInAs(page, 'auditor');
    await page.goto(`${url}/account`);
    assert.ok(await page.isHidden('[data-passkey]'));
    await page.fill('[name=token-name]', 'report');
    await page.check('input[value="audit.read"]');
    await page.click('button:has-text("Create a token")');
    assert.match((await page.textContent('main pre')) ?? '', /^spt_/);
    await page.goto(`${url}/account`);
    await page.click('button:has-text("Revoke") >> nth=0');
    await page.waitForURL('**notice=saved');
    await page.click('.themes [value=dark]');
    await page.waitForSelector('html[data-theme=dark] >> text=The appearance was changed.');
  });

  test('it works by keyboard alone', async () => {
    const page = await chromium.newPage();
    await page.goto(`${url}/sign-in`);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.className'), 'skip');
    await page.keyboard.press('Tab');
    await page.keyboard.type('approver');
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${url}/`);
  });

  test('what matters most asks again ten minutes after signing in', async () => {
    const page = await chromium.newPage();
    await console.signInAs(page, 'security-admin');
    await page.goto(`${url}/accounts`);
    await console.gateway.setTime(new Date(start.getTime() + 15 * MINUTE));
    await page.fill('[name=name]', 'erin');
    await page.check('input[value=auditor]');
    await page.click('button:has-text("Make a link")');
    await page.waitForURL('**/sign-in/again?**');
    assert.equal(findAccount(await console.store.read(), { name: 'erin' }), null);
    await page.fill('[name=password]', 'not their password');
    await page.click('main button[type=submit]');
    assert.match((await page.textContent('.notice')) ?? '', /wrong/);
    await page.fill('[name=password]', PASSWORD);
    await page.click('main button[type=submit]');
    await page.waitForURL('**/accounts');
    await page.fill('[name=name]', 'erin');
    await page.check('input[value=auditor]');
    await page.click('button:has-text("Make a link")');
    assert.match((await page.textContent('main pre')) ?? '', /welcome/);
  });
});
