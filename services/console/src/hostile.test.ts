/** Texts of strangers in every field that a page shows: nothing of them becomes markup. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AuditEvent } from '@sallyport/audit-log';
import type { QueueEntry } from '@sallyport/ipc';
import { newQueueId } from '@sallyport/mail';
import { pages } from './pages/index.ts';
import { NOW, type TestConsole, testConsole } from './testing.ts';

const MARKUP = `"><script>alert(1)</script><img src=x onerror=alert(1)>'\`&<!--</main>`;
const TURNED = '\u202egnp.exe\u2066';
const LONG = `${MARKUP}${'x'.repeat(4_000)}`;
const HOSTILE = `${MARKUP}${TURNED}`;
const ADDRESS = `"${MARKUP.replaceAll('"', '')}"@bravo.example`;

const ID = newQueueId(NOW);
const COPY = newQueueId(NOW);
const OUT = newQueueId(NOW);
const WAITS = newQueueId(NOW);

const common = {
  sentence: HOSTILE,
  rule: HOSTILE.slice(0, 128),
  policyVersion: 1,
  details: { odd: HOSTILE },
  personal: {
    reversePath: ADDRESS,
    forwardPath: LONG.slice(0, 4_096),
    helo: HOSTILE,
    by: HOSTILE,
    login: LONG.slice(0, 4_096),
  },
};
const tls = { version: HOSTILE, cipher: HOSTILE, level: HOSTILE, result: HOSTILE };

/** What a stranger can bring into the log. */
const EVENTS: readonly AuditEvent[] = [
  {
    kind: 'accepted',
    queueId: ID,
    origin: 'inward',
    sizeBytes: 1,
    recipients: 1,
    evidence: HOSTILE,
    tls,
    ...common,
  },
  {
    kind: 'opened',
    queueId: ID,
    verdict: {
      signature: 'invalid',
      signatureType: HOSTILE,
      signer: HOSTILE,
      originator: 'unknown',
      mapping: null,
      encryption: 'none',
      scope: 'partial',
      reason: HOSTILE,
    },
    authentication: {
      spf: { result: HOSTILE, domain: HOSTILE },
      dkim: [{ result: HOSTILE, domain: HOSTILE }],
      dmarc: { result: HOSTILE, policy: null, domain: HOSTILE },
    },
    domains: [HOSTILE],
    ...common,
  },
  {
    kind: 'protected',
    queueId: ID,
    outputs: [{ id: OUT, folder: 'outgoing' }],
    signed: true,
    encryption: 'domain',
    keyId: HOSTILE.slice(0, 128),
    contentAlgorithm: HOSTILE,
    keyTransport: HOSTILE,
    ...common,
  },
  {
    kind: 'relayed',
    queueId: OUT,
    destination: HOSTILE,
    mx: HOSTILE,
    reply: LONG.slice(0, 2_000),
    tls,
    ...common,
  },
  { kind: 'refused', fault: 'content-refused', stage: 'data', reason: HOSTILE, ...common },
  { kind: 'held', queueId: ID, heldId: COPY, fault: 'content-refused', ...common },
  {
    kind: 'partner-key-changed',
    domain: HOSTILE,
    direction: 'encrypt',
    outcome: 'waits',
    certificate: 'a'.repeat(64),
    pinned: [],
    ...common,
  },
  { kind: 'destination-paused', destination: HOSTILE, ...common },
];

const POLICY = {
  partners: [
    {
      name: HOSTILE,
      domains: ['bravo.example'],
      agreement: { id: MARKUP, asserts: HOSTILE, validUntil: '2026-11-22', contact: MARKUP },
      outbound: { sign: 'domain', profile: 'domsec', encrypt: 'required', otherwise: 'hold' },
    },
  ],
};

function entry(id: string, more: Partial<QueueEntry>): QueueEntry {
  return {
    id,
    state: 'waiting',
    folder: 'outgoing',
    createdAt: NOW.toISOString(),
    dueAt: null,
    destination: HOSTILE,
    reversePath: ADDRESS,
    forwardPaths: [ADDRESS, `${TURNED}@bravo.example`],
    sizeBytes: 1,
    attempts: 1,
    fault: null,
    sentence: HOSTILE,
    ...more,
  };
}

/** Throws if some of a stranger's text is a tag, an attribute or a turned line by now. */
function assertHarmless(markup: string, where: string): void {
  assert.doesNotMatch(markup, /\p{Bidi_Control}/u, where);
  for (const [tag] of markup.matchAll(/<[a-z!/][^>]*>/gi)) {
    assert.doesNotMatch(tag, /^<(img|iframe|object|embed|base|meta http)|^<!--/i, where);
    // A quote in a value would end it: so values are what stands between quotes, all of it.
    assert.doesNotMatch(tag.slice(1).replace(/"[^"]*"/g, '""'), /\son\w+\s*=|[<'`]|=[^"]/i, where);
    assert.doesNotMatch(tag, /\s(?:href|src|action)="(?![/#])/i, where);
    if (/^<script/i.test(tag)) {
      assert.match(tag, /^<script type="module" src="\/assets\/[0-9a-f]+\/[a-z-]+\.js">$/, where);
    }
  }
}

describe("strangers' text on every page", () => {
  let world: TestConsole;
  before(async () => {
    world = await testConsole({ policy: POLICY });
    await world.log(...EVENTS);
    const held = { state: 'held', folder: 'hold', release: HOSTILE } as const;
    world.queue.set(COPY, entry(COPY, held));
    world.queue.set(WAITS, entry(WAITS, {}));
  });
  after(async () => await world[Symbol.asyncDispose]());

  const NAMES = [ID, COPY, OUT, WAITS, ...EVENTS.keys(), encodeURIComponent(HOSTILE)];

  test('is shown as text, wherever it comes from', async () => {
    let shown = 0;
    for (const { method, path } of pages) {
      if (method !== 'GET') continue;
      const urls = path.includes(':')
        ? NAMES.map((name) => path.replace(/:\w+/g, `${name}`))
        : [path];
      for (const url of urls) {
        for (const as of ['security-admin', 'auditor'] as const) {
          const answer = await world.ask({ as, url });
          if (!String(answer.headers['content-type']).startsWith('text/html')) continue;
          if (answer.payload.includes('&lt;script&gt;alert(1)')) shown += 1;
          assertHarmless(answer.payload, `${as} ${url}`);
        }
      }
    }
    assert.ok(shown > 20, `${shown} pages have some of it`);
  });

  test('is shown as text where it comes back from the address or a form', async () => {
    const fields = ['id', 'address', 'domain', 'outcome', 'since', 'until', 'state', 'partner'];
    const more = ['recipient', 'kind', 'text', 'by', 'notice', 'before', 'next', 'q'];
    const query = new URLSearchParams(
      [...fields, ...more].map((name): [string, string] => [name, HOSTILE]),
    );
    for (const { method, path, permission } of pages) {
      const url = `${path.replace(/:\w+/g, encodeURIComponent(HOSTILE))}?${query}`;
      const form = Object.fromEntries(query);
      for (const as of ['security-admin', 'mail-admin', 'auditor'] as const) {
        const isPost = method === 'POST';
        const answer = await world.ask({ as, method, url, ...(isPost ? { form } : {}) });
        assertHarmless(answer.payload, `${permission} ${method} ${url}`);
        assert.doesNotMatch(String(answer.headers.location ?? ''), /[<>"\r\n]/, url);
      }
    }
  });

  test('is data in the API, and never a page', async () => {
    for (const url of [
      'messages',
      `messages/${ID}`,
      'audit/events',
      'queue',
      `hold/${COPY}`,
      'now',
    ]) {
      const answer = await world.ask({ as: 'security-admin', url: `/api/v1/${url}` });
      assert.equal(answer.statusCode, 200, `${url} ${answer.payload}`);
      assert.match(String(answer.headers['content-type']), /^application\/json/);
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    }
  });
});
