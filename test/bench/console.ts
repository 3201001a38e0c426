/**
 * `npm run bench:console`: what a first visit costs, in octets and in time, and how fast pages come
 * when a person works. A real gateway with its console, Debian's Chromium, nothing in its cache.
 */
import { cpus } from 'node:os';
import process from 'node:process';
import { startConsole } from '../harness/console.ts';

const ROUNDS = 10;
const PATHS = ['/', '/partners', '/messages', '/queue', '/keys', '/audit'] as const;

interface Visit {
  readonly octets: number;
  readonly requests: number;
  readonly interactiveMs: number;
  readonly loadedMs: number;
}

const world = await startConsole();
const chromium = await world.startBrowser();
try {
  const signInPages = await visits('/sign-in', null);
  report('/sign-in, first visit', signInPages);
  for (const path of PATHS) report(`${path}, first visit`, await visits(path, 'security-admin'));
  process.stdout.write(`${cpus().length} cores, ${process.version}, ${ROUNDS} visits each\n`);
} finally {
  await chromium[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
}

/** The same page by so many browser profiles that were never here. */
async function visits(path: string, role: 'security-admin' | null): Promise<Visit[]> {
  const found: Visit[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const page = await chromium.newPage();
    if (role !== null) await world.signInAs(page, role);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Network.enable');
    await devtools.send('Network.clearBrowserCache');
    let octets = 0;
    let requests = 0;
    devtools.on('Network.loadingFinished', ({ encodedDataLength }) => {
      octets += encodedDataLength;
      requests += 1;
    });
    await page.goto(world.url + path, { waitUntil: 'load' });
    const [interactiveMs = 0, loadedMs = 0] = await page.evaluate<number[]>(
      `(() => { const [one] = performance.getEntriesByType('navigation'); return [one.domInteractive, one.loadEventEnd || performance.now()]; })()`,
    );
    found.push({ octets, requests, interactiveMs, loadedMs });
    await page.context().close();
  }
  return found;
}

function report(name: string, found: readonly Visit[]): void {
  const of = (key: keyof Visit): number[] => found.map((one) => one[key]).sort((a, b) => a - b);
  const middle = (all: readonly number[]): number => all[Math.floor(all.length / 2)] ?? 0;
  const kilobytes = (Math.max(...of('octets')) / 1_000).toFixed(1);
  process.stdout.write(
    `${name}: ${kilobytes} kB in ${middle(of('requests'))} requests; interactive after ${middle(of('interactiveMs')).toFixed(0)} ms (slowest ${Math.max(...of('interactiveMs')).toFixed(0)}), loaded after ${middle(of('loadedMs')).toFixed(0)} ms (slowest ${Math.max(...of('loadedMs')).toFixed(0)})\n`,
  );
}
