import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CSRF, HOST, type TestConsole, testConsole } from './testing.ts';

describe('the server of the console', () => {
  let world: TestConsole;
  before(async () => {
    world = await testConsole();
  });
  after(async () => await world[Symbol.asyncDispose]());

  for (const [what, url, as] of [
    ['a page', '/messages', 'auditor'],
    ['a page that is not there', '/no/such/page', 'auditor'],
    ['the way to sign in', '/messages', null],
    ['the API', '/api/v1/messages', 'auditor'],
    ['a problem of the API', '/api/v1/messages', null],
  ] as const) {
    test(`${what} allows no script but our own, no frame, and no copy in a cache`, async () => {
      const { headers } = await world.ask({ as, url });
      const policy = String(headers['content-security-policy']);
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.match(policy, /form-action 'self'/);
      assert.match(policy, /base-uri 'none'/);
      assert.doesNotMatch(policy, /unsafe|\*|https?:/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['referrer-policy'], 'no-referrer');
      assert.equal(headers['cache-control'], 'no-store');
      assert.match(String(headers['strict-transport-security']), /^max-age=\d{8}$/);
    });
  }

  test('no page has a script, a style or a handler of its own', async () => {
    for (const url of ['/', '/messages', '/queue', '/audit', '/audit/guide', '/nowhere']) {
      const { payload } = await world.ask({ as: 'auditor', url });
      assert.doesNotMatch(
        payload,
        /<style|\sstyle=|\son[a-z]+=|javascript:|<script(?! type="module" src="\/assets\/)/i,
      );
    }
  });

  test('a name that only leads here is refused (DNS rebinding)', async () => {
    for (const host of ['evil.example', `${HOST}:444`, `${HOST}.`, '127.0.0.1', '']) {
      const answer = await world.ask({ as: 'auditor', url: '/messages', headers: { host } });
      assert.equal(answer.statusCode, 421, host);
      assert.equal(answer.payload, '');
    }
  });

  test('style and scripts have a name that changes with them, and may be kept', async () => {
    const { payload } = await world.ask({ as: 'auditor', url: '/' });
    const [, address = ''] = /href="(\/assets\/[0-9a-f]{16}\/console\.css)"/.exec(payload) ?? [];
    const plain = await world.ask({ url: address });
    assert.equal(plain.statusCode, 200);
    assert.match(String(plain.headers['cache-control']), /immutable/);
    const brotli = await world.ask({ url: address, headers: { 'accept-encoding': 'br' } });
    assert.equal(brotli.headers['content-encoding'], 'br');
    assert.ok(brotli.rawPayload.length < plain.rawPayload.length / 2);
    const script = await world.ask({ url: address.replace('console.css', 'console.js') });
    assert.match(String(script.headers['content-type']), /^text\/javascript/);
    assert.doesNotMatch(script.payload, /: (string|number|Promise<void>)\b/);
    for (const name of ['..%2f..%2fpackage.json', 'console.ts', 'tsconfig.json', 'none.js']) {
      const answer = await world.ask({ url: address.replace('console.css', name) });
      assert.equal(answer.statusCode, 404, name);
    }
  });

  test('who is nobody is sent to sign in, and comes back to an address of ours only', async () => {
    const answer = await world.ask({ url: '/messages?outcome=held' });
    assert.equal(answer.statusCode, 303);
    assert.equal(answer.headers.location, '/sign-in?next=%2Fmessages%3Foutcome%3Dheld');
    const post = await world.ask({ method: 'POST', url: '/theme', form: { theme: 'dark' } });
    assert.equal(post.headers.location, '/sign-in');
  });

  test('a form that does not come from our pages changes nothing', async () => {
    for (const csrf of ['', 'guessed', `${CSRF} `]) {
      const form = { theme: 'dark', csrf };
      const answer = await world.ask({ as: 'auditor', method: 'POST', url: '/theme', form });
      assert.equal(answer.statusCode, 403, csrf);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
  });

  test('the appearance is kept in a cookie that scripts cannot read', async () => {
    const form = { theme: 'dark', back: '/messages' };
    const answer = await world.ask({ as: 'auditor', method: 'POST', url: '/theme', form });
    assert.equal(answer.headers.location, '/messages?notice=theme-changed');
    const cookie = String(answer.headers['set-cookie']);
    assert.match(cookie, /^__Host-theme=dark;/);
    for (const word of ['Secure', 'HttpOnly', 'SameSite=Strict', 'Path=/']) {
      assert.ok(cookie.includes(word), word);
    }
    const headers = { cookie: '__Host-theme=dark' };
    const page = await world.ask({ as: 'auditor', url: '/messages', headers });
    assert.match(page.payload, /data-theme="dark"/);
    const odd = { cookie: '__Host-theme="><script>' };
    const other = await world.ask({ as: 'auditor', url: '/messages', headers: odd });
    assert.match(other.payload, /data-theme="auto"/);
  });

  test('a form leads back to an address of ours, and to no other', async () => {
    for (const back of [
      '//evil.example',
      '/\\evil.example',
      'https://evil.example',
      '/a\r\nb: c',
    ]) {
      const form = { theme: 'light', back };
      const answer = await world.ask({ as: 'auditor', method: 'POST', url: '/theme', form });
      assert.equal(answer.headers.location, '/?notice=theme-changed', back);
    }
  });

  test('a notice is one of ours, and nothing that an address says', async () => {
    const shown = await world.ask({ as: 'auditor', url: '/messages?notice=saved' });
    assert.match(shown.payload, /role="status">Saved\.</);
    for (const key of ['constructor', '__proto__', '<script>', 'toString']) {
      const url = `/messages?notice=${encodeURIComponent(key)}`;
      const { payload } = await world.ask({ as: 'auditor', url });
      assert.doesNotMatch(payload, /class="notice/, key);
    }
  });

  test('what cannot be read is refused as such, and is no fault of the console', async () => {
    const large = { theme: 'x'.repeat(1_100_000) };
    const answer = await world.ask({ as: 'auditor', method: 'POST', url: '/theme', form: large });
    assert.equal(answer.statusCode, 413);
    const headers = { 'content-type': 'text/odd' };
    const odd = await world.ask({ as: 'auditor', method: 'POST', url: '/theme', json: 1, headers });
    assert.equal(odd.statusCode, 415);
    const url = '/messages/%E0%A4%A';
    assert.equal((await world.ask({ as: 'auditor', url })).statusCode, 400);
  });

  test('a surprise is a number in the log, and no word of it on the page', async () => {
    const { messages } = world.desk;
    const { search } = messages;
    Object.assign(messages, { search: async () => await Promise.reject(new Error('secret path')) });
    const page = await world.ask({ as: 'auditor', url: '/messages' });
    const api = await world.ask({ as: 'auditor', url: '/api/v1/messages' });
    Object.assign(messages, { search });
    for (const { statusCode, payload } of [page, api]) {
      assert.equal(statusCode, 500);
      assert.doesNotMatch(payload, /secret path/);
      assert.match(payload, /req-/);
    }
  });
});
