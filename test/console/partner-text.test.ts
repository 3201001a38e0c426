/** What partners and admins write is text on every page: as a name, in a certificate, sent back in a form. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { formatPemCertificate } from '@sallyport/pki';
import type { Page } from 'playwright-core';
import { BROWSER_PACKAGES, type Chromium, watchErrors } from '../harness/chromium.ts';
import { type ConsoleGateway, startConsole } from '../harness/console.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { issuedIdentity } from '../harness/issued-identity.ts';

const skip = skipWithout(...BROWSER_PACKAGES);
const HOSTILE = `"><script>document.title='run'</script><img src=x onerror="document.title='run'">`;
const NAME = `Bravo '${HOSTILE}`;

/** A partner whose every text tries to be markup, its certificate's subject among them. */
function hostilePartner(): object {
  const { certificate } = issuedIdentity({
    cn: `<script>document.title='run'</script>`,
    kind: 'ec',
    emails: ['domain-signing-authority@bravo.example'],
    notBefore: new Date(Date.now() - 86_400_000),
    days: 30,
  });
  return {
    name: NAME,
    domains: ['bravo.example'],
    agreement: {
      id: HOSTILE.slice(0, 100),
      asserts: HOSTILE,
      validUntil: '2030-01-01',
      contact: `<b>${HOSTILE}</b>`,
    },
    outbound: { encrypt: 'when-possible', signNoneReason: HOSTILE, discovery: ['pinned'] },
    trust: { pinned: [formatPemCertificate(certificate.der)] },
  };
}

describe('texts of partners', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: ConsoleGateway;
  let chromium: Chromium;

  before(async () => {
    world = stack.use(await startConsole({ policy: { partners: [hostilePartner()] } }));
    chromium = stack.use(await world.startBrowser());
  });
  after(() => stack.disposeAsync());

  /** Signed in, and watched: a script that ran, or that the policy of the page refused, is a fault. */
  const watched = async (): Promise<{
    readonly page: Page;
    readonly check: () => Promise<void>;
  }> => {
    const page = await chromium.newPage();
    const errors = watchErrors(page);
    await world.signInAs(page, 'security-admin');
    const check = async (): Promise<void> => {
      assert.notEqual(await page.title(), 'run', page.url());
      assert.equal(await page.locator('main script, main img').count(), 0, page.url());
      const expected = errors.filter((one) => !/status of 4(09|22)/.test(one));
      assert.deepEqual(expected, [], page.url());
    };
    return { page, check };
  };

  test('stored: no page of the partner and of its policy runs any of it', async () => {
    const { page, check } = await watched();
    const partner = `/partners/${encodeURIComponent(NAME)}`;
    const below = ['', '/edit', '/certificates'].map((path) => partner + path);
    for (const path of ['/partners', ...below, '/policy', '/policy/1', '/simulate']) {
      const answer = await page.goto(world.url + path);
      assert.equal(answer?.status(), 200, path);
      await check();
    }
    await page.goto(world.url + partner);
    const words = (await page.textContent('main')) ?? '';
    assert.ok(words.includes(HOSTILE), 'it is there, as text');
    // RFC 4514 section 2.4 escapes the brackets
    assert.match(words, /CN=\\<script/, 'and so is the subject of the certificate');
  });

  test('stored: the sheet as HTML has no markup of theirs', async () => {
    const { page } = await watched();
    const path = `/partners/${encodeURIComponent(NAME)}/sheet`;
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.goto(world.url + path).catch(() => null), // a download ends the navigation
    ]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    const sheet = Buffer.concat(chunks).toString('utf8');
    assert.match(sheet, /&lt;script&gt;/);
    assert.doesNotMatch(sheet, /<script|<img/);
    assert.match(download.suggestedFilename(), /^[A-Za-z0-9.-]+\.html$/);
  });

  test('reflected: what a form sends and cannot be used comes back as text', async () => {
    const { page, check } = await watched();
    await page.goto(`${world.url}/partners/${encodeURIComponent(NAME)}/edit`);
    await page.fill('textarea[name=domains]', HOSTILE);
    await page.fill('input[name=reason]', HOSTILE);
    await page.click('main form >> nth=0 >> button[type=submit]');
    assert.equal(await page.locator('.fault').count(), 1, 'the fault stands at its field');
    await check();
    await page.goto(`${world.url}/partners/add/domain`);
    await page.fill('input[name=domain]', HOSTILE);
    await page.click('main button[type=submit]');
    await page.waitForSelector('text=That is not a domain.');
    await check();
    await page.goto(`${world.url}/simulate?${new URLSearchParams({ to: HOSTILE, from: HOSTILE })}`);
    await page.click('main button[type=submit]');
    await page.waitForSelector('text=The recipient is not an address.');
    await check();
    await page.goto(`${world.url}/partners?${new URLSearchParams({ q: HOSTILE })}`);
    await check();
    await page.goto(`${world.url}/policy`);
    await page.fill('textarea[name=document]', `partners: [{ name: ${JSON.stringify(HOSTILE)} }]`);
    await page.fill('input[name=reason]', 'x');
    await page.click('main button[type=submit]');
    await page.waitForSelector('.fault');
    await check();
  });
});
