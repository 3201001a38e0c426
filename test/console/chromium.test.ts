import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { makeCa } from '../harness/ca.ts';
import {
  addAuthenticator,
  axeFaults,
  BROWSER_PACKAGES,
  startChromium,
  watchErrors,
} from '../harness/chromium.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { skipWithout } from '../harness/install-peers.ts';

const HOST = 'gw.acme.example';
const skip = skipWithout(...BROWSER_PACKAGES);

/** One small page under a certificate for a real host name, and a browser that believes it. */
async function stage(t: TestContext, body: string) {
  const folder = await temporaryFolder('page');
  t.after(() => folder[Symbol.asyncDispose]());
  const ca = await makeCa(folder.path);
  const issued = await ca.issueServer('page', [HOST]);
  const key = await readFile(issued.keyFile);
  const server = createServer({ cert: issued.pem, key }, (_, reply) => {
    reply.setHeader('content-type', 'text/html; charset=utf-8');
    reply.setHeader('content-security-policy', "default-src 'none'; script-src 'self'");
    reply.end(`<!doctype html><html lang="en"><title>Page</title><main>${body}</main></html>`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const chromium = await startChromium({ caFile: ca.certificateFile, hosts: [HOST] });
  t.after(() => chromium[Symbol.asyncDispose]());
  const { port } = server.address() as AddressInfo;
  return { chromium, url: `https://${HOST}:${port}/`, port };
}

test('the browser believes the test CA on a real host name, and reaches nobody else', {
  skip,
}, async (t) => {
  const { chromium, url, port } = await stage(t, '<h1>Here</h1>');
  for (const host of ['other.example', '127.0.0.2']) {
    const elsewhere = await chromium.newPage();
    await assert.rejects(elsewhere.goto(`https://${host}:${port}/path`), /ERR_/, host);
  }
  const page = await chromium.newPage();
  assert.equal((await page.goto(url))?.status(), 200);
  assert.equal(await page.textContent('h1'), 'Here');
});

test('axe finds what is wrong under a policy that lets no script in', { skip }, async (t) => {
  const { chromium, url } = await stage(t, '<h1>Here</h1><img src="data:,"><input>');
  const page = await chromium.newPage({ width: 390, colorScheme: 'dark' });
  const errors = watchErrors(page);
  await page.goto(url);
  const faults = await axeFaults(page);
  assert.ok(faults.some((line) => line.startsWith('image-alt')));
  assert.ok(faults.some((line) => line.startsWith('label')));
  const script = page.locator('script');
  await page.evaluate('1').catch(() => undefined);
  assert.equal(await script.count(), 0);
  assert.ok(
    errors.every((line) => !line.includes('axe')),
    errors.join(),
  );
});

test('a virtual authenticator makes a passkey for the host', { skip }, async (t) => {
  const { chromium, url } = await stage(t, '<h1>Here</h1>');
  const page = await chromium.newPage();
  await page.goto(url);
  const authenticator = await addAuthenticator(page);
  const make = (): Promise<string> =>
    page.evaluate(`navigator.credentials
      .create({
        publicKey: {
          challenge: new Uint8Array(16),
          rp: { id: ${JSON.stringify(HOST)}, name: 'test' },
          user: { id: new Uint8Array(16), name: 'ann', displayName: 'ann' },
          pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
          authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
          timeout: 3000,
        },
      })
      .then(({ type }) => type, ({ name }) => name)`);
  await authenticator.setVerified('no');
  assert.equal(await make(), 'NotAllowedError');
  await authenticator.setVerified('yes');
  assert.equal(await make(), 'public-key');
  assert.equal(await authenticator.count(), 1);
});
