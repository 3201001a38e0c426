import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createTestCa } from '../../packages/transport/src/test-support/certificates.ts';
import { startScriptedServer } from '../../packages/transport/src/test-support/scripted-server.ts';
import { type Dns, startDns } from '../harness/dns.ts';
import { type Delivery, startEgressWay, type Way } from '../harness/egress-way.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { skipWithoutPort } from '../harness/low-ports.ts';
import { type PolicyHost, startPolicyHost } from '../harness/policy-host.ts';
import { freePort } from '../harness/ports.ts';
import { tlsaOf } from '../harness/tlsa.ts';

const HTTPS_PORT = 443;
const WEB = '127.0.30.80';
const MX = '127.0.30.';
const HOUR_MS = 3_600_000;
const ZONE = 'sts.example';

const ca = createTestCa();
const foreign = createTestCa();
after(() => {
  ca.remove();
  foreign.remove();
});

/** A domain of the matrix. `shows`: the server's certificate; null speaks no TLS. */
interface Plan {
  readonly name: string;
  readonly shows: 'good' | 'other-name' | 'self-signed' | 'expired' | null;
  readonly records?: readonly string[];
  /** Names in the certificate of the policy host; its own if left out. */
  readonly web?: 'own' | 'other-name' | 'untrusted';
  readonly noRecord?: boolean;
  readonly tlsa?: boolean;
}

const PLANS: readonly Plan[] = [
  { name: 'enforce', shows: 'good' },
  { name: 'enforce-misnamed', shows: 'other-name' },
  { name: 'enforce-self-signed', shows: 'self-signed' },
  { name: 'enforce-expired', shows: 'expired' },
  { name: 'enforce-clear', shows: null },
  { name: 'enforce-foreign-mx', shows: 'good' },
  { name: 'testing', shows: 'self-signed' },
  { name: 'testing-clear', shows: null },
  { name: 'testing-foreign-mx', shows: 'good' },
  { name: 'mode-none', shows: 'self-signed' },
  { name: 'wildcard', shows: 'good' },
  { name: 'wildcard-deep', shows: 'good' },
  { name: 'expires', shows: 'self-signed' },
  { name: 'changes', shows: 'self-signed' },
  { name: 'daily', shows: 'good' },
  { name: 'breaks', shows: 'self-signed' },
  { name: 'restarts', shows: 'self-signed' },
  { name: 'torn', shows: 'self-signed' },
  { name: 'absent', shows: 'self-signed' },
  { name: 'no-record', shows: 'self-signed', noRecord: true },
  { name: 'redirects', shows: 'self-signed' },
  { name: 'oversized', shows: 'self-signed' },
  { name: 'html', shows: 'self-signed' },
  { name: 'malformed', shows: 'self-signed' },
  { name: 'web-misnamed', shows: 'self-signed', web: 'other-name' },
  { name: 'web-untrusted', shows: 'self-signed', web: 'untrusted' },
  { name: 'dane-fails', shows: 'good', tlsa: false },
  { name: 'dane-fits', shows: 'self-signed', tlsa: true },
  { name: 'off', shows: 'self-signed' },
];

const domainOf = (name: string): string => `${name}.${ZONE}`;
const policy = (mode: string, mx: string, maxAge = 604_800): string =>
  `version: STSv1\r\nmode: ${mode}\r\nmx: ${mx}\r\nmax_age: ${maxAge}\r\n`;

describe('RFC 8461: the MTA-STS matrix', {
  skip: skipWithout('nsd', 'unbound', 'ldnsutils') || skipWithoutPort(HTTPS_PORT),
}, () => {
  const stack = new AsyncDisposableStack();
  let way: Way;
  let web: PolicyHost;
  let dns: Dns;
  let zoneOf: (ids?: Readonly<Record<string, string | null>>) => { records: readonly string[] };

  const mxOf = (name: string): string => `mx.${domainOf(name)}`;
  const publish = (name: string, text: string): void =>
    web.answer(`mta-sts.${domainOf(name)}`, { body: text });
  const silence = (name: string): void => web.answer(`mta-sts.${domainOf(name)}`, null);
  const fetches = (name: string): number =>
    web.asked.filter((one) => one.startsWith(`mta-sts.${domainOf(name)} `)).length;

  before(async () => {
    const mxPort = await freePort();
    const identities = PLANS.map(({ name, shows, web: host = 'own' }) => ({
      server:
        shows === null
          ? null
          : {
              good: () => ca.issue({ names: [mxOf(name)] }),
              'other-name': () => ca.issue({ names: [domainOf(name)] }),
              'self-signed': () => ca.selfSigned(mxOf(name)),
              expired: () => ca.issue({ names: [mxOf(name)], days: -1 }),
            }[shows](),
      host: {
        own: () => ca.issue({ names: [`mta-sts.${domainOf(name)}`] }),
        'other-name': () => ca.issue({ names: [domainOf(name)] }),
        untrusted: () => foreign.issue({ names: [`mta-sts.${domainOf(name)}`] }),
      }[host](),
    }));
    const certificates = new Map(
      PLANS.flatMap(({ name }, at) => {
        const shown = identities[at]?.host;
        return shown === undefined ? [] : [[`mta-sts.${domainOf(name)}`, shown] as const];
      }),
    );
    web = stack.use(await startPolicyHost({ host: WEB, port: HTTPS_PORT }, certificates));
    zoneOf = (ids = {}) => ({
      records: PLANS.flatMap(({ name, noRecord, tlsa }, at) => {
        const id = ids[name] === undefined ? '1' : ids[name];
        const shown = identities[at]?.server;
        const stranger = identities[0]?.server;
        const named = tlsa === true ? shown : stranger;
        return [
          `$ORIGIN ${domainOf(name)}.`,
          ...['@ IN MX 10 mx', `mx IN A ${MX}${at + 101}`, `mta-sts IN A ${WEB}`],
          ...(noRecord === true || id === null ? [] : [`_mta-sts IN TXT "v=STSv1; id=${id};"`]),
          ...(tlsa === undefined || named === null || named === undefined
            ? []
            : [`_${mxPort}._tcp.mx IN ${tlsaOf(named.cert, [3, 1, 1])}`]),
        ];
      }),
    });
    dns = await startDns([{ name: ZONE, kind: 'signed', ...zoneOf() }]);
    stack.defer(() => dns[Symbol.asyncDispose]());
    for (const [at, { server }] of identities.entries()) {
      const script = server === null ? {} : { identity: server };
      const host = `${MX}${at + 101}`;
      stack.use(await startScriptedServer(script, { host, port: mxPort }));
    }
    way = stack.use(await startEgressWay({ dnsPort: dns.port, mxPort, webAnchors: [ca.caPem] }));
  });
  after(() => stack.disposeAsync());

  /** Starts the DNS anew with other ids of the records. */
  const change = async (ids: Readonly<Record<string, string | null>>): Promise<void> => {
    const { port } = dns;
    await dns[Symbol.asyncDispose]();
    dns = await startDns([{ name: ZONE, kind: 'signed', ...zoneOf(ids) }], { port });
  };
  const send = (name: string, more: object = {}): Promise<Delivery> =>
    way.send(domainOf(name), { level: 'may', anchors: [ca.caPem], ...more });
  const words = ({ results }: Delivery): string[] =>
    results.map(({ policyType, result }) => `${policyType} ${result}`);
  const relayed = async (name: string, identity: string | null): Promise<Delivery> => {
    const delivery = await send(name);
    assert.equal(delivery.kind, 'relayed', delivery.sentence);
    assert.equal(delivery.identity, identity, delivery.sentence);
    return delivery;
  };
  const waits = async (name: string, fault: string): Promise<Delivery> => {
    const delivery = await send(name);
    assert.equal(delivery.kind, 'deferred', delivery.sentence);
    assert.equal(delivery.fault, fault, delivery.sentence);
    return delivery;
  };

  test('section 5: enforce, and a server that fits gets the message', async () => {
    publish('enforce', policy('enforce', mxOf('enforce')));
    assert.deepEqual(words(await relayed('enforce', 'mta-sts')), ['sts success']);
  });

  for (const [name, fault, word] of [
    ['enforce-misnamed', 'tls-not-trusted', 'certificate-host-mismatch'],
    ['enforce-self-signed', 'tls-not-trusted', 'certificate-not-trusted'],
    ['enforce-expired', 'tls-not-trusted', 'certificate-expired'],
    ['enforce-clear', 'tls-not-offered', 'starttls-not-supported'],
  ] as const) {
    test(`section 4.2: under enforce ${name} gets nothing, and nothing fails for good`, async () => {
      publish(name, policy('enforce', mxOf(name)));
      assert.deepEqual(words(await waits(name, fault)), [`sts ${word}`]);
    });
  }

  test('section 4.1: under enforce a host that the policy does not name gets nothing', async () => {
    publish('enforce-foreign-mx', policy('enforce', 'mx.other.example'));
    assert.deepEqual(words(await waits('enforce-foreign-mx', 'mta-sts-not-met')), [
      'sts validation-failure',
    ]);
  });

  test('section 5: testing delivers, and what would have failed is recorded', async () => {
    for (const [name, mx, word] of [
      ['testing', mxOf('testing'), 'certificate-not-trusted'],
      ['testing-clear', mxOf('testing-clear'), 'starttls-not-supported'],
      ['testing-foreign-mx', 'mx.other.example', 'validation-failure'],
    ] as const) {
      publish(name, policy('testing', mx));
      const delivery = await relayed(name, name === 'testing-clear' ? null : 'none');
      assert.deepEqual(words(delivery), [`sts ${word}`]);
      assert.equal(delivery.results[0]?.enforced, false);
    }
  });

  test('section 5: mode none is no policy', async () => {
    publish('mode-none', policy('none', mxOf('mode-none')));
    assert.deepEqual(words(await relayed('mode-none', 'none')), ['no-policy-found success']);
  });

  test('section 4.1: a wildcard stands for one label', async () => {
    publish('wildcard', policy('enforce', `*.${domainOf('wildcard')}`));
    await relayed('wildcard', 'mta-sts');
    publish('wildcard-deep', policy('enforce', `*.${ZONE}`));
    await waits('wildcard-deep', 'mta-sts-not-met');
  });

  test('section 3.3: a policy that cannot be had and was never known demands nothing, and is recorded', async () => {
    for (const [name, answer, word] of [
      ['absent', null, 'sts-policy-fetch-error'],
      [
        'redirects',
        {
          status: 301,
          headers: { location: `https://mta-sts.${domainOf('enforce')}/.well-known/mta-sts.txt` },
          body: '',
        },
        'sts-policy-fetch-error',
      ],
      [
        'oversized',
        { body: policy('enforce', 'x.example').padEnd(70_000, '\n') },
        'sts-policy-fetch-error',
      ],
      [
        'html',
        { contentType: 'text/html', body: policy('enforce', 'x.example') },
        'sts-policy-invalid',
      ],
      ['malformed', { body: 'version: STSv2\n' }, 'sts-policy-invalid'],
      ['web-misnamed', { body: policy('enforce', 'x.example') }, 'sts-webpki-invalid'],
      ['web-untrusted', { body: policy('enforce', 'x.example') }, 'sts-webpki-invalid'],
    ] as const) {
      web.answer(`mta-sts.${domainOf(name)}`, answer);
      assert.deepEqual(words(await relayed(name, 'none')), [`sts ${word}`], name);
    }
  });

  test('section 3.3: a fetch that failed is not tried again for five minutes', async () => {
    const before_ = fetches('malformed');
    await relayed('malformed', 'none');
    assert.equal(fetches('malformed'), before_);
  });

  test('section 3.1: without a record nobody asks the policy host', async () => {
    publish('no-record', policy('enforce', 'mx.other.example'));
    await relayed('no-record', 'none');
    assert.equal(fetches('no-record'), 0);
  });

  test('mtaSts: off asks nobody', async () => {
    publish('off', policy('enforce', 'mx.other.example'));
    const { kind } = await send('off', { mtaSts: 'off' });
    assert.equal(kind, 'relayed');
    assert.equal(fetches('off'), 0);
  });

  test('section 2: a policy that is met does not lift what DANE refuses', async () => {
    publish('dane-fails', policy('enforce', mxOf('dane-fails')));
    assert.ok(
      words(await waits('dane-fails', 'tls-not-trusted')).includes('tlsa certificate-not-trusted'),
    );
  });

  test('section 2: DANE that fits is enough where no CA vouches for the server', async () => {
    publish('dane-fits', policy('enforce', mxOf('dane-fits')));
    await relayed('dane-fits', 'dane');
  });

  test('section 3.3: a fetch that fails leaves the policy that is known in force, restart or not', async () => {
    for (const name of ['breaks', 'restarts']) publish(name, policy('enforce', mxOf(name)));
    await waits('breaks', 'tls-not-trusted');
    await waits('restarts', 'tls-not-trusted');
    for (const name of ['breaks', 'restarts']) silence(name);
    way.advance(25 * HOUR_MS);
    assert.deepEqual(words(await waits('breaks', 'tls-not-trusted')), [
      'sts sts-policy-fetch-error',
      'sts certificate-not-trusted',
    ]);
    way.restart();
    await waits('restarts', 'tls-not-trusted');
  });

  test('a policy of which the file is torn holds mail back until it is fetched again', async () => {
    publish('torn', policy('enforce', mxOf('torn')));
    await waits('torn', 'tls-not-trusted');
    silence('torn');
    way.restart();
    for (const file of await readdir(way.policyFolder)) {
      await writeFile(join(way.policyFolder, file), '{"version":1,');
    }
    await waits('torn', 'mta-sts-not-met');
    way.advance(HOUR_MS);
    publish('torn', policy('none', mxOf('torn')));
    await relayed('torn', 'none');
  });

  test('section 3.3: a policy is fetched anew each day, and not before', async () => {
    publish('daily', policy('enforce', mxOf('daily')));
    await relayed('daily', 'mta-sts');
    await relayed('daily', 'mta-sts');
    assert.equal(fetches('daily'), 1);
    way.advance(25 * HOUR_MS);
    await relayed('daily', 'mta-sts');
    assert.equal(fetches('daily'), 2);
  });

  test('section 3.2: after max_age a policy that nobody publishes any more demands nothing', async () => {
    publish('expires', policy('enforce', mxOf('expires'), 90_000));
    await waits('expires', 'tls-not-trusted');
    silence('expires');
    way.advance(20 * HOUR_MS);
    await waits('expires', 'tls-not-trusted');
    way.advance(10 * HOUR_MS);
    assert.deepEqual(words(await relayed('expires', 'none')), ['sts sts-policy-fetch-error']);
  });

  test('sections 3.1 and 5.1: another id brings the new policy, a record that is gone lifts none', async () => {
    publish('changes', policy('enforce', mxOf('changes')));
    await waits('changes', 'tls-not-trusted');
    publish('changes', policy('testing', mxOf('changes')));
    await change({ changes: null });
    way.advance(HOUR_MS);
    await waits('changes', 'tls-not-trusted');
    await change({ changes: '2' });
    way.advance(HOUR_MS);
    await relayed('changes', 'none');
    assert.equal(fetches('changes'), 2);
  });
});
