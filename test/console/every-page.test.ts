/**
 * Every page that a role can reach by links, as a person would meet it: on a phone and on a laptop, in
 * light and in dark; and the states that no link leads to: faults beside fields, what is not there, what
 * is not theirs. axe-core finds nothing, no script is refused, no request leaves the host, and the first
 * load is small. `npm run test:pictures` keeps pictures of all of them in `screenshots`.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Role } from '@sallyport/accounts';
import type { Page } from 'playwright-core';
import {
  BROWSER_PACKAGES,
  type Chromium,
  faultsInEachLook,
  takeScreenshot,
  tooWide,
  watchErrors,
  watchRequests,
} from '../harness/chromium.ts';
import type { ConsoleGateway } from '../harness/console.ts';
import { startConsoleWorld, WORLD_PACKAGES } from '../harness/console-world.ts';
import { skipWithout } from '../harness/install-peers.ts';

const skip = skipWithout(...BROWSER_PACKAGES, ...WORLD_PACKAGES);
const MAX_PAGES = 60;
const BY_WHAT_THEY_SEE: readonly Role[] = ['security-admin', 'auditor', 'mail-admin', 'approver'];
const FIRST_LOAD_BYTES = 300_000;

/** Pages that say something else to another role, or of another thing than the first of their kind. */
const MORE: Readonly<Partial<Record<Role, readonly string[]>>> = {
  'security-admin': [
    '/partners/Charlie%20Clinic',
    '/partners/Charlie%20Clinic/certificates',
    '/policy/1',
    '/messages?domain=nowhere.invalid',
    '/messages?since=yesterday&outcome=lost',
    '/queue?recipient=public.example',
    '/audit?kind=refused',
    '/dns?domain=acme.example&check=1',
  ],
  auditor: ['/'],
  'mail-admin': ['/'],
  approver: ['/', '/policy/2', '/audit', '/messages/00000000000000000000', '/no-such-page'],
};

describe('every page of the console', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: ConsoleGateway;
  let chromium: Chromium;

  before(async () => {
    world = stack.use(await startConsoleWorld());
    chromium = stack.use(await world.startBrowser());
  });
  after(() => stack.disposeAsync());

  /** Kinds of pages that were looked at: a page is the same for the next role, or has less on it. */
  const seen = new Set<string>();

  const signedIn = async (role: Role): Promise<Page> => {
    const page = await chromium.newPage();
    page.on('dialog', (dialog) => assert.fail(`a script ran: ${dialog.message()}`));
    await world.signInAs(page, role);
    return page;
  };

  for (const role of BY_WHAT_THEY_SEE) {
    test(`${role}: each page by links, two widths, two themes`, async () => {
      const page = await signedIn(role);
      const errors = watchErrors(page);
      const requests = watchRequests(page.context());
      const paths = await crawl(page, world.url);
      assert.ok(paths.length > 3, `only ${paths.join(' ')}`);
      assert.deepEqual(errors, []);
      const faults: string[] = [];
      for (const path of [...newKinds(paths, seen), ...(MORE[role] ?? [])]) {
        await page.goto(world.url + path);
        faults.push(...(await faultsInEachLook(page, `${role}${nameOf(path)}`)));
      }
      assert.deepEqual(faults, []);
      const foreign = requests.filter((address) => !address.startsWith(`${world.url}/`));
      assert.deepEqual(foreign, []);
    });
  }

  test('what cannot be used is said beside its field, and what was filled in stays', async () => {
    const page = await signedIn('security-admin');
    const faults: string[] = [];
    const send = async (path: string, button: string, fields: Readonly<Record<string, string>>) => {
      await page.goto(world.url + path);
      for (const [name, value] of Object.entries(fields)) {
        await page.locator(`main [name="${name}"]`).first().fill(value);
      }
      await page.click(`main button:has-text("${button}")`);
      await page.waitForSelector('main [role=alert], main [aria-invalid]');
      faults.push(...(await faultsInEachLook(page, `faults${nameOf(path)}`)));
      for (const [name, value] of Object.entries(fields)) {
        if (/password|present|next|again/.test(name)) continue;
        assert.equal(await page.locator(`main [name="${name}"]`).first().inputValue(), value, path);
      }
    };
    await send('/partners/add/domain', 'Look', { domain: 'not a domain' });
    const partner = '/partners/Charlie%20Clinic/edit';
    await send(partner, 'Keep', { 'agreement.validUntil': 'next spring', reason: 'renewed' });
    await send('/policy', 'draft', { document: 'partners: 7', reason: 'a test' });
    await send('/simulate', 'Simulate', { from: 'alice@acme.example', to: 'not an address' });
    await send('/accounts', 'link', { name: 'auditor' });
    const words = 'a new slow harbour 7';
    await send('/account', 'password', { present: 'wrong', next: words, again: words });
    assert.deepEqual(faults, []);
  });

  test('the menu on a phone opens, leads on, and is closed by Escape', async () => {
    const page = await signedIn('security-admin');
    await page.setViewportSize({ width: 390, height: 844 });
    assert.ok(await page.isHidden('nav.main'));
    await page.click('.menu-button');
    assert.ok(await page.isVisible('nav.main'));
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await takeScreenshot(page, `menu-${colorScheme}-390`);
    }
    await page.keyboard.press('Escape');
    assert.ok(await page.isHidden('nav.main'));
    await page.click('.menu-button');
    await page.click('nav.main a[href="/queue"]');
    await page.waitForURL('**/queue');
  });

  test('the appearance changes at once, stays, and leaves a form as it is', async () => {
    const page = await signedIn('approver');
    await page.goto(`${world.url}/simulate`);
    await page.fill('main [name=to]', 'bob@bravo.example');
    await page.click('.themes [value=dark]');
    await page.waitForSelector('html[data-theme=dark] .themes [value=dark][aria-pressed=true]');
    assert.equal(await page.inputValue('main [name=to]'), 'bob@bravo.example');
    await page.reload();
    assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
  });

  test('pages hold twice as large, with wide spacing, and in forced colours', async () => {
    const page = await signedIn('security-admin');
    const paths = ['/', '/partners/Charlie%20Clinic', '/policy/2', '/messages', '/queue', '/keys'];
    for (const path of paths) {
      await page.emulateMedia({ forcedColors: 'none' });
      await page.setViewportSize({ width: 720, height: 450 });
      await page.goto(world.url + path);
      assert.deepEqual(await tooWide(page), [], `${path} at 200 %`);
      await takeScreenshot(page, `zoom${nameOf(path)}`);
      // WCAG 2.2, 1.4.12: what a reader's own style may do to text. Styles of a page's own are refused.
      await page.evaluate(`(() => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-bottom: 2em !important }');
        document.adoptedStyleSheets = [sheet];
      })()`);
      await page.setViewportSize({ width: 390, height: 844 });
      assert.deepEqual(await tooWide(page), [], `${path} with wide spacing`);
      await takeScreenshot(page, `spacing${nameOf(path)}`);
      await page.goto(world.url + path);
      await page.setViewportSize({ width: 1440, height: 900 });
      await page.emulateMedia({ forcedColors: 'active' });
      await takeScreenshot(page, `forced-colours${nameOf(path)}`);
    }
  });

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

/** A path as part of a file's name: ids that are new each time make no new one. */
function nameOf(path: string): string {
  return path
    .replace(/[0-9a-z]{20}/g, 'ID')
    .replace(/[^a-z0-9]+/gi, '-')
    .slice(0, 60);
}
