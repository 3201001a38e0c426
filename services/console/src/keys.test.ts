import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  adviseProtocol,
  type CallResult,
  type Handlers,
  IpcRefused,
  type KeyDeskProtocol,
  keyDeskProtocol,
  keyholderConsoleProtocol,
  type PublicKeyFacts,
  serveSocket,
} from '@sallyport/ipc';
import { createLogger } from '@sallyport/log';
import { CSRF, NOW, type TestConsole, testConsole } from './testing.ts';
import { keyFacts } from './testing-keys.ts';

const HOSTILE = '"><script>alert(1)</script>';
const DAY_MS = 86_400_000;
const inDays = (days: number): string => new Date(NOW.getTime() + days * DAY_MS).toISOString();

function certificate(days: number, subject = 'CN=domain-signing-authority') {
  const names = { subject, issuer: 'CN=Root', serial: '0a', fingerprint: 'f'.repeat(64) };
  return { ...names, der: 'MAA=', notBefore: inDays(-300), notAfter: inDays(days) };
}

/** One key a page, so that more than one page is asked for. */
const KEYS: readonly PublicKeyFacts[] = [
  keyFacts('dsa-1', { certificate: certificate(12) }),
  keyFacts('dsa-2', {
    state: 'pending',
    certificate: certificate(700, HOSTILE),
    activateAt: inDays(2),
  }),
  keyFacts('dsa-3', { state: 'generated' }),
  keyFacts('dsa-5', { state: 'pending', certificate: certificate(600) }),
  keyFacts('dsa-6', { domain: 'two.example', certificate: certificate(600) }),
  keyFacts('dsa-7', { domain: 'two.example', certificate: certificate(600) }),
  keyFacts('dsa-4', { state: 'retired', certificate: certificate(1), isRevoked: true }),
];

type Check = CallResult<typeof adviseProtocol, 'dnsCheck'>['checks'][number];

describe('keys, DNS and reports in the console', () => {
  const stack = new AsyncDisposableStack();
  let world: TestConsole;
  const orders: object[] = [];
  let checks: readonly Check[] = [];
  let long = false;
  const page = async (url: string): Promise<string> => {
    const answer = await world.ask({ as: 'security-admin', url });
    assert.equal(answer.statusCode, 200, answer.body);
    assert.doesNotMatch(answer.body, /<script>alert/);
    return answer.body;
  };

  const take = (name: string) => (order: object) => {
    orders.push({ name, ...order });
    const keyId = 'keyId' in order ? String(order.keyId) : 'dsa-9';
    if (keyId === 'dsa-6') throw new Error('the disk went away half-way');
    if (keyId === 'dsa-4') throw new IpcRefused(null, `Refused ${HOSTILE}`);
    return { keyId, state: 'pending' as const, activateAt: null, former: [] };
  };
  const line = { name: 'a.acme.example.', type: 'TXT', data: `"${HOSTILE}"`, purpose: HOSTILE };
  const desk: Handlers<KeyDeskProtocol> = {
    generate: take('generate'),
    takeCertificate: take('takeCertificate'),
    schedule: take('schedule'),
    cancel: take('cancel'),
    activate: take('activate'),
    retire: take('retire'),
    zone: ({ domain }) => {
      if (domain !== null && domain !== 'acme.example')
        throw new IpcRefused(null, 'No such domain.');
      const own = { domain: 'acme.example', domains: ['acme.example', 'two.example'] };
      const data = long ? 'x'.repeat(20_000) : line.data;
      return { ...own, records: [{ ...line, type: 'TXT', data }], files: [] };
    },
    linesOf: ({ keyId }) => ({
      records: [{ ...line, type: 'SMIMEA', data: `3 0 0 ${keyId}` }],
    }),
  };

  before(async () => {
    world = stack.use(await testConsole());
    const logger = createLogger({ service: 't', now: () => NOW, write: () => undefined });
    const { sockets } = world.options;
    const keyholder = await serveSocket({
      path: sockets.keyholder,
      protocol: keyholderConsoleProtocol,
      handlers: {
        list: ({ after: last }) => {
          const at = KEYS.findIndex(({ keyId }) => keyId === last) + 1;
          const keys = KEYS.slice(at, at + 1);
          const next = at + 1 < KEYS.length ? (keys[0]?.keyId ?? null) : null;
          const quarantined = [
            { keyId: 'dsa-3', reason: `broken ${HOSTILE}` },
            { keyId: 'dsa-5', reason: 'does not open' },
            { keyId: 'torn', reason: 'not JSON' },
          ];
          return { keys, next, quarantined };
        },
        signCsr: () => ({ csr: Buffer.alloc(100).toString('base64') }),
      },
      logger,
    });
    stack.defer(() => keyholder.close());
    const keyDesk = await serveSocket({
      path: sockets.keyDesk,
      protocol: keyDeskProtocol,
      handlers: desk,
      logger,
    });
    stack.defer(() => keyDesk.close());
    const advise = await serveSocket({
      path: sockets.advise,
      protocol: { dnsCheck: adviseProtocol.dnsCheck, tlsReports: adviseProtocol.tlsReports },
      handlers: {
        dnsCheck: () => ({ checks: [...checks] }),
        tlsReports: () => ({ reports: [], before: null }),
      },
      logger,
    });
    stack.defer(() => advise.close());
  });
  after(() => stack.disposeAsync());

  test('all pages of the keyholder are read; what ends soon, is broken or unreadable is said', async () => {
    const body = await page('/keys');
    for (const { keyId } of KEYS) assert.match(body, new RegExp(`href="/keys/${keyId}"`));
    assert.match(body, /The certificate ends in 12 days/);
    assert.match(body, /torn: not JSON/);
    assert.match(body, /dsa-3: broken/);
    assert.match(body, /No encryption key is in use/);
  });

  test('a key whose certificate nobody can read now is shown with what the keyholder knows', async () => {
    const body = await page('/keys/dsa-2');
    assert.match(body, /Further fields are not shown now/);
    assert.match(body, /&lt;script&gt;alert\(1\)/);
    assert.match(body, /Take the plan back/);
  });

  test('a key that is not there is 404, and a name that can be none too', async () => {
    for (const url of [
      '/keys/dsa-99',
      '/keys/%2e%2e%2fetc',
      '/keys/UPPER',
      '/keys/new?class=dkim',
    ]) {
      assert.equal((await world.ask({ as: 'security-admin', url })).statusCode, 404, url);
    }
  });

  test('what is refused is said on the page of the key, with its sentence and nothing else', async () => {
    const url = '/keys/dsa-4/activate';
    const answer = await world.ask({ as: 'security-admin', method: 'POST', url, form: {} });
    assert.equal(answer.statusCode, 409);
    assert.match(answer.body, /Refused &quot;&gt;&lt;script/);
    assert.match(answer.body, /Nothing was changed/);
  });

  test('of what broke half-way nobody says that nothing was changed', async () => {
    const url = '/keys/dsa-6/retire';
    const answer = await world.ask({ as: 'security-admin', method: 'POST', url, form: {} });
    assert.equal(answer.statusCode, 500);
    assert.doesNotMatch(answer.body, /Nothing was changed|half-way|internal/);
    const headers = { 'x-csrf': CSRF };
    const api = { as: 'security-admin', method: 'POST', url: `/api/v1${url}`, headers } as const;
    assert.equal((await world.ask(api)).statusCode, 500);
  });

  test('a time that is none plans nothing', async () => {
    const before = orders.length;
    for (const at of ['', 'tomorrow', '2030-13-01T00:00', '2030-01-01', '99999-01-01T00:00']) {
      const url = '/keys/dsa-2/schedule';
      const answer = await world.ask({ as: 'security-admin', method: 'POST', url, form: { at } });
      assert.equal(answer.statusCode, 422, at);
    }
    assert.equal(orders.length, before);
  });

  test('an order carries who gave it; a form leads back to the key', async () => {
    const form = { at: '2030-01-31T06:00' };
    const url = '/keys/dsa-2/schedule';
    const answer = await world.ask({ as: 'security-admin', method: 'POST', url, form });
    assert.equal(answer.statusCode, 303);
    assert.match(String(answer.headers.location), /^\/keys\/dsa-2\?notice=key-scheduled$/);
    const by = 'security-admin@acme.example';
    const at = '2030-01-31T06:00:00.000Z';
    assert.deepEqual(orders.at(-1), { name: 'schedule', keyId: 'dsa-2', at, by });
  });

  test('a form leads to keys only, wherever it would like to lead', async () => {
    const form = { back: '//evil.example/' };
    const url = '/keys/dsa-1/retire';
    const answer = await world.ask({ as: 'security-admin', method: 'POST', url, form });
    assert.match(String(answer.headers.location), /^\/keys\/dsa-1\?/);
  });

  test('a key that is left out for its broken files is neither offered nor put in use', async () => {
    const before = orders.length;
    for (const [path, form] of [
      ['activate', {}],
      ['schedule', { at: '2030-01-31T06:00' }],
    ] as const) {
      const url = `/keys/dsa-5/${path}`;
      const answer = await world.ask({ as: 'security-admin', method: 'POST', url, form });
      assert.equal(answer.statusCode, 409);
      assert.match(answer.body, /The files of the key dsa-5 are broken/);
    }
    assert.equal(orders.length, before);
    assert.doesNotMatch(await page('/keys/dsa-5'), /Take over now|Plan the take-over/);
  });

  test('a signing key that stands beside another one is not said to open mail', async () => {
    const body = await page('/keys/dsa-6');
    assert.match(body, /Retire dsa-7/);
    assert.match(body, /sign every message together/);
    assert.doesNotMatch(body, /opens? mail/);
  });

  test('nobody is told that lines are seen that were not asked for', async () => {
    checks = [];
    const body = await page('/keys/dsa-2?check=1');
    assert.doesNotMatch(body, /The world sees all/);
    assert.match(body, /Not all of these lines are seen yet/);
    long = true;
    const dns = await page('/dns?check=1');
    const answer = await world.ask({ as: 'security-admin', url: '/api/v1/dns/check' });
    long = false;
    assert.doesNotMatch(dns, /The world sees all/);
    assert.match(dns, /Some lines are too long/);
    const { unchecked } = answer.json<{ unchecked: { name: string }[] }>();
    assert.deepEqual(
      unchecked.map(({ name }) => name),
      ['a.acme.example.'],
    );
  });

  test('a request for a certificate is on record with who asked, before the keyholder signs', async () => {
    const url = '/keys/dsa-3/request';
    const answer = await world.ask({ as: 'security-admin', method: 'POST', url, form: {} });
    assert.equal(answer.statusCode, 200);
    assert.match(String(answer.headers['content-disposition']), /filename="dsa-3\.csr\.pem"/);
    assert.match(answer.body, /^-----BEGIN CERTIFICATE REQUEST-----\nA{64}\n/);
    const [order] = await world.logged('console-order');
    assert.equal(order?.personal['by'], 'security-admin@acme.example');
    assert.deepEqual(order?.facts['details'], { keyId: 'dsa-3' });
  });

  test('DNS: lines of a planned key stand beside the others, and differences are explained', async () => {
    const other = { name: 'b.acme.example.', type: 'SMIMEA', dnssec: 'insecure' } as const;
    const seen = HOSTILE;
    checks = [
      { ...other, status: 'ok', expected: 'x', seen: 'x' },
      { ...other, status: 'different', expected: 'x', seen },
      { ...other, status: 'missing', expected: 'x', seen: null },
      { ...other, status: 'extra', expected: null, seen },
    ];
    const body = await page('/dns?check=1');
    assert.match(body, /SMIMEA 3 0 0 dsa-2/);
    assert.match(body, /for dsa-2, which is planned to take over/);
    assert.match(body, /3 of 4 lines are not seen as they should be/);
    assert.match(body, /the line of a former key or setting: replace it/);
    assert.match(body, /only under DNSSEC, and it is not signed/);
    const url = '/dns?domain=other.example';
    assert.equal((await world.ask({ as: 'security-admin', url })).statusCode, 404);
  });

  test('reports name what is missing while a part of the gateway is away', async () => {
    const body = await page('/reports');
    assert.match(body, /12 days/);
    assert.match(body, /No mail left in this time/);
    assert.match(body, /No report was received/);
  });
});
