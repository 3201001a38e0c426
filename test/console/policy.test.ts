/**
 * The life of policy versions in the browser: a partner is changed by the form, the change planned,
 * the plan taken back, the version put in force, and taken back by the brake; by two people, with the
 * real gateway underneath, which decides mail by what is in force.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Role } from '@sallyport/accounts';
import type { Page } from 'playwright-core';
import { axeFaults, BROWSER_PACKAGES, type Chromium, takeScreenshot } from '../harness/chromium.ts';
import { type ConsoleGateway, startConsole } from '../harness/console.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { sendMessage } from '../harness/smtp-client.ts';

const skip = skipWithout(...BROWSER_PACKAGES);
const DOMAIN = 'bravo.example';
const PARTNER = `/partners/Bravo`;

const POLICY = {
  partners: [
    {
      name: 'Bravo',
      domains: [DOMAIN],
      outbound: { encrypt: 'required', otherwise: 'hold', discovery: ['pinned'] },
    },
  ],
};

describe('policy versions in the browser', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: ConsoleGateway;
  let chromium: Chromium;
  let admin: Page;
  let approver: Page;

  before(async () => {
    const config = { policy: { fourEyes: true } };
    world = stack.use(await startConsole({ policy: POLICY, gateway: { config } }));
    chromium = stack.use(await world.startBrowser());
    [admin, approver] = [await signedIn('security-admin'), await signedIn('approver')];
  });
  after(() => stack.disposeAsync());

  async function signedIn(role: Role): Promise<Page> {
    const page = await chromium.newPage();
    await world.signInAs(page, role);
    return page;
  }

  const wordsOf = async (page: Page): Promise<string> => (await page.textContent('main')) ?? '';
  const buttonsOf = (page: Page): Promise<string[]> =>
    page.locator('main form button').allTextContents();

  /** Presses a button of a version's page, and waits for the sentence that follows. */
  async function take(page: Page, path: string, button: string, sentence: string): Promise<void> {
    await page.goto(world.url + path);
    await page.click(`main button:has-text("${button}")`);
    await page.waitForSelector(`text=${sentence}`);
  }

  /** What the gateway decides about a message to the partner, once it decides by this version. */
  async function decisionBy(version: number): Promise<unknown> {
    const [from, to] = ['alice@acme.example', `bob@${DOMAIN}`];
    const data = textMessage({ from, to, text: 'hello' });
    for (let tries = 0; tries < 10; tries += 1) {
      const { text } = await sendMessage(world.gateway.relay, { from, to: [to], data });
      const queueId = /queued as (\w+)/.exec(text)?.[1];
      const decided = await world.gateway.waitForEvent(
        (event) => event.queueId === queueId && event.facts['policyVersion'] !== undefined,
        { what: `a decision about ${queueId}` },
      );
      if (decided.facts['policyVersion'] === version)
        return decided.facts['decision'] ?? decided.kind;
      await setTimeout(500); // the page says: within a second
    }
    return `no decision by version ${version}`;
  }

  test('security admin: what the form cannot use is said at its field; then it is a draft', async () => {
    await admin.goto(`${world.url}${PARTNER}/edit`);
    await admin.fill('input[name="agreement.validUntil"]', 'next summer');
    await admin.fill('input[name="agreement.id"]', 'RPA-7');
    await admin.fill('input[name="reason"]', 'They renewed the agreement');
    await admin.click('main button:has-text("Keep as a draft")');
    const field = admin.locator('input[name="agreement.validUntil"]');
    await admin.waitForSelector('input[name="agreement.validUntil"][aria-invalid="true"]');
    assert.equal(await field.inputValue(), 'next summer', 'what was typed is still there');
    assert.equal(await admin.inputValue('input[name="agreement.id"]'), 'RPA-7');
    assert.deepEqual(await axeFaults(admin), []);
    await takeScreenshot(admin, 'policy-edit-fault-light-1440');

    await field.fill('2030-01-01');
    await admin.fill('input[name="agreement.contact"]', `security@${DOMAIN}`);
    await admin.fill('textarea[name="agreement.asserts"]', 'staff login');
    await admin.selectOption('select[name="outbound.otherwise"]', 'refuse');
    await admin.click('main button:has-text("Keep as a draft")');
    await admin.waitForURL(/\/policy\/2/);
    assert.match(await wordsOf(admin), /They renewed the agreement[\s\S]*outbound\.otherwise/);
    assert.equal(await decisionBy(1), 'hold', 'a draft decides nothing');
  });

  test('nobody takes the next step but who may: proposed by one, approved of by another', async () => {
    for (const role of ['mail-admin', 'auditor'] as const) {
      const page = await signedIn(role);
      const answer = await page.goto(`${world.url}/policy/2`);
      if (answer?.status() === 200) assert.deepEqual(await buttonsOf(page), ['Compare'], role);
      else assert.equal(answer?.status(), 403, role);
      await page.context().close();
    }
    await take(admin, '/policy/2', 'Propose', 'The version is proposed.');
    assert.ok(!(await buttonsOf(admin)).includes('Approve'));
    await take(approver, '/policy/2', 'Approve', 'You approved of the version.');
  });

  test('a plan is kept, and taken back', async () => {
    await admin.goto(`${world.url}/policy/2`);
    await admin.fill('input[name=at]', '2020-01-01T00:00');
    await admin.click('main button:has-text("Put in force at this time")');
    await admin.waitForSelector('text=Give a time to come.');
    await admin.fill('input[name=at]', '2031-05-01T06:30');
    await admin.click('main button:has-text("Put in force at this time")');
    await admin.waitForSelector('text=The version is planned.');
    assert.match(await wordsOf(admin), /2031-05-01/);
    await takeScreenshot(admin, 'policy-planned-light-1440');
    assert.deepEqual(await axeFaults(admin), []);
    await take(admin, '/policy/2', 'Take the plan back', 'The plan is taken back.');
    assert.equal(await decisionBy(1), 'hold');
  });

  test('a version in force decides the next message, and the brake takes it back', async () => {
    const stale = await signedIn('security-admin');
    await stale.goto(`${world.url}/policy/2`);
    await take(admin, '/policy/2', 'Put in force now', 'The version is in force.');
    assert.equal(await decisionBy(2), 'refused');
    await stale.fill('input[name=at]', '2031-05-01T06:30');
    await stale.click('main button:has-text("Put in force at this time")');
    await stale.waitForSelector('text=Somebody else took a step');

    await admin.goto(`${world.url}/policy/1`);
    await admin.fill(
      'main form[action$="/rollback"] input[name=reason]',
      'Mail to them was refused',
    );
    await admin.click('main button:has-text("Put in force again")');
    await admin.waitForSelector('text=The version is in force again.');
    assert.equal(await decisionBy(1), 'hold');

    await approver.goto(`${world.url}/policy/2`);
    assert.match(await wordsOf(approver), /taken back/);
    await approver.goto(`${world.url}/policy/1`);
    assert.match(await wordsOf(approver), /security-admin \[\w{20}\]: Mail to them was refused/);
    await takeScreenshot(approver, 'policy-rolled-back-light-1440');
    const planned = await world.gateway.events('policy-scheduled');
    assert.deepEqual(
      planned.map(({ facts }) => facts['activateAt']),
      ['2031-05-01T06:30:00.000Z', null],
    );
    const [back] = await world.gateway.events('policy-rolled-back');
    assert.match(back?.personal['by'] ?? '', /^security-admin \[/);
  });
});
