import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from './load.ts';

const BASE = `gateway: { name: gw.acme.example }
domains: [{ name: acme.example }]
ingress:
  relay: { listen: ["127.0.0.1:2525"], allow: ["127.0.0.1"] }
  tls: { certificateFile: tls.pem, keyFile: tls-key.pem }
`;
const ROUTE = '{ domain: acme.example, nextHops: ["127.0.0.1:25"] }';
const withRoute = `${BASE}routes: [${ROUTE}]\n`;

function faultsOf(text: string): readonly string[] {
  const loaded = parseConfig(text, '/etc/sallyport');
  return loaded.kind === 'ok' ? [] : loaded.faults.map((fault) => fault.path);
}

test('a sound config has no fault', () => {
  assert.deepEqual(faultsOf(withRoute), []);
});

test('a rest of nothing, or one that no timer keeps, is refused with its path', () => {
  assert.deepEqual(faultsOf(`${withRoute}retry: { first: 0s }\n`), ['retry.first']);
  assert.deepEqual(faultsOf(`${withRoute}retry: { first: 2h }\n`), ['retry.first']);
  assert.deepEqual(faultsOf(`${withRoute}egress: { connectTimeout: 30d }\n`), [
    'egress.connectTimeout',
  ]);
  const verdict = withRoute.replace('  tls:', '  verdictTimeout: 6m\n  tls:');
  assert.deepEqual(faultsOf(verdict), ['ingress.verdictTimeout']);
});

test('a route that an earlier one hides is refused', () => {
  assert.deepEqual(faultsOf(`${BASE}routes: [${ROUTE}, ${ROUTE}]\n`), ['routes.1.domain']);
});

test('a front is an address or a block of the world, and needs the partner port', () => {
  const partner = withRoute.replace(
    '  relay:',
    '  partner: { listen: ["127.0.0.1:25"] }\n  relay:',
  );
  const fronts = (network: string) => `trustedFronts: [{ networks: ["${network}"] }]\n`;
  for (const network of ['192.0.2.30', '192.0.2.0/24', '2001:db8::/64']) {
    assert.deepEqual(faultsOf(partner + fronts(network)), [], network);
  }
  for (const network of ['0.0.0.0/0', '::/0', '192.0.2.0/33', '192.0.2.300', 'mx.example', '']) {
    assert.deepEqual(faultsOf(partner + fronts(network)), ['trustedFronts.0.networks.0'], network);
  }
  assert.deepEqual(faultsOf(`${withRoute}trustedFronts: [{ networks: [] }]\n`), [
    'trustedFronts.0.networks',
  ]);
  assert.deepEqual(faultsOf(withRoute + fronts('192.0.2.30')), ['trustedFronts']);
  const named = (authservId: string) =>
    `${partner}trustedFronts: [{ networks: ["192.0.2.30"], authservId: "${authservId}" }]\n`;
  assert.deepEqual(faultsOf(named('front.acme.example')), []);
  for (const id of ['', 'a b', 'a;b', '(a)', 'GW.acme.example']) {
    assert.deepEqual(faultsOf(named(id)), ['trustedFronts.0.authservId'], id);
  }
});
