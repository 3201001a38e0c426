import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '@sallyport/config';
import { parsePolicyDocument, transportFaults, transportWarnings } from '@sallyport/policy';

function configOf(routes: string, dns = 'trusted: true') {
  const parsed = parseConfig(
    `gateway: { name: gw.acme.example }
domains: [{ name: acme.example, recipients: { kind: any } }]
routes: [{ domain: acme.example, nextHops: ["127.0.0.1:25"] }, ${routes}]
dns: { ${dns} }
ingress: { relay: { listen: ["127.0.0.1:26"], allow: [127.0.0.1] }, tls: { certificateFile: a, keyFile: b } }
`,
    '/etc/sallyport',
  );
  assert.equal(parsed.kind, 'ok', JSON.stringify(parsed));
  return parsed.config;
}

function policyOf(level: string, more: object = {}) {
  const parsed = parsePolicyDocument({
    partners: [{ name: 'Bravo', domains: ['bravo.example'], tls: { level, ...more } }],
  });
  assert.equal(parsed.kind, 'ok', JSON.stringify(parsed));
  return parsed.policy;
}

const SMART_HOST = '{ domain: "*", nextHops: ["relay.example:25"] }';

test('behind a smart host a mandatory TLS level is a fault, by name', () => {
  const faults = transportFaults(policyOf('secure'), configOf(SMART_HOST));
  assert.equal(faults.length, 1);
  assert.match(faults[0] ?? '', /^Bravo: tls\.level secure/);
});

test('a level that demands nothing, a route of its own, or a trusted hop is none', () => {
  assert.deepEqual(transportFaults(policyOf('may'), configOf(SMART_HOST)), []);
  const own = `${SMART_HOST}, { domain: bravo.example, nextHops: ["gw.bravo.example:25"] }`;
  assert.deepEqual(transportFaults(policyOf('secure'), configOf(own)), []);
  const trusted = '{ domain: "*", nextHops: ["relay.example:25"], trustedHop: true }';
  assert.deepEqual(transportFaults(policyOf('secure'), configOf(trusted)), []);
});

const OWN_ROUTE = '{ domain: bravo.example, nextHops: ["gw.bravo.example:25"] }';
const OTHER_ROUTE = '{ domain: other.example, nextHops: ["gw.other.example:25"] }';

test('verify rests on the MX, so without a trusted resolver secure with match is demanded', () => {
  const untrusted = configOf(OTHER_ROUTE, 'trusted: false');
  const [fault, ...more] = transportFaults(policyOf('verify'), untrusted);
  assert.match(fault ?? '', /^Bravo: tls\.level verify .* use secure with match$/);
  assert.deepEqual(more, []);
  assert.deepEqual(transportFaults(policyOf('verify'), configOf(OTHER_ROUTE)), []);
  const match = { match: ['gw.bravo.example'] };
  assert.deepEqual(transportFaults(policyOf('verify', match), untrusted), []);
  const routed = configOf(OWN_ROUTE, 'trusted: false');
  assert.deepEqual(transportFaults(policyOf('verify'), routed), []);
});

test('dane-only and dane without a trusted resolver are faults: neither could be held to', () => {
  const untrusted = configOf(OTHER_ROUTE, 'trusted: false');
  for (const level of ['dane-only', 'dane']) {
    assert.match(transportFaults(policyOf(level), untrusted).join(), new RegExp(`${level} needs`));
    assert.deepEqual(transportFaults(policyOf(level), configOf(OTHER_ROUTE)), []);
  }
});

test('dane auto without a trusted resolver is a warning, and none with one or where it is off', () => {
  const untrusted = configOf(OTHER_ROUTE, 'trusted: false');
  const policy = policyOf('encrypt');
  assert.deepEqual(transportFaults(policy, untrusted), []);
  assert.match(transportWarnings(policy, untrusted).join(), /no effect for Bravo, default$/);
  assert.match(transportWarnings(policyOf('secure'), untrusted).join(), /no effect for default$/);
  assert.deepEqual(transportWarnings(policy, configOf(OTHER_ROUTE)), []);
  const off = { default: { tls: { level: 'may', dane: 'off' } } };
  const parsed = parsePolicyDocument(off);
  assert.ok(parsed.kind === 'ok');
  assert.deepEqual(transportWarnings(parsed.policy, untrusted), []);
});
