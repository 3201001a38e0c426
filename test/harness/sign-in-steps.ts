/** What people do to sign in, as steps of tests. */
import assert from 'node:assert/strict';
import { addAccount } from '@sallyport/accounts';
import type { Page } from 'playwright-core';
import { type Authenticator, addAuthenticator, type Chromium } from './chromium.ts';
import { type ConsoleGateway, type ConsoleOptions, PASSWORD, startConsole } from './console.ts';

/** For changes that a test makes itself. */
export const unrecorded = async (): Promise<void> => undefined;

export interface SignInSteps {
  fillIn(page: Page, name: string, password?: string): Promise<void>;
  signOut(page: Page): Promise<void>;
  /** The cookies of a page as a request carries them. */
  cookieHeader(page: Page): Promise<string>;
  /** `method reason` of every sign-in that was refused. */
  refusals(): Promise<readonly string[]>;
  /** Makes an account. @returns the link that sets it up. */
  invite(name: string): Promise<string>;
  /** Sets the password that a link asks for. */
  takeLink(page: Page, link: string): Promise<void>;
  /** Makes an account with a passkey, in whose browser somebody is signed in then. */
  setUp(page: Page, name: string): Promise<Authenticator>;
}

/** A gateway with its console, a browser, and what people do in it to sign in. */
export interface SignInWorld extends AsyncDisposable {
  readonly console: ConsoleGateway;
  readonly chromium: Chromium;
  readonly steps: SignInSteps;
}

export async function startSignIn(options: ConsoleOptions = {}): Promise<SignInWorld> {
  await using stack = new AsyncDisposableStack();
  const console = stack.use(await startConsole(options));
  const chromium = stack.use(await console.startBrowser());
  const own = stack.move();
  return {
    console,
    chromium,
    steps: signInSteps(console),
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  };
}

function signInSteps(console: ConsoleGateway): SignInSteps {
  const { url } = console;
  const invite = async (name: string): Promise<string> => {
    const order = { name, roles: ['auditor'] as const, now: new Date() };
    const added = await console.store.change((all) => addAccount(all, order), unrecorded);
    assert.ok(added.kind === 'done');
    return `${url}/welcome/${added.result.linkSecret}`;
  };
  const takeLink = async (page: Page, link: string): Promise<void> => {
    await page.goto(link);
    await page.fill('[name=password]', PASSWORD);
    await page.fill('[name=again]', PASSWORD);
    await page.click('main button[type=submit]');
    await page.waitForURL('**/account');
  };
  return {
    invite,
    takeLink,
    fillIn: async (page, name, password = PASSWORD) => {
      await page.fill('input[name=name]', name);
      await page.fill('input[name=password]', password);
      await page.click('main button[type=submit]');
    },
    signOut: async (page) => {
      await page.click('header button:has-text("Sign out")');
      await page.waitForURL('**/sign-in');
    },
    cookieHeader: async (page) =>
      (await page.context().cookies(url)).map((one) => `${one.name}=${one.value}`).join('; '),
    refusals: async () =>
      (await console.gateway.events('console-sign-in-refused')).map(
        ({ facts }) => `${String(facts['method'])} ${String(facts['reason'])}`,
      ),
    setUp: async (page, name) => {
      await takeLink(page, await invite(name));
      const authenticator = await addAuthenticator(page);
      await page.fill('[name=passkey-name]', 'Laptop');
      await page.click('[data-passkey=register] button');
      await page.waitForURL('**/account?notice=saved');
      return authenticator;
    },
  };
}
