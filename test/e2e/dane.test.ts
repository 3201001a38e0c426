import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startScriptedServer } from '../../packages/transport/src/test-support/scripted-server.ts';
import { startDns } from '../harness/dns.ts';
import { startEgressWay, type Way } from '../harness/egress-way.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { freePort } from '../harness/ports.ts';
import { ADDRESS, ca, domainOf, FITTING, placesOf, zonesOf } from './dane-places.ts';

const DANE = { level: 'dane' };
const ONLY = { level: 'dane-only' };
const MAY = { level: 'may', mtaSts: 'off' };

describe('RFC 7672: the DANE matrix', { skip: skipWithout('nsd', 'unbound', 'ldnsutils') }, () => {
  const stack = new AsyncDisposableStack();
  let way: Way;

  before(async () => {
    const mxPort = await freePort();
    const places = placesOf(mxPort);
    const dns = stack.use(await startDns(zonesOf(places)));
    for (const { servers } of places) {
      for (const [octet, shows] of Object.entries(servers)) {
        const script = shows === null ? {} : { identity: shows };
        stack.use(await startScriptedServer(script, { host: `${ADDRESS}${octet}`, port: mxPort }));
      }
    }
    way = stack.use(await startEgressWay({ dnsPort: dns.port, mxPort }));
  });
  after(() => stack.disposeAsync());

  const relayed = async (name: string, tls: object, identity: string | null) => {
    const delivery = await way.send(domainOf(name), tls);
    assert.equal(delivery.kind, 'relayed', delivery.sentence);
    assert.equal(delivery.identity, identity, delivery.sentence);
    return delivery;
  };
  const waits = async (name: string, tls: object, fault: string) => {
    const delivery = await way.send(domainOf(name), tls);
    assert.equal(delivery.kind, 'deferred', delivery.sentence);
    assert.equal(delivery.fault, fault, delivery.sentence);
    return delivery;
  };

  for (const parameters of FITTING) {
    test(`usage, selector and matching ${parameters.join(' ')} authenticate the server at every level`, async () => {
      const name = `fits-${parameters.join('')}`;
      for (const tls of [DANE, ONLY, MAY]) {
        const { results } = await relayed(name, tls, 'dane');
        assert.deepEqual(
          results.map(({ policyType, policyDomain, result }) => [policyType, policyDomain, result]),
          [['tlsa', `mx.${domainOf(name)}`, 'success']],
        );
      }
    });
  }

  const refusals: readonly (readonly [name: string, what: string, result: string])[] = [
    ['misfit-3', 'section 3.2: a key that no record of usage 3 names', 'certificate-not-trusted'],
    ['misfit-2', 'section 3.2: a chain without the anchor of usage 2', 'certificate-not-trusted'],
    ['old-2', 'section 3.1.2: an expired certificate under usage 2', 'certificate-expired'],
    [
      'misnamed-2',
      'section 3.2.2: a certificate for another name under usage 2',
      'certificate-host-mismatch',
    ],
    [
      'hidden-ta',
      'section 3.1.2: a digest of an anchor that the server does not show',
      'certificate-not-trusted',
    ],
    ['weaker', 'RFC 7671 section 9: a match of the weaker digest alone', 'certificate-not-trusted'],
  ];
  for (const [name, what, result] of refusals) {
    test(`${what} is refused at every level, may with DANE included`, async () => {
      for (const tls of [DANE, ONLY, MAY]) {
        const { results } = await waits(name, tls, 'tls-not-trusted');
        assert.deepEqual(
          results.map((one) => one.result),
          [result],
        );
      }
    });
  }

  test('the level secure does not ask TLSA records: the admin has said whom to believe', async () => {
    await relayed('misfit-3', { level: 'secure', anchors: [ca.caPem] }, 'names');
  });

  test('section 3.1.1: usage 3 looks neither at names nor at dates', async () => {
    for (const tls of [DANE, ONLY]) await relayed('old-3', tls, 'dane');
  });

  test('section 3.2.2: under usage 2 the next-hop domain is a name as good as that of the host', async () => {
    await relayed('domain-2', ONLY, 'dane');
  });

  test('sections 3.1.2 and 5.2.3 of RFC 7671: an anchor whole in the record need not be shown', async () => {
    await relayed('full-ta', ONLY, 'dane');
    await relayed('bare-ta', ONLY, 'dane');
  });

  test('section 4: of the two records of a rollover one is enough', async () => {
    await relayed('rollover', ONLY, 'dane');
  });

  test('no TLSA: dane does as may, in TLS or clear, and dane-only waits', async () => {
    for (const tls of [DANE, MAY]) {
      await relayed('none', tls, 'none');
      await relayed('none-clear', tls, null);
    }
    const { results } = await waits('none', ONLY, 'dane-required');
    assert.deepEqual(
      results.map(({ result }) => result),
      ['dane-required'],
    );
  });

  test('section 2.2.3: unusable records demand TLS without identity, and dane-only waits', async () => {
    for (const tls of [DANE, MAY]) {
      const { results, sentence } = await relayed('unusable', tls, 'none');
      assert.match(sentence, /none of the TLSA records .* is usable/);
      assert.deepEqual(
        results.map(({ result }) => result),
        ['tlsa-invalid'],
      );
      await waits('unusable-clear', tls, 'tls-not-offered');
    }
    await waits('unusable', ONLY, 'dane-required');
  });

  test('section 2.2.3: STARTTLS stripped from a host with TLSA is no way to clear text', async () => {
    for (const tls of [DANE, ONLY, MAY]) await waits('stripped', tls, 'tls-not-offered');
  });

  test('section 2.1.2: bogus data of the domain itself delays', async () => {
    for (const tls of [DANE, ONLY, MAY]) await waits('bogus', tls, 'dns-failure');
  });

  for (const kind of ['bogus', 'broken']) {
    test(`section 2.1.2: TLSA that are ${kind} delay, and nobody connects without them`, async () => {
      for (const tls of [DANE, ONLY, MAY]) {
        const { results } = await waits(`tlsa-${kind}`, tls, 'tlsa-unavailable');
        assert.deepEqual(
          results.map(({ result }) => result),
          ['dnssec-invalid'],
        );
      }
      await relayed(`tlsa-${kind}`, { level: 'encrypt', dane: 'off', mtaSts: 'off' }, 'none');
    });
  }

  test('section 2.2.2: TLSA in a zone without DNSSEC count for nothing', async () => {
    for (const tls of [DANE, MAY]) await relayed('plain', tls, 'none');
    await waits('plain', ONLY, 'dane-required');
  });

  test('section 2.2.1: over an MX that is not proven DANE vouches for the host alone', async () => {
    for (const tls of [DANE, MAY]) {
      const { sentence } = await relayed('insecure-mx', tls, 'dane');
      assert.match(sentence, /the MX answer is not proven, so DANE vouches for mx\.\S+ alone/);
      await waits('insecure-mx-misfit', tls, 'tls-not-trusted');
    }
    await waits('insecure-mx', ONLY, 'dane-required');
  });

  test('section 2.2.2: of an alias that is proven the end comes first, then the name itself', async () => {
    const { results } = await relayed('alias', ONLY, 'dane');
    assert.equal(results[0]?.policyDomain, 'real.alias.dane.example');
    await relayed('alias-asked', ONLY, 'dane');
  });

  test('section 2.2.2: an alias that is proven and leads out of DNSSEC keeps its own TLSA', async () => {
    await relayed('alias-out', ONLY, 'dane');
  });

  test('section 2.2.3: TLSA may stand at the end of an alias of their own', async () => {
    await relayed('shared', ONLY, 'dane');
  });

  test('section 2.2.2: a domain without MX is its own host', async () => {
    await relayed('implicit', ONLY, 'dane');
  });

  test('two hosts of which one does not fit: the other gets the message, both are recorded', async () => {
    for (const tls of [DANE, ONLY, MAY]) {
      const { results, mx } = await relayed('two', tls, 'dane');
      assert.equal(mx, 'mx2.two.dane.example');
      assert.deepEqual(
        results.map((one) => [one.mx, one.result]),
        [
          ['mx1.two.dane.example', 'certificate-not-trusted'],
          ['mx2.two.dane.example', 'success'],
        ],
      );
      await waits('two-bad', tls, 'tls-not-trusted');
    }
  });
});
