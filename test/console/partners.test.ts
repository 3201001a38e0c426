/**
 * A security admin agrees with a partner from nothing, in the console alone, and an approver with an
 * account of their own is the second pair of eyes. The partner is another real gateway.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import {
  axeFaults,
  BROWSER_PACKAGES,
  type Chromium,
  takeScreenshot,
  watchErrors,
} from '../harness/chromium.ts';
import { type ConsoleGateway, startConsole } from '../harness/console.ts';
import { startDns } from '../harness/dns.ts';
import { type Gateway, makeGateway, sallyport } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { freePort } from '../harness/ports.ts';

const skip = skipWithout(...BROWSER_PACKAGES);
const DOMAIN = 'bravo.example';
const TWO_MINUTES_MS = 120_000;

/** What stands on the page, without its markup. */
async function wordsOf(page: Page): Promise<string> {
  return (await page.textContent('main')) ?? '';
}

/** The partner: a gateway that runs, with what it publishes in a DNS that is believed. */
async function startBravo(stack: AsyncDisposableStack): Promise<{ gateway: Gateway; dns: number }> {
  const gateway = stack.use(
    await makeGateway({
      domain: DOMAIN,
      innerPort: await freePort(),
      dnsPort: await freePort(),
      egressPort: await freePort(),
    }),
  );
  await gateway.setPolicy({});
  await gateway.start('recorder,worker-inward,keyholder,ingress');
  const printed = await sallyport('dns', '--config', gateway.configFile);
  const lines = String(printed.stdout)
    .split('\n')
    .filter((line) => / IN (MX|SMIMEA|CERT|TXT|TLSA) /.test(line));
  const records = ['gw IN A 127.0.0.1', ...lines];
  const dns = stack.use(await startDns([{ name: DOMAIN, records, kind: 'signed' }]));
  return { gateway, dns: dns.port };
}

describe('a new partner, from nothing to a policy in force', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let bravo: Gateway;
  let world: ConsoleGateway;
  let chromium: Chromium;

  before(async () => {
    const partner = await startBravo(stack);
    bravo = partner.gateway;
    world = stack.use(
      await startConsole({
        gateway: {
          dnsPort: partner.dns,
          egressPort: bravo.partner.port,
          config: {
            dns: { servers: [`127.0.0.1:${partner.dns}`], trusted: true },
            lookup: { allowPrivateAddresses: true },
            policy: { fourEyes: true },
          },
        },
      }),
    );
    chromium = stack.use(await world.startBrowser());
  });
  after(() => stack.disposeAsync());

  /** A page of its own for somebody who has signed in. */
  const as = async (role: 'security-admin' | 'approver'): Promise<Page> => {
    const page = await chromium.newPage();
    page.on('dialog', (dialog) => assert.fail(`a script ran: ${dialog.message()}`));
    await world.signInAs(page, role);
    return page;
  };

  test('under two minutes, with the second person, and every page without a fault', async () => {
    const started = performance.now();
    const admin = await as('security-admin');
    const errors = watchErrors(admin);
    await admin.click('nav.main a[href="/partners"]');
    await admin.click('text=Add a partner');
    await admin.fill('input[name=domain]', DOMAIN);
    await admin.click('main button[type=submit]');
    await admin.waitForSelector('text=Certificates that were found');
    await takeScreenshot(admin, 'partner-add-look-light-1440');
    assert.deepEqual(await axeFaults(admin), []);
    const pins = admin.locator('input[name="trust.pinned"]');
    assert.ok((await pins.count()) >= 2, 'both authorities were found');
    for (const pin of await pins.all()) await pin.check();
    await admin.fill('input[name=name]', 'Bravo Hospital');
    await admin.fill('input[name="agreement.id"]', 'RPA-2026-7');
    await admin.fill('input[name="agreement.validUntil"]', '2030-06-30');
    await admin.fill('textarea[name="agreement.asserts"]', 'staff login');
    await admin.fill('input[name="agreement.contact"]', 'security@bravo.example');
    await admin.click('text=Keep as a draft and rehearse');
    await admin.waitForURL(/\/policy\/2/);
    assert.match(await wordsOf(admin), /draft[\s\S]*Bravo Hospital/);
    await takeScreenshot(admin, 'partner-add-version-light-1440');
    assert.deepEqual(await axeFaults(admin), []);
    await admin.click('main button:has-text("Propose")');
    await admin.waitForSelector('text=The version is proposed.');
    assert.equal(await admin.locator('button:has-text("Approve")').count(), 0);

    const approver = await as('approver');
    await approver.goto(`${world.url}/policy/2`);
    await approver.click('main button:has-text("Approve")');
    await approver.waitForSelector('text=You approved of the version.');
    await takeScreenshot(approver, 'policy-approved-light-1440');

    await admin.goto(`${world.url}/policy/2`);
    await admin.click('main button:has-text("Put in force now")');
    await admin.waitForSelector('text=The version is in force.');
    const tookMs = performance.now() - started;
    assert.ok(tookMs < TWO_MINUTES_MS, `${tookMs} ms`);
    assert.deepEqual(errors, []);

    await world.gateway.waitForEvent(({ kind }) => kind === 'policy-activated', {
      what: 'the step on record',
    });
    const [proposed] = await world.gateway.events('policy-proposed');
    assert.match(proposed?.personal['by'] ?? '', /^security-admin \[[0-9a-f]{20}\]$/);
  });

  test('the partner then shows its certificates with path, checks and trace, and its servers', async () => {
    const page = await as('security-admin');
    await page.goto(`${world.url}/partners`);
    await page.click('text=Bravo Hospital');
    await takeScreenshot(page, 'partner-light-1440');
    assert.deepEqual(await axeFaults(page), []);
    await page.click('text=Certificates in use');
    await page.waitForSelector('text=trusted by pinned');
    const words = await wordsOf(page);
    assert.match(words, /domain-confidentiality-authority/);
    assert.match(words, /keyUsage[\s\S]*met/);
    await takeScreenshot(page, 'partner-certificates-light-1440');
    assert.deepEqual(await axeFaults(page), []);
    await page.goBack();
    await page.click('text=Look at its servers now');
    await page.waitForSelector('text=Which TLS levels would hold');
    assert.match(await wordsOf(page), /encrypt in use for this partner\s*yes/);
    await takeScreenshot(page, 'partner-servers-light-1440');
    assert.deepEqual(await axeFaults(page), []);
  });

  test('the sheet has our fingerprints and commands, as text and as HTML', async () => {
    const path = '/partners/Bravo%20Hospital/sheet';
    const text = await world.call('security-admin', `/api/v1${path}`);
    assert.equal(text.status, 200, text.text);
    assert.match(text.text, /SHA-256: [0-9a-f]{64}/);
    assert.match(text.text, /-----BEGIN CERTIFICATE-----/);
    assert.match(text.text, /openssl s_client -starttls smtp/);
  });

  test('another certificate is pinned in place of the former ones, as a draft', async () => {
    const page = await as('security-admin');
    await page.goto(`${world.url}/partners/Bravo%20Hospital`);
    await page.click('text=Pin a new certificate');
    await page.waitForSelector('text=Compare the fingerprint');
    await page.locator('input[name="trust.pinned"]').first().check();
    await page.check('input[name=replace]');
    await page.fill('input[name=reason]', 'its key changed');
    assert.deepEqual(await axeFaults(page), []);
    await page.click('main button:has-text("Keep as a draft")');
    await page.waitForURL(/\/policy\/3/);
    assert.match(await wordsOf(page), /trust\.pinned\s*changed[\s\S]*stricter/);
  });

  test('the command line says the same of its servers, and of what changed', async () => {
    const config = ['--config', world.gateway.configFile];
    const tried = await sallyport('partner', 'try', DOMAIN, ...config);
    assert.equal(tried.code, 0, String(tried.stderr));
    assert.match(String(tried.stdout), /encrypt +yes/);
    const differs = await sallyport('partner', 'diff', '1', '2', ...config);
    assert.equal(differs.code, 0, String(differs.stderr));
    assert.match(String(differs.stdout), /added +Bravo Hospital +tls\.level/);
  });

  test('a message to it is simulated by the version in force', async () => {
    const page = await as('approver');
    await page.goto(`${world.url}/simulate`);
    await page.fill('input[name=from]', 'alice@acme.example');
    await page.fill('input[name=to]', 'bob@bravo.example');
    await page.click('main button:has-text("Simulate")');
    await page.waitForSelector('text=What would happen');
    assert.match(await wordsOf(page), /protect[\s\S]*partner:Bravo Hospital/);
    await takeScreenshot(page, 'simulate-light-1440');
    assert.deepEqual(await axeFaults(page), []);
  });
});
