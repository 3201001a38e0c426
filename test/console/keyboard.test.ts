/** What people come for, by keyboard alone: each stop is seen, none is a trap, and focus is where one is. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { BROWSER_PACKAGES, type Chromium } from '../harness/chromium.ts';
import { type ConsoleGateway, PASSWORD, startConsole } from '../harness/console.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { sendMessage } from '../harness/smtp-client.ts';

const skip = skipWithout(...BROWSER_PACKAGES);
const MAX_STOPS = 90;
/** To this partner nothing goes unencrypted, and it has no certificate. */
const POLICY = {
  partners: [
    {
      name: 'Bravo Hospital',
      domains: ['bravo.example'],
      outbound: { encrypt: 'required', otherwise: 'hold', discovery: ['pinned'] },
    },
  ],
};

interface Stop {
  readonly isIt: boolean;
  readonly isSeen: boolean;
  readonly what: string;
}

/** Where focus is: whether that is what is looked for, and whether a person sees it. */
async function stopAt(page: Page, selector: string): Promise<Stop> {
  return await page.evaluate<Stop>(`(() => {
    const one = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    const { top, bottom, left, right } = one.getBoundingClientRect();
    const isInView = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
    return {
      isIt: one.matches(${JSON.stringify(selector)}),
      isSeen: one === document.body || (isInView && outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2),
      what: one.outerHTML.slice(0, 120),
    };
  })()`);
}

/** Presses Tab until focus is there. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let stops = 0; stops < MAX_STOPS; stops += 1) {
    await page.keyboard.press('Tab');
    const stop = await stopAt(page, selector);
    assert.ok(stop.isSeen, `focus is not seen: ${stop.what}`);
    if (stop.isIt) return;
  }
  assert.fail(`${selector} is not reached`);
}

async function enterAt(page: Page, selector: string): Promise<void> {
  await tabTo(page, selector);
  await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
}

/** Past the navigation, as the first stop of each page offers. */
async function skipToContent(page: Page): Promise<void> {
  await page.keyboard.press('Tab');
  assert.ok((await stopAt(page, '.skip')).isIt);
  await page.keyboard.press('Enter');
}

describe('by keyboard alone', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: ConsoleGateway;
  let page: Page;

  before(async () => {
    world = stack.use(await startConsole({ policy: POLICY }));
    const message = { from: 'alice@acme.example', to: 'bob@bravo.example' };
    const data = textMessage({ ...message, text: 'hello' });
    await sendMessage(world.gateway.relay, { from: message.from, to: [message.to], data });
    await world.gateway.waitForEvent(({ kind }) => kind === 'held');
    const chromium: Chromium = stack.use(await world.startBrowser());
    page = await chromium.newPage();
    await page.goto(`${world.url}/sign-in`);
    await tabTo(page, '[name=name]');
    await page.keyboard.type('security-admin');
    await tabTo(page, '[name=password]');
    await page.keyboard.type(PASSWORD);
    await Promise.all([page.waitForURL(`${world.url}/`), page.keyboard.press('Enter')]);
  });
  after(() => stack.disposeAsync());

  test('from the first page to why a message is held, to its release, and back', async () => {
    await page.goto(world.url);
    await skipToContent(page);
    await enterAt(page, 'main a[href^="/hold/"]');
    assert.match((await page.textContent('main')) ?? '', /Why it is held/);
    await skipToContent(page);
    await enterAt(page, 'main a[href$="/release"]');
    await skipToContent(page);
    await tabTo(page, 'main form button');
    await enterAt(page, 'main a[href^="/hold/"]');
  });

  test('a partner is added, up to the proposal', async () => {
    await page.goto(world.url);
    await enterAt(page, 'nav a[href="/partners"]');
    await enterAt(page, 'main a[href="/partners/add/domain"]');
    await skipToContent(page);
    await tabTo(page, '[name=domain]');
    await page.keyboard.type('golf.example');
    await enterAt(page, 'main button[type=submit]');
    await skipToContent(page);
    await tabTo(page, '[name=name]');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('Golf Pharmacy');
    await enterAt(page, 'main form[action="/partners/add/draft"] button[type=submit]');
    assert.match(page.url(), /\/policy\/2/);
    await skipToContent(page);
    await enterAt(page, 'main form[action$="/propose"] button');
    await page.getByText('The version is proposed.').waitFor();
  });

  test('a fault is where focus is', async () => {
    await page.goto(`${world.url}/partners/add/domain`);
    await skipToContent(page);
    await tabTo(page, '[name=domain]');
    await page.keyboard.type('not a domain');
    await enterAt(page, 'main button[type=submit]');
    assert.ok((await stopAt(page, '[name=domain][aria-invalid=true]')).isIt);
  });

  test('the menu of a phone takes focus in, and gives it back', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(world.url);
    await tabTo(page, '.menu-button');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    assert.ok((await stopAt(page, 'nav.main a')).isIt);
    await page.keyboard.press('Escape');
    assert.ok((await stopAt(page, '.menu-button')).isIt);
  });
});
