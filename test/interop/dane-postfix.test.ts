import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startScriptedServer } from '../../packages/transport/src/test-support/scripted-server.ts';
import { ADDRESS, domainOf, placesOf, zonesOf } from '../e2e/dane-places.ts';
import { startDns } from '../harness/dns.ts';
import { startEgressWay, type Way } from '../harness/egress-way.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { skipWithoutPort } from '../harness/low-ports.ts';
import { freePort } from '../harness/ports.ts';
import {
  canHideResolvConf,
  type PosttlsFinger,
  startPosttlsFinger,
} from '../harness/posttls-finger.ts';

const FINGER = '127.0.20.253';
/** Of a domain with two hosts it looks at the first alone. */
const ONE_HOST_ONLY = new Set(['two', 'two-bad']);

const skip =
  skipWithout('postfix', 'nsd', 'unbound', 'ldnsutils') ||
  skipWithoutPort(53) ||
  (!(await canHideResolvConf()) && 'nobody may have a mount namespace of his own here');

describe('posttls-finger of Postfix and we judge every domain of the DANE matrix alike', {
  skip,
}, () => {
  const stack = new AsyncDisposableStack();
  const mine = new Map<string, string>();
  let way: Way;
  let finger: PosttlsFinger;
  let mxPort: number;

  before(async () => {
    mxPort = await freePort();
    const places = placesOf(mxPort);
    const dns = stack.use(await startDns(zonesOf(places)));
    for (const { name, servers } of places) {
      mine.set(name, domainOf(name));
      for (const [octet, shows] of Object.entries(servers)) {
        const script = shows === null ? {} : { identity: shows };
        stack.use(await startScriptedServer(script, { host: `${ADDRESS}${octet}`, port: mxPort }));
      }
    }
    way = stack.use(await startEgressWay({ dnsPort: dns.port, mxPort }));
    finger = stack.use(await startPosttlsFinger({ host: FINGER, dnsPort: dns.port }));
  });
  after(() => stack.disposeAsync());

  test('RFC 7672 section 6: dane-only delivers where it says Verified, and nowhere else', async () => {
    const verdicts: [name: string, ours: boolean, its: boolean][] = [];
    for (const [name, domain] of mine) {
      if (ONE_HOST_ONLY.has(name)) continue;
      const said = await finger.look(domain, mxPort, 'dane-only');
      const ours = await way.send(domain, { level: 'dane-only' });
      verdicts.push([name, ours.kind === 'relayed', said.includes('Verified TLS connection')]);
    }
    assert.deepEqual(
      verdicts.filter(([, ours, its]) => ours !== its),
      [],
    );
    // Both answers occur, or the comparison would say nothing.
    assert.ok(verdicts.filter(([, ours]) => ours).length >= 20);
    assert.ok(verdicts.filter(([, ours]) => !ours).length >= 15);
  });

  test('RFC 7672 section 2.2.1: over an MX that is not proven it logs Trusted, never Verified', async () => {
    const said = await finger.look(domainOf('insecure-mx'), mxPort, 'dane');
    assert.match(said, /Trusted TLS connection established/);
    const ours = await way.send(domainOf('insecure-mx'), { level: 'dane' });
    assert.match(ours.sentence, /vouches for \S+ alone/);
  });
});
