/**
 * Why is this message held, who may release it, what was signed: asked by the people who ask it, in a
 * browser, of a real gateway that holds a real message.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { BROWSER_PACKAGES, type Chromium, faultsInEachLook } from '../harness/chromium.ts';
import { type ConsoleGateway, startConsole } from '../harness/console.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { run, runOk } from '../harness/process.ts';
import { sendMessage } from '../harness/smtp-client.ts';

const skip = skipWithout(...BROWSER_PACKAGES);
const CLI = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url));

/** To this partner nothing goes unencrypted, and it has no certificate: its mail is held. */
const POLICY = {
  partners: [
    {
      name: 'Bravo Hospital',
      domains: ['bravo.example'],
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

describe('messages in the console', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: ConsoleGateway;
  let chromium: Chromium;

  const hold = async (recipient: string): Promise<void> => {
    const { gateway } = world;
    const from = 'alice@acme.example';
    const data = textMessage({ from, to: recipient, text: 'hello', subject: 'secret subject' });
    await sendMessage(gateway.relay, { from, to: [recipient], data });
    const isHeld = (entry: Readonly<Record<string, unknown>>): boolean =>
      entry['state'] === 'held' && String(entry['forwardPaths']).includes(recipient);
    await gateway.waitForEntry(isHeld, `${recipient} is held`);
  };

  before(async () => {
    world = stack.use(await startConsole({ policy: POLICY }));
    await hold('bob@bravo.example');
    chromium = stack.use(await world.startBrowser());
  });
  after(() => stack.disposeAsync());

  /** Clicks, at most so often, and counts. */
  const clicksOn = (page: Page) => {
    let clicks = 0;
    return {
      follow: async (selector: string): Promise<void> => {
        clicks += 1;
        await page.locator(selector).first().click();
        await page.waitForLoadState();
      },
      count: () => clicks,
    };
  };

  for (const role of ['mail-admin', 'security-admin', 'approver', 'auditor'] as const) {
    test(`${role}: why a message is held, within three clicks from the first page`, async () => {
      const page = await chromium.newPage();
      await world.signInAs(page, role);
      const clicks = clicksOn(page);
      if (role === 'mail-admin' || role === 'security-admin') {
        await clicks.follow('main a[href^="/hold/"]');
      } else {
        await clicks.follow('main a[href="/messages?outcome=held"]');
        await clicks.follow('main td a[href^="/messages/"]');
      }
      assert.ok(clicks.count() <= 3);
      const text = (await page.locator('main').textContent()) ?? '';
      assert.match(text, /Why it is held/);
      assert.match(text, /no certificate/i);
      assert.match(text, /What to do/);
      assert.match(text, /security admin may release it/);
      assert.doesNotMatch(text, /secret subject|hello/);
      if (role === 'approver') await look(page, 'why-held');
    });
  }

  test('mail admin: a held message is released after a question, and its history says by whom', async () => {
    await hold('carol@bravo.example');
    const page = await chromium.newPage();
    await world.signInAs(page, 'mail-admin');
    await page.goto(`${world.url}/hold?recipient=carol@bravo.example`);
    await page.click('main td a');
    await page.click('a[href$="/release"]');
    await page.click('main form button');
    await page.getByText('The message is released.').waitFor();
    const released = await world.gateway.waitForEvent(({ kind }) => kind === 'released');
    assert.equal(released.personal['by'], 'mail-admin');
    const viewed = await world.gateway.events('held-message-viewed');
    assert.ok(viewed.some(({ personal }) => personal['by'] === 'mail-admin'));
    await page.goto(`${world.url}/messages/${released.queueId}`);
    await page.getByText('Released', { exact: true }).waitFor();
    await look(page, 'message-released');
  });

  test('mail admin: a held message is dropped, and its author is told', async () => {
    await hold('dave@bravo.example');
    const page = await chromium.newPage();
    await world.signInAs(page, 'mail-admin');
    await page.goto(`${world.url}/hold?recipient=dave@bravo.example`);
    await page.click('main td a');
    await page.click('a[href$="/drop"]');
    assert.ok(await page.locator('input[name=notify]').isChecked());
    await page.click('main form button');
    await page.getByText('The message is dropped.').waitFor();
    const dropped = await world.gateway.waitForEvent(({ kind }) => kind === 'dropped');
    assert.equal(dropped.facts['notified'], true);
  });

  test('mail admin: a destination is stopped and goes on again', async () => {
    const page = await chromium.newPage();
    await world.signInAs(page, 'mail-admin');
    await page.goto(`${world.url}/queue`);
    await page.fill('input[name=domain]', 'bravo.example');
    await page.click('main form.stacked button');
    await page.getByText('Nothing goes to this destination').waitFor();
    await page.getByText('bravo.example').waitFor();
    await page.click('main li button');
    await page.getByText('Mail to this destination goes on.').waitFor();
  });

  test('auditor: finds a key use, takes its proof, and verifies an export with the program', async () => {
    const { gateway } = world;
    const page = await chromium.newPage();
    await world.signInAs(page, 'auditor');
    await page.goto(`${world.url}/audit`);
    await page.click('main td a[href^="/audit/events/"]');
    const [proof] = await Promise.all([
      page.waitForEvent('download'),
      page.click('a[href$="/proof"]'),
    ]);
    const file = join(gateway.folder, 'proof.json');
    await proof.saveAs(file);
    const key = join(gateway.layout.audit, 'log-key.pub.pem');
    await runOk(process.execPath, [CLI, 'audit', 'verify', file, '--key', key]);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('kind', 'king'));
    const changed = await run(process.execPath, [CLI, 'audit', 'verify', file, '--key', key]);
    assert.notEqual(changed.code, 0);
    await page.goto(`${world.url}/audit/export`);
    const [archive] = await Promise.all([
      page.waitForEvent('download'),
      page.click('main form.stacked button'),
    ]);
    assert.match(archive.suggestedFilename(), /^audit-export-\d+\.zip$/);
    const exported = await gateway.waitForEvent(({ kind }) => kind === 'audit-exported');
    assert.equal(exported.personal['by'], 'auditor');
  });
});

/** For what no link leads to: axe-core, and a picture, on a phone and on a laptop, in light and in dark. */
async function look(page: Page, name: string): Promise<void> {
  assert.deepEqual(await faultsInEachLook(page, `messages-${name}`), []);
}
