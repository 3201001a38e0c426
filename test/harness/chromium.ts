import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { PICTURES } from '../test-files.ts';
import { temporaryFolder } from './folder.ts';
import { runOk } from './process.ts';

const PROGRAM = '/usr/bin/chromium';
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const ACTION_TIMEOUT_MS = 30_000;
const SCREENSHOTS = fileURLToPath(new URL('../console/screenshots/', import.meta.url));

/** The packages that a test of the browser needs, for `skipWithout`. */
export const BROWSER_PACKAGES = ['chromium', 'libnss3-tools', 'openssl'] as const;

/** The two widths that every page is looked at in: a phone and a laptop. */
const WIDTHS = [390, 1440] as const;

interface PageOptions {
  readonly width?: (typeof WIDTHS)[number];
  readonly colorScheme?: 'light' | 'dark';
  /** False: the page is read as by a browser that runs no scripts. */
  readonly javaScriptEnabled?: boolean;
}

/** A browser that trusts one CA and finds some hosts on this machine, and nothing else anywhere. */
export interface Chromium extends AsyncDisposable {
  readonly browser: Browser;
  /** A page in a browser profile of its own: nobody is signed in there. */
  newPage(options?: PageOptions): Promise<Page>;
}

/** Starts Debian's Chromium with a home of its own. */
export async function startChromium(options: {
  /** PEM of the CA whose servers are believed. */
  readonly caFile: string;
  /** … and of another one. */
  readonly otherCaFile?: string;
  /** Host names that are 127.0.0.1 for it. */
  readonly hosts: readonly string[];
}): Promise<Chromium> {
  const home = await temporaryFolder('chromium');
  const database = join(home.path, '.pki', 'nssdb');
  await mkdir(database, { recursive: true });
  const nss = ['-d', `sql:${database}`];
  await runOk('certutil', ['-N', ...nss, '--empty-password']);
  for (const file of [options.caFile, options.otherCaFile ?? []].flat()) {
    await runOk('certutil', ['-A', ...nss, '-n', file, '-t', 'C,,', '-a', '-i', file]);
  }
  const own = options.hosts.map((host) => `MAP ${host} 127.0.0.1`);
  const rules = [...own, 'MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1'].join(', ');
  const browser = await chromium.launch({
    executablePath: PROGRAM,
    args: [...ARGS, `--host-resolver-rules=${rules}`],
    env: { PATH: process.env['PATH'] ?? '', HOME: home.path, TMPDIR: home.path },
  });
  return {
    browser,
    newPage: async ({ width = 1440, colorScheme = 'light', javaScriptEnabled = true } = {}) => {
      const context = await browser.newContext({
        viewport: { width, height: width < 800 ? 844 : 900 },
        colorScheme,
        javaScriptEnabled,
      });
      context.setDefaultTimeout(ACTION_TIMEOUT_MS);
      return await context.newPage();
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close();
      await home[Symbol.asyncDispose]();
    },
  };
}

/** An authenticator of the machine itself, whose owner always agrees. */
export interface Authenticator {
  /** How many passkeys it keeps. */
  count(): Promise<number>;
  /** Whether its owner shows a finger from now on. */
  setVerified(isVerified: 'yes' | 'no'): Promise<void>;
  remove(): Promise<void>;
}

/**
 * Gives a page passkeys: a virtual authenticator that verifies its owner and keeps keys. The page
 * must be where they are used already: another site takes them away.
 */
export async function addAuthenticator(page: Page): Promise<Authenticator> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    count: async () => {
      const found = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
      return found.credentials.length;
    },
    setVerified: async (isVerified) => {
      const isUserVerified = isVerified === 'yes';
      await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });
    },
    remove: async () => {
      await devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
    },
  };
}

const axeSource = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * What axe-core finds wrong with a page, a line each. It comes in through the debugger, so the
 * page's own content security policy stays as it is. `colours`: of a page that was looked at whole in
 * other colours.
 */
export async function axeFaults(
  page: Page,
  what: 'whole' | 'colours' = 'whole',
): Promise<readonly string[]> {
  const devtools = await page.context().newCDPSession(page);
  try {
    const there = await devtools.send('Runtime.evaluate', { expression: 'typeof axe' });
    if (there.result.value === 'undefined') {
      await devtools.send('Runtime.evaluate', { expression: await axeSource });
    }
    const runOnly = what === 'whole' ? AXE_TAGS : { type: 'rule', values: ['color-contrast'] };
    const run = `axe.run(document, { runOnly: ${JSON.stringify(runOnly)}, resultTypes: ['violations'] })
      .then(({ violations }) => violations.map(({ id, help, nodes }) =>
        id + ': ' + help + ' at ' + nodes.map(({ target, failureSummary }) => target.join(' ') + ' ' + failureSummary).join(' | ')))`;
    const { result, exceptionDetails } = await devtools.send('Runtime.evaluate', {
      expression: run,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
    return result.value as readonly string[];
  } finally {
    await devtools.detach();
  }
}

/** What is wider than its place, so that one must scroll sideways to read it: the page, or a table. */
export async function tooWide(page: Page): Promise<readonly string[]> {
  return await page.evaluate<string[]>(`(() => {
    const frames = [document.documentElement, ...document.querySelectorAll('.table-frame')];
    return frames.flatMap((one) =>
      one.scrollWidth > one.clientWidth
        ? ['to be scrolled sideways: ' + (one.getAttribute('aria-label') ?? 'the page')]
        : []);
  })()`);
}

/**
 * Looks at the page as it is, in both themes, on a phone and on a laptop: what axe-core finds wrong, and
 * where it is too wide. A picture is kept of each. The page is left as on a laptop, in light.
 */
export async function faultsInEachLook(page: Page, name: string): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: width < 800 ? 844 : 900 });
      const place = `${name} ${colorScheme} ${width}`;
      const what = colorScheme === 'dark' ? 'colours' : 'whole';
      faults.push(...(await axeFaults(page, what)).map((fault) => `${place}: ${fault}`));
      faults.push(...(await tooWide(page)).map((fault) => `${place}: ${fault}`));
      await takeScreenshot(page, `${name}-${colorScheme}-${width}`);
    }
  }
  return faults;
}

/** Keeps a picture of the whole page for people to look at, where they asked for it (`npm run test:pictures`). */
export async function takeScreenshot(page: Page, name: string): Promise<void> {
  if (process.env[PICTURES] === undefined) return;
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

/** What a page wrote to the browser's console as an error or threw; empty if all is well. */
export function watchErrors(page: Page): readonly string[] {
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  return errors;
}

/** Addresses that a page asked for, from its first on. */
export function watchRequests(context: BrowserContext): readonly string[] {
  const addresses: string[] = [];
  context.on('request', (request) => addresses.push(request.url()));
  return addresses;
}
