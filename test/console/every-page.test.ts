/**
 * Every page that a role can reach by links, as a person would meet it: on a phone and on a laptop, in
 * light and in dark. axe-core finds nothing, no script is refused, no request leaves the host, and the
 * first load is small. Pictures of all of them lie in `screenshots` afterwards.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Role } from '@sallyport/accounts';
import type { Page } from 'playwright-core';
import {
  axeFaults,
  BROWSER_PACKAGES,
  type Chromium,
  takeScreenshot,
  WIDTHS,
  watchErrors,
  watchRequests,
} from '../harness/chromium.ts';
import { type ConsoleGateway, startConsole } from '../harness/console.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { sendMessage } from '../harness/smtp-client.ts';

const skip = skipWithout(...BROWSER_PACKAGES);
const MAX_PAGES = 80;
const BY_WHAT_THEY_SEE: readonly Role[] = ['security-admin', 'auditor', 'mail-admin', 'approver'];
const FIRST_LOAD_BYTES = 300_000;

const HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(1)>';

/** A partner whose texts all try to be markup, and to whom nothing can be encrypted yet. */
const POLICY = {
  partners: [
    {
      name: `Bravo ${HOSTILE}`,
      domains: ['bravo.example'],
      agreement: {
        id: `RPA ${HOSTILE}`.slice(0, 60),
        asserts: `staff login ${HOSTILE}`,
        validUntil: '2030-01-01',
        contact: 'security@bravo.example',
      },
      outbound: {
        sign: 'domain',
        profile: 'domsec',
        encrypt: 'required',
        otherwise: 'hold',
        discovery: ['pinned'],
      },
      inbound: { signature: 'domain-required', encryption: 'required', otherwise: 'refuse' },
      tls: { level: 'secure', match: ['.bravo.example'] },
    },
  ],
};

describe('every page of the console', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: ConsoleGateway;
  let chromium: Chromium;

  before(async () => {
    world = stack.use(await startConsole({ policy: POLICY }));
    const { gateway } = world;
    for (const recipient of ['bob@bravo.example', '"<b>bold</b>"@bravo.example']) {
      const from = 'alice@acme.example';
      const message = textMessage({ from, to: recipient, text: 'hello', subject: HOSTILE });
      await sendMessage(gateway.relay, { from, to: [recipient], data: message });
    }
    await gateway.waitForEntry(({ state }) => state === 'held', 'a held message');
    chromium = stack.use(await world.startBrowser());
  });
  after(() => stack.disposeAsync());

  /** Kinds of pages that were looked at: a page is the same for the next role, or has less on it. */
  const seen = new Set<string>();

  for (const role of BY_WHAT_THEY_SEE) {
    test(`${role}: each page by links, two widths, two themes`, async () => {
      const page = await chromium.newPage();
      const errors = watchErrors(page);
      const requests = watchRequests(page.context());
      page.on('dialog', (dialog) => assert.fail(`a script ran: ${dialog.message()}`));
      await world.signInAs(page, role);
      const paths = await crawl(page, world.url);
      assert.ok(paths.length > 3, `only ${paths.join(' ')}`);
      const faults: string[] = [];
      for (const path of newKinds(paths, seen)) {
        faults.push(...(await faultsAt(page, { url: world.url, path, role })));
      }
      assert.deepEqual(faults, []);
      assert.deepEqual(errors, []);
      const foreign = requests.filter((address) => !address.startsWith(`${world.url}/`));
      assert.deepEqual(foreign, []);
    });
  }

  test('the first load is small', async () => {
    const page = await chromium.newPage();
    let bytes = 0;
    page.on('response', (response) => {
      bytes += Number(response.headers()['content-length'] ?? 0);
    });
    await world.signInAs(page, 'security-admin');
    await page.waitForLoadState('networkidle');
    assert.ok(bytes > 0 && bytes < FIRST_LOAD_BYTES, `${bytes} octets`);
  });
});

/** Every address of ours that links lead to; files are left out. */
async function crawl(page: Page, url: string): Promise<string[]> {
  const seen = new Set(['/']);
  const dead: string[] = [];
  for (const path of seen) {
    if (seen.size > MAX_PAGES) break;
    const answer = await page.goto(url + path);
    if (answer?.status() !== 200) dead.push(`${path}: ${answer?.status()}`);
    const links = await page
      .locator('a[href^="/"]:not([download])')
      .evaluateAll((all: { getAttribute(name: string): string | null }[]) =>
        all.map((one) => one.getAttribute('href') ?? ''),
      );
    for (const link of links) seen.add(link.split('#')[0] ?? '');
  }
  assert.deepEqual(dead, []);
  return [...seen];
}

/** One address for each kind of page that was not seen yet: ids and searches make no new one. */
function newKinds(paths: readonly string[], seen: Set<string>): string[] {
  return paths.filter((path) => {
    const kind = path
      .replace(/\?.*$/, '')
      .split('/')
      .map((part) => (/\d|%|[0-9a-z]{20}|\./.test(part) ? '*' : part))
      .join('/');
    if (seen.has(kind)) return false;
    seen.add(kind);
    return true;
  });
}

/** What is wrong with one page, at both widths and in both themes; a picture is kept of each. */
async function faultsAt(
  page: Page,
  at: { readonly url: string; readonly path: string; readonly role: Role },
): Promise<string[]> {
  const { url, path, role } = at;
  await page.goto(url + path);
  const name = `${role}${path.replace(/[^a-z0-9]+/gi, '-').slice(0, 60)}`;
  const faults: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: width < 800 ? 844 : 900 });
      const place = `${path} ${colorScheme} ${width}`;
      faults.push(...(await axeFaults(page)).map((fault) => `${place}: ${fault}`));
      const isWide = await page.evaluate(
        'document.documentElement.scrollWidth > document.documentElement.clientWidth',
      );
      if (isWide === true) faults.push(`${place}: it must be scrolled sideways`);
      await takeScreenshot(page, `${name}-${colorScheme}-${width}`);
    }
  }
  return faults;
}
