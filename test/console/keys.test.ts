/**
 * A whole rollover by people: once by the pages with a CA outside (openssl), once by the API, with
 * the real gateway underneath. Every step can be left and found again.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { readKeyRecords } from '../../services/cli/src/gateway/keys.ts';
import {
  BROWSER_PACKAGES,
  type Chromium,
  faultsInEachLook,
  watchErrors,
} from '../harness/chromium.ts';
import { type ConsoleGateway, startConsole } from '../harness/console.ts';
import { HOSTILE, keepReport } from '../harness/console-world.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { runOk } from '../harness/process.ts';
import { politeScript, startScriptedServer } from '../harness/scripted-server.ts';
import { sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const skip = skipWithout(...BROWSER_PACKAGES);
const DOMAIN = 'acme.example';
const HOUR_MS = 3_600_000;

interface Step {
  readonly keyId: string;
  readonly state: string;
  readonly activateAt: string | null;
  readonly former: readonly { readonly keyId: string; readonly state: string }[];
}

describe('keys in the console', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let world: ConsoleGateway;
  let chromium: Chromium;
  let folder = '';
  const at = (name: string): string => join(folder, name);

  before(async () => {
    const own = stack.use(await temporaryFolder('outside-ca'));
    folder = own.path;
    const inner = stack.use(await startScriptedServer(politeScript(['8BITMIME', 'SMTPUTF8'])));
    world = stack.use(await startConsole({ gateway: { innerPort: inner.port } }));
    chromium = stack.use(await world.startBrowser());
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const root = ['-subj', '/CN=Outside Root', '-days', '60'];
    const out = ['-keyout', at('root.key'), '-out', at('root.pem')];
    await runOk('openssl', ['req', '-x509', ...curve, ...root, ...out]);
  });
  after(() => stack.disposeAsync());

  /** What the CA outside makes of a request, after it has checked its signature. */
  async function certify(request: string, name: string, days = 90): Promise<string> {
    await writeFile(at('csr.pem'), request);
    await runOk('openssl', ['req', '-in', at('csr.pem'), '-verify', '-noout']);
    const usage = name.startsWith('domain-signing') ? 'digitalSignature' : 'keyEncipherment';
    const extensions = [
      'basicConstraints=critical,CA:FALSE',
      `keyUsage=critical,${usage}`,
      'extendedKeyUsage=emailProtection',
      `subjectAltName=email:${name}@${DOMAIN}`,
    ];
    await writeFile(at('ext.cnf'), `${extensions.join('\n')}\n`);
    const ca = ['-CA', at('root.pem'), '-CAkey', at('root.key'), '-extfile', at('ext.cnf')];
    const how = ['-set_serial', String(days), '-days', String(days), '-out', at('leaf.pem')];
    await runOk('openssl', ['x509', '-req', '-in', at('csr.pem'), ...how, ...ca]);
    return await readFile(at('leaf.pem'), 'utf8');
  }

  const activeKey = async (keyClass: string): Promise<string> => {
    const records = await readKeyRecords(world.gateway.layout.keys);
    const found = records.find((one) => one.class === keyClass && one.state === 'active');
    assert.ok(found);
    return found.keyId;
  };

  const look = async (page: Page, name: string): Promise<void> =>
    assert.deepEqual(await faultsInEachLook(page, name), []);

  const openSteps = async (page: Page): Promise<string[]> => {
    const titles = await page.locator('.steps > li.open > h3').allTextContents();
    return titles.map((title) => title.replace(/ \S+$/, ''));
  };

  test('a signing key is replaced by the pages: make, request, certificate, publish, plan, take over', async () => {
    const former = await activeKey('domain-signing');
    const page = await chromium.newPage();
    const errors = watchErrors(page);
    await world.signInAs(page, 'security-admin');
    await page.goto(`${world.url}/keys`);
    await page.getByRole('link', { name: /^Replace: signing key of/ }).click();
    await page.selectOption('select[name=algorithm]', 'rsa-3072');
    await page.getByRole('button', { name: 'Make the key' }).click();
    await page.waitForURL(/\/keys\/dsa-/);
    const keyPath = new URL(page.url()).pathname;
    const keyId = keyPath.slice('/keys/'.length);
    assert.deepEqual(await openSteps(page), ['Download the request', 'Upload the certificate']);
    await look(page, 'keys-request');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download the request' }).click(),
    ]);
    assert.equal(download.suggestedFilename(), `${keyId}.csr.pem`);
    await download.saveAs(at('request.pem'));
    const request = await readFile(at('request.pem'), 'utf8');

    // Left, and found again.
    await page.goto(`${world.url}/keys`);
    await page.getByRole('link', { name: `Go on with ${keyId}` }).click();
    await page.fill('#pem', await certify(request, 'somebody'));
    await page.fill('#anchors', await readFile(at('root.pem'), 'utf8'));
    await page.getByRole('button', { name: 'Check and take in' }).click();
    await page.getByText('is no certificate of a domain authority').waitFor();

    await writeFile(at('good.pem'), await certify(request, 'domain-signing-authority'));
    await page.setInputFiles('#pem-file', at('good.pem'));
    await page.waitForFunction("document.querySelector('#pem').value.includes('BEGIN')");
    await page.getByRole('button', { name: 'Check and take in' }).click();
    await page.getByText('The certificate is taken in.').waitFor();
    assert.deepEqual(await openSteps(page), ['Publish it', 'Let it take over']);
    assert.match((await page.locator('.copy code').first().textContent()) ?? '', /IN SMIMEA 3 0 0/);

    await page.getByRole('button', { name: 'Plan the take-over' }).click();
    await page.getByText('The take-over is planned.').waitFor();
    await look(page, 'keys-planned');
    await page.getByRole('button', { name: 'Take the plan back' }).click();
    await page.getByText('The plan is taken back.').waitFor();
    await page.getByRole('button', { name: 'Take over now' }).click();
    await page.getByText('The key is in use.').waitFor();
    assert.deepEqual(await openSteps(page), []);
    assert.equal(await activeKey('domain-signing'), keyId);
    await page.goto(`${world.url}/keys/${former}`);
    await page.getByText('out of use').first().waitFor();
    await page.goto(`${world.url}/keys`);
    // The refusals are answered 409, which browsers write to their console.
    assert.deepEqual(
      errors.filter((line) => !line.includes('409')),
      [],
    );

    const history = (await world.gateway.events())
      .filter(({ facts }) => facts['keyId'] === keyId && facts['operation'] === undefined)
      .map(({ kind, personal }) => `${kind} ${personal['by'] ?? '-'}`);
    assert.deepEqual(
      history.filter((line) => !line.startsWith('key-outcome')),
      [
        'key-generated security-admin',
        'key-certified security-admin',
        'key-scheduled security-admin',
        'key-scheduled security-admin',
        'key-activated security-admin',
      ],
    );
    const [order] = await world.gateway.events('console-order');
    assert.equal(order?.personal['by'], 'security-admin');
  });

  test('an encryption key is replaced by the API, and planned ones take over by themselves', async () => {
    const former = await activeKey('domain-confidentiality');
    const call = async (path: string, body?: object, status = 200) => {
      const answer = await world.call('security-admin', `/api/v1/keys${path}`, {
        method: 'POST',
        ...(body === undefined ? {} : { body }),
      });
      assert.equal(answer.status, status, answer.text);
      return answer.json();
    };
    const wanted = { domain: DOMAIN, class: 'domain-confidentiality', algorithm: 'rsa-3072' };
    const { keyId } = (await call('', wanted, 201)) as Step;
    await call(`/${keyId}/activate`, undefined, 409);
    const { pem: request } = (await call(`/${keyId}/request`)) as { pem: string };
    const pem = await certify(request, 'domain-confidentiality-authority');
    await call(`/${keyId}/certificate`, { pem }, 409);
    const anchors = await readFile(at('root.pem'), 'utf8');
    await call(`/${keyId}/certificate`, { pem, anchors });
    await call(`/${keyId}/schedule`, { at: '2020-01-01T00:00:00Z' }, 409);
    const late = new Date(Date.now() + HOUR_MS).toISOString();
    assert.equal(((await call(`/${keyId}/schedule`, { at: late })) as Step).activateAt, late);
    const zone = await world.call('mail-admin', `/api/v1/dns?domain=${DOMAIN}`);
    const { lines } = zone.json() as { lines: { type: string; plannedKeyId: string | null }[] };
    assert.ok(lines.some((line) => line.plannedKeyId === keyId && line.type === 'SMIMEA'));
    const soon = new Date(Date.now() + 1_500).toISOString();
    await call(`/${keyId}/schedule`, { at: soon });
    await waitFor(async () => (await activeKey('domain-confidentiality')) === keyId, {
      timeoutMs: 30_000,
      what: 'the take-over',
    });
    const list = await world.call('auditor', '/api/v1/keys');
    const { keys } = list.json() as { keys: { keyId: string; state: string }[] };
    const stateOf = (id: string) => keys.find((one) => one.keyId === id)?.state;
    assert.equal(stateOf(former), 'decrypt-only');

    const page = await chromium.newPage();
    await world.signInAs(page, 'security-admin');
    await page.goto(`${world.url}/keys/${keyId}`);
    assert.deepEqual(await openSteps(page), ['Retire the former key']);
    await look(page, 'keys-retire');
    await page.getByRole('button', { name: `Retire ${former}` }).click();
    await page.getByText('The key is out of use.').waitFor();
    assert.deepEqual(await openSteps(page), []);
  });

  test('who may not change keys sees no button, and is refused without one', async () => {
    for (const role of ['mail-admin', 'auditor'] as const) {
      const page = await chromium.newPage();
      await world.signInAs(page, role);
      await page.goto(`${world.url}/keys`);
      assert.equal(await page.locator('main form, main a.button').count(), 0);
      const body = { domain: DOMAIN, class: 'domain-signing', algorithm: 'rsa-3072' };
      const answer = await world.call(role, '/api/v1/keys', { method: 'POST', body });
      assert.equal(answer.status, 403);
      assert.equal(
        (await page.goto(`${world.url}/keys/new?domain=${DOMAIN}&class=dkim`))?.status(),
        403,
      );
    }
    const approver = await world.call('approver', '/api/v1/keys');
    assert.equal(approver.status, 403);
  });

  test('DNS and reports are there for their readers, also while no name server answers', async () => {
    const page = await chromium.newPage();
    await world.signInAs(page, 'mail-admin');
    await page.goto(`${world.url}/dns`);
    await page.getByRole('link', { name: 'Check now' }).click();
    await page.getByText('not known').first().waitFor({ timeout: 25_000 });
    await look(page, 'dns-checked');
    const [from, to] = [`alice@${DOMAIN}`, `bob@${DOMAIN}`];
    const data = textMessage({ from, to, text: 'hello', subject: 'hello' });
    await sendMessage(world.gateway.relay, { from, to: [to], data });
    await world.gateway.waitForEvent(({ kind }) => kind === 'relayed');
    await keepReport(world.gateway.layout.tlsReportsReceived, new Date('2026-11-21T00:00:00Z'));
    const reports = await page.goto(`${world.url}/reports`);
    assert.equal(reports?.status(), 200);
    await page.getByText('Certificate of our key').first().waitFor();
    await page.getByText('the certificate has ended').waitFor();
    assert.match((await page.textContent('main')) ?? '', /3 sessions: .* at gw\.acme\.example/);
    assert.equal(await page.locator('main script').count(), 0);
    await look(page, 'reports');
    const posture = await world.call('approver', '/api/v1/reports/posture?days=7');
    assert.equal((posture.json() as { steps: unknown[] }).steps.length, 7);
    const hostile = await page.goto(`${world.url}/dns?domain=${encodeURIComponent(HOSTILE)}`);
    assert.equal(hostile?.status(), 404);
    assert.equal(await page.locator('main script').count(), 0);
    const unknown = await world.call('mail-admin', '/api/v1/dns?domain=other.example');
    assert.equal(unknown.status, 404);
  });
});
