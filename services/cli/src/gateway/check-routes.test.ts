import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '@sallyport/config';
import { parsePolicyDocument } from '@sallyport/policy';
import { smartHostFaults } from './check-routes.ts';

function routesOf(routes: string) {
  const parsed = parseConfig(
    `gateway: { name: gw.acme.example }
domains: [{ name: acme.example, recipients: { kind: any } }]
routes: [{ domain: acme.example, nextHops: ["127.0.0.1:25"] }, ${routes}]
ingress: { relay: { listen: ["127.0.0.1:26"], allow: [127.0.0.1] }, tls: { certificateFile: a, keyFile: b } }
`,
    '/etc/sallyport',
  );
  assert.equal(parsed.kind, 'ok', JSON.stringify(parsed));
  return parsed.config.routes;
}

function policyOf(level: string) {
  const parsed = parsePolicyDocument({
    partners: [{ name: 'Bravo', domains: ['bravo.example'], tls: { level } }],
  });
  assert.equal(parsed.kind, 'ok', JSON.stringify(parsed));
  return parsed.policy;
}

const SMART_HOST = '{ domain: "*", nextHops: ["relay.example:25"] }';

test('behind a smart host a mandatory TLS level is a fault, by name', () => {
  const faults = smartHostFaults(policyOf('secure'), routesOf(SMART_HOST));
  assert.equal(faults.length, 1);
  assert.match(faults[0] ?? '', /^Bravo: tls\.level secure/);
});

test('a level that demands nothing, a route of its own, or a trusted hop is none', () => {
  assert.deepEqual(smartHostFaults(policyOf('may'), routesOf(SMART_HOST)), []);
  const own = `${SMART_HOST}, { domain: bravo.example, nextHops: ["gw.bravo.example:25"] }`;
  assert.deepEqual(smartHostFaults(policyOf('secure'), routesOf(own)), []);
  const trusted = '{ domain: "*", nextHops: ["relay.example:25"], trustedHop: true }';
  assert.deepEqual(smartHostFaults(policyOf('secure'), routesOf(trusted)), []);
});
