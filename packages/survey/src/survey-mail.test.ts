import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { type DnsAnswer, LookupMemory, type Resolver, RevocationMemory } from '@sallyport/lookup';
import type { Domain } from '@sallyport/mail';
import { TlsContexts } from '@sallyport/transport';
import { provenBy, surveyMail } from './survey-mail.ts';
import type { SurveyPorts } from './survey-types.ts';

const DOMAIN = 'bravo.example' as Domain;
const clock = { now: () => new Date('2026-11-21T12:00:00Z') };

/** A zone with so many mail servers, all of them on this host. */
function resolverOf(count: number): Resolver {
  const records = Array.from({ length: count }, (_, at) => ({
    preference: at,
    exchange: `mx${at}.bravo.example`,
  }));
  const answers: Readonly<Record<string, readonly unknown[]>> = { MX: records, A: ['127.0.0.1'] };
  const query = (name: string, type: string): Promise<DnsAnswer<unknown>> => {
    const found = answers[type];
    const common = { secure: false, canonicalName: name };
    return Promise.resolve(
      found === undefined
        ? { kind: 'none', reason: 'nodata', secure: false }
        : { kind: 'answer', records: found, ...common },
    ) as Promise<DnsAnswer<unknown>>;
  };
  return { query } as Resolver;
}

/** A server that takes connections and never says a word. */
async function silentServer(): Promise<{
  readonly port: number;
  readonly seen: Set<Socket>;
  readonly server: Server;
}> {
  const seen = new Set<Socket>();
  const server = createServer((socket) => seen.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, seen, server };
}

function portsOf(of: {
  readonly smtpPort: number;
  readonly count: number;
  readonly allowPrivateAddresses: boolean;
}): SurveyPorts {
  const { smtpPort, count, allowPrivateAddresses } = of;
  return {
    lookup: {
      resolver: resolverOf(count),
      clock,
      random: () => 0,
      memory: new LookupMemory(clock),
      revocation: new RevocationMemory(clock),
      allowPrivateAddresses,
    },
    contexts: new TlsContexts(null),
    ehloName: 'gw.acme.example',
    smtpPort,
    hostMs: 50,
    anchorsFor: () => [],
    trustsDnssec: false,
  };
}

test("a stranger's MX that names a host of our own network is not connected to", async () => {
  const { port, seen, server } = await silentServer();
  const { hosts } = await surveyMail(
    DOMAIN,
    portsOf({ smtpPort: port, count: 1, allowPrivateAddresses: false }),
  );
  server.close();
  assert.equal(seen.size, 0);
  assert.equal(hosts[0]?.tls.outcome, 'unreachable');
  assert.match(hosts[0].tls.sentence, /not public/);
});

test('a host that says nothing ends in time, and the others are told of', async () => {
  const { port, seen, server } = await silentServer();
  const { hosts, reason } = await surveyMail(
    DOMAIN,
    portsOf({ smtpPort: port, count: 7, allowPrivateAddresses: true }),
  );
  for (const socket of seen) socket.destroy();
  server.close();
  assert.equal(hosts.length, 5);
  assert.ok(hosts.every(({ tls }) => tls.outcome === 'unreachable'));
  assert.match(hosts[0]?.tls.sentence ?? '', /did not come to an end in time/);
  assert.match(reason ?? '', /first 5 of its 7 hosts/);
});

test('a server is held to the names and anchors of the record, where there is one', () => {
  const host = 'mx.hoster.example';
  const wide = [host, 'bravo.example', '.bravo.example'];
  assert.deepEqual(provenBy(host, DOMAIN, null), { match: wide, anchors: 'system' });
  const own = { level: 'secure', match: ['.hoster.example'], anchors: ['PEM'] } as const;
  assert.deepEqual(provenBy(host, DOMAIN, own), { match: own.match, anchors: own.anchors });
  const bare = { level: 'secure', match: [], anchors: 'system' } as const;
  assert.deepEqual(provenBy(host, DOMAIN, bare).match, ['bravo.example', '.bravo.example']);
  assert.deepEqual(provenBy(host, DOMAIN, { ...bare, level: 'verify' }).match, [host]);
});
