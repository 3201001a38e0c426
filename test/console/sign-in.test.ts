/** Signing in as people do it, with Chromium, against a whole gateway. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BROWSER_PACKAGES, type Chromium, watchRequests } from '../harness/chromium.ts';
import { type ConsoleGateway, PASSWORD } from '../harness/console.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { type SignInSteps, type SignInWorld, startSignIn } from '../harness/sign-in-steps.ts';

const skip = skipWithout(...BROWSER_PACKAGES);

describe('signing in', { skip }, () => {
  let world: SignInWorld | undefined;
  let console: ConsoleGateway;
  let chromium: Chromium;
  let steps: SignInSteps;
  let url = '';

  before(async () => {
    world = await startSignIn();
    ({ console, chromium, steps } = world);
    ({ url } = console);
  });
  after(() => world?.[Symbol.asyncDispose]());

  test('nobody sees anything; whoever signs in goes on to what they wanted', async () => {
    const page = await chromium.newPage();
    const requests = watchRequests(page.context());
    await page.goto(`${url}/queue?state=waiting`);
    assert.equal(new URL(page.url()).pathname, '/sign-in');
    await steps.fillIn(page, 'mail-admin', 'not their password');
    assert.match((await page.textContent('.notice')) ?? '', /name or the password is wrong/);
    await steps.fillIn(page, 'nobody-here');
    const same = (await page.textContent('.notice')) ?? '';
    assert.match(same, /name or the password is wrong/, 'who has an account is not told');
    await steps.fillIn(page, 'mail-admin');
    await page.waitForURL('**/queue?state=waiting');
    assert.ok(
      requests.every((address) => address.startsWith(url)),
      'nothing leaves the host',
    );
    assert.deepEqual((await steps.refusals()).slice(-2), [
      'password wrong-password',
      'password wrong-password',
    ]);
    const [, unknown] = await console.gateway.events('console-sign-in-refused');
    assert.equal(unknown?.personal['account'], undefined, 'a typed name may be a password');
  });

  test('an address of another site is no place to go on to', async () => {
    for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', '/%0d']) {
      const page = await chromium.newPage();
      await page.goto(`${url}/sign-in?next=${encodeURIComponent(next)}`);
      await steps.fillIn(page, 'auditor');
      await page.waitForURL((address) => !address.pathname.startsWith('/sign-in'));
      assert.equal(new URL(page.url()).origin, url, next);
    }
  });

  test('the cookie is for this host alone, no script reads it, and every sign-in makes a new one', async () => {
    const page = await chromium.newPage();
    const planted = { name: '__Host-sallyport', value: 'x'.repeat(43), url, secure: true };
    await page.context().addCookies([planted]);
    await console.signInAs(page, 'auditor');
    const [first] = (await page.context().cookies(url)).filter(
      ({ name }) => name === '__Host-sallyport',
    );
    assert.ok(first !== undefined);
    assert.notEqual(first.value, planted.value, 'RFC 6265bis: a planted session is not taken up');
    assert.deepEqual(
      [first.secure, first.httpOnly, first.sameSite, first.path, first.domain],
      [true, true, 'Strict', '/', new URL(url).hostname],
    );
    await page.goto(`${url}/account`);
    await steps.signOut(page);
    const cookie = `__Host-sallyport=${first.value}`;
    const after = await console.call(null, '/account', { headers: { cookie } });
    assert.equal(after.status, 303, 'signed out is signed out, whoever kept the cookie');
  });

  test('the link of an invitation sets up password, passkey and recovery codes, once', async () => {
    const page = await chromium.newPage();
    const link = await steps.invite('carol');
    await page.goto(link);
    const tryPassword = async (password: string, again = password): Promise<string> => {
      await page.fill('[name=password]', password);
      await page.fill('[name=again]', again);
      await page.click('main button[type=submit]');
      return (await page.textContent('.notice')) ?? '';
    };
    assert.match(await tryPassword('elevenchars'), /at least 12/);
    assert.match(await tryPassword('passwordpassword'), /guessers try first/);
    assert.match(await tryPassword('i am carol, let me in'), /account name/);
    assert.match(await tryPassword(PASSWORD, `${PASSWORD}!`), /not the same/);
    await steps.takeLink(page, link);
    assert.match((await page.textContent('main')) ?? '', /has no passkey/);
    const elsewhere = await chromium.newPage();
    assert.equal((await elsewhere.goto(link))?.status(), 404);
    assert.match((await elsewhere.textContent('main')) ?? '', /used already/);
  });

  test('a passkey signs in alone; with it, the password alone does not', async () => {
    const page = await chromium.newPage();
    const authenticator = await steps.setUp(page, 'dave');
    await page.click('button:has-text("Make ten new codes")');
    const codes = ((await page.textContent('main pre')) ?? '').split('\n');
    assert.equal(codes.length, 10);
    await page.goto(`${url}/account`);
    await steps.signOut(page);

    await authenticator.setVerified('no');
    await page.click('[data-passkey] button');
    await page.waitForSelector('[data-passkey] .fault:visible');
    await authenticator.setVerified('yes');
    await page.click('[data-passkey] button');
    await page.waitForURL(`${url}/`);
    await page.goto(`${url}/account`);
    await steps.signOut(page);

    await steps.fillIn(page, 'dave');
    await page.waitForURL('**/sign-in/second');
    const bare = await console.call(null, '/account', {
      headers: {
        cookie: await steps.cookieHeader(page),
      },
    });
    assert.equal(bare.status, 303, 'half signed in is not signed in');
    await page.fill('[name=code]', 'aaaa-bbbb-cccc-dddd');
    await page.click('main button[type=submit]');
    assert.match((await page.textContent('.notice')) ?? '', /no recovery code/);
    await page.fill('[name=code]', codes[3] ?? '');
    await page.click('main button[type=submit]');
    await page.waitForURL(`${url}/`);
    await page.goto(`${url}/account`);
    assert.match((await page.textContent('main')) ?? '', /9 of ten left/);
    await steps.signOut(page);
    await steps.fillIn(page, 'dave');
    await page.waitForURL('**/sign-in/second');
    await page.fill('[name=code]', codes[3] ?? '');
    await page.click('main button[type=submit]');
    assert.match((await page.textContent('.notice')) ?? '', /used already/);
    await page.click('[data-passkey] button');
    await page.waitForURL(`${url}/`);
    const methods = (await console.gateway.events('console-signed-in'))
      .filter(({ personal }) => personal['by'] === 'dave')
      .map(({ facts }) => facts['method']);
    assert.deepEqual(methods, ['one-time-link', 'passkey', 'recovery-code', 'passkey']);
  });
});
