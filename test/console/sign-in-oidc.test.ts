/** Signing in at an OpenID provider: `oidc-provider` for the way it goes, a liar for all others. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { Provider, rolesOf } from '../../services/console/src/sign-in/provider.ts';
import { makeCa } from '../harness/ca.ts';
import { BROWSER_PACKAGES, startChromium } from '../harness/chromium.ts';
import { type ConsoleGateway, startConsole } from '../harness/console.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { skipWithout } from '../harness/install-peers.ts';
import {
  CLIENT_ID,
  CLIENT_SECRET,
  type Lie,
  type LyingProvider,
  startLyingProvider,
  startOidcProvider,
} from '../harness/oidc.ts';

const ORIGIN = 'https://gw.acme.example';
const ROLES = { 'console-audit': ['auditor'], 'console-mail': ['mail-admin'] };

describe('what a provider says that cannot be believed', () => {
  let liar: LyingProvider;
  let make: (options?: { readonly anchors?: 'others' }) => Provider;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;

  before(async () => {
    folder = await temporaryFolder('oidc-client');
    const at = (name: string): string => join(folder.path, name);
    await mkdir(at('others'));
    const ca = await makeCa(folder.path);
    const others = await makeCa(at('others'));
    await writeFile(at('secret'), CLIENT_SECRET, { mode: 0o600 });
    liar = await startLyingProvider(ca);
    make = ({ anchors } = {}) =>
      new Provider(
        {
          issuer: liar.issuer,
          clientId: CLIENT_ID,
          clientSecretFile: at('secret'),
          anchorsFile: (anchors === 'others' ? others : ca).certificateFile,
          roleClaim: 'groups',
          roles: ROLES,
        },
        ORIGIN,
      );
  });
  after(async () => {
    await liar?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  const now = new Date();
  /** Goes there and comes back with a code that stands for a lie. */
  const travel = async (lie?: Lie, change: (back: URL) => void = () => undefined) => {
    const provider = make();
    const { journey } = await provider.depart({ next: '/', anew: false, now });
    const back = new URL('/sign-in/provider/return', ORIGIN);
    back.searchParams.set('code', liar.tell(journey.nonce, lie));
    back.searchParams.set('state', journey.state);
    change(back);
    return { provider, journey, back, arrive: () => provider.arrive(back, journey, now) };
  };

  const lies: Readonly<Record<string, Lie>> = {
    'another nonce': { claims: { nonce: 'other' } },
    'no nonce': { claims: { nonce: undefined } },
    'another audience': { claims: { aud: 'somebody-else' } },
    'more audiences and another party': { claims: { aud: [CLIENT_ID, 'x'], azp: 'x' } },
    'another issuer': { claims: { iss: 'https://evil.example' } },
    'an end long ago': { claims: { exp: 1_000 } },
    'no subject': { claims: { sub: undefined } },
    'a signature by another key': { otherKey: true },
    'no signature': { algorithm: 'none' },
  };
  for (const [what, lie] of Object.entries(lies)) {
    test(`an ID token with ${what} is refused`, async () => {
      const { arrive } = await travel(lie);
      await assert.rejects(arrive());
    });
  }

  test('another state, no state, an error or another issuer in the address is refused', async () => {
    const changes: ((back: URL) => void)[] = [
      (back) => back.searchParams.set('state', 'other'),
      (back) => back.searchParams.delete('state'),
      (back) => back.searchParams.delete('code'),
      (back) => back.searchParams.set('error', 'access_denied'),
      (back) => back.searchParams.set('iss', 'https://evil.example'),
    ];
    for (const change of changes) {
      const { arrive } = await travel({}, change);
      await assert.rejects(arrive());
    }
  });

  test('a code works once, and only with the verifier of its journey (RFC 7636)', async () => {
    const first = await travel();
    assert.equal((await first.arrive()).subject, 'person-1');
    assert.equal(liar.asked.at(-1)?.get('code_verifier'), first.journey.verifier);
    await assert.rejects(first.arrive(), 'the code again');
  });

  test('a provider whose certificate leads to other anchors is not talked to', async () => {
    const provider = make({ anchors: 'others' });
    await assert.rejects(provider.depart({ next: '/', anew: false, now }));
  });

  test('the way there carries state, nonce and an S256 challenge; anew asks for a new sign-in', async () => {
    const { to } = await make().depart({ next: '/', anew: true, now });
    const { searchParams } = new URL(to);
    assert.equal(searchParams.get('code_challenge_method'), 'S256');
    for (const name of ['state', 'nonce', 'code_challenge']) {
      assert.ok((searchParams.get(name)?.length ?? 0) >= 32, name);
    }
    assert.equal(searchParams.get('prompt'), 'login');
    const { provider, journey, back } = await travel({ claims: { auth_time: 1_000 } });
    await assert.rejects(provider.arrive(back, { ...journey, anew: true }, now), 'an old sign-in');
  });

  test('only values that were mapped give roles', () => {
    assert.deepEqual(rolesOf(undefined, ROLES), []);
    assert.deepEqual(rolesOf('constructor', ROLES), []);
    assert.deepEqual(rolesOf({ 'console-audit': true }, ROLES), []);
    assert.deepEqual(rolesOf('console-audit', ROLES), ['auditor']);
    assert.deepEqual(rolesOf(['x', 'console-mail', 7, 'console-audit'], ROLES), [
      'mail-admin',
      'auditor',
    ]);
  });
});

describe('signing in at oidc-provider', { skip: skipWithout(...BROWSER_PACKAGES) }, () => {
  let console: ConsoleGateway;
  let chromium: Awaited<ReturnType<typeof startChromium>>;
  const peers: AsyncDisposable[] = [];

  before(async () => {
    const folder = await temporaryFolder('oidc-ca');
    const ca = await makeCa(folder.path, 'CA of the provider');
    const { certificateFile: anchorsFile } = ca;
    console = await startConsole({
      prepare: async ({ gateway, url }) => {
        const peer = await startOidcProvider(ca, `${url}/sign-in/provider/return`);
        peers.push(peer, folder);
        const { issuer } = peer;
        await writeFile(join(gateway.folder, 'oidc-secret'), CLIENT_SECRET, { mode: 0o600 });
        return {
          oidc: {
            issuer,
            clientId: CLIENT_ID,
            clientSecretFile: 'oidc-secret',
            anchorsFile,
            roles: ROLES,
          },
        };
      },
    });
    const hosts = [console.gateway.name, 'localhost'];
    chromium = await startChromium({
      caFile: console.gateway.caFile,
      otherCaFile: anchorsFile,
      hosts,
    });
  });
  after(async () => {
    await chromium?.[Symbol.asyncDispose]();
    await console?.[Symbol.asyncDispose]();
    for (const peer of peers) await peer[Symbol.asyncDispose]();
  });

  const arrive = async (page: Page, login: string): Promise<void> => {
    await page.goto(`${console.url}/sign-in?next=/account`);
    await page.click('a:has-text("Sign in with your organisation")');
    await page.fill('input[name=login]', login);
    await page.fill('input[name=password]', 'anything');
    await page.click('button[type=submit]');
    await page.click('button[type=submit]');
  };

  test('a person without a mapped group is refused in a sentence, and no account is made', async () => {
    const page = await chromium.newPage();
    await arrive(page, 'eve+everybody');
    await page.waitForURL('**/sign-in/provider/return?**');
    assert.match((await page.textContent('main')) ?? '', /none of your groups there has a role/);
    assert.equal(
      (await console.store.read()).accounts.some(({ oidc }) => oidc !== null),
      false,
    );
    const [refusal] = await console.gateway.events('console-sign-in-refused');
    assert.equal(refusal?.facts['reason'], 'no-role');
  });

  test('a person with one signs in, is the same account again, and has no password here', async () => {
    const page = await chromium.newPage();
    await arrive(page, 'ann+console-audit');
    await page.waitForURL(`${console.url}/account`);
    const text = (await page.textContent('main')) ?? '';
    assert.match(text, /auditor/);
    assert.match(text, /the OpenID provider/);
    assert.ok(!text.includes('Change the password'));
    const again = await chromium.newPage();
    await arrive(again, 'ann+console-audit');
    await again.waitForURL(`${console.url}/account`);
    const { accounts } = await console.store.read();
    assert.equal(accounts.filter(({ oidc }) => oidc !== null).length, 1);
  });

  test('the way back works in the browser that went, and there once', async () => {
    const page = await chromium.newPage();
    let back = '';
    page.on('request', (request) => {
      if (request.url().includes('/provider/return')) back = request.url();
    });
    await arrive(page, 'bob+console-mail');
    await page.waitForURL(`${console.url}/account`);
    const elsewhere = await chromium.newPage();
    assert.equal(
      (await elsewhere.goto(back))?.status(),
      403,
      'login of somebody else forced on one',
    );
    const path = back.slice(console.url.length);
    assert.equal((await console.call(null, path)).status, 403);
    assert.equal((await page.goto(back))?.status(), 403, 'again');
  });
});
