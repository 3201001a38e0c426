/** Which certificates a partner's trust takes: anchors, pins, DNSSEC, requirements, revocation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Certificate,
  formatPemCertificate,
  generateKeyPairPem,
  issueCertificate,
} from '@sallyport/pki';
import { parsePolicyDocument, type TrustPolicy } from '@sallyport/policy';
import { certificateOf } from '@sallyport/test/certificates';
import { pinsFor } from './policy-certificates.ts';
import { judgeTrust, type Trusted, type TrustQuestion } from './proof.ts';
import { silentLookup } from './test-lookup-ports.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const PERIOD = { notBefore: new Date('2026-11-01T00:00:00Z'), days: 60 };

interface Ca {
  readonly certificate: Certificate;
  readonly privateKey: string;
}

function makeCa(cn: string): Ca {
  const { privateKeyPem: privateKey } = generateKeyPairPem('ec-p256');
  const ca = { pathLength: null };
  const keyUsage = ['keyCertSign', 'cRLSign'] as const;
  const fields = { ...PERIOD, subject: { cn }, ca, keyUsage };
  return { certificate: certificateOf(issueCertificate({ ...fields, privateKey })), privateKey };
}

function issue(issuer: Ca, usage: 'keyAgreement' | 'digitalSignature'): Certificate {
  const { spki } = generateKeyPairPem('ec-p256');
  const emails = ['gateway@bravo.example'];
  const fields = { ...PERIOD, subject: { cn: 'G' }, emails, keyUsage: [usage] };
  return certificateOf(issueCertificate({ ...fields, spki, issuer }));
}

const [bravo, other] = [makeCa('Bravo CA'), makeCa('Other CA')];
const dca = issue(bravo, 'keyAgreement');
const newDca = issue(bravo, 'keyAgreement');
const dsa = issue(bravo, 'digitalSignature');
const stranger = issue(other, 'keyAgreement');
const pem = ({ der }: Certificate): string => formatPemCertificate(der);

function trustOf(fields: object): TrustPolicy {
  const record = { name: 'B', domains: ['bravo.example'], trust: { revocation: 'off', ...fields } };
  const policy = parsePolicyDocument({ partners: [record] });
  assert.ok(policy.kind === 'ok', JSON.stringify(policy));
  const [partner] = policy.policy.partners;
  assert.ok(partner !== undefined);
  return partner.trust;
}

async function judge(
  leaf: Certificate,
  trust: TrustPolicy,
  more: Partial<TrustQuestion> = {},
): Promise<Trusted> {
  const direction = more.direction ?? 'encrypt';
  const pinned = pinsFor(trust, direction);
  const question = { leaf, intermediates: [], trust, direction, pinned, now: NOW, ...more };
  return await judgeTrust(question, silentLookup({ now: () => question.now }));
}

/** `path`, `pinned`, `dnssec`, or why it is not trusted. */
async function word(...asked: Parameters<typeof judge>): Promise<string> {
  const trusted = await judge(...asked);
  return trusted.kind === 'trusted' ? trusted.proof : trusted.code;
}

test('CD-5: a certificate needs a path to an anchor of this partner, a pin, or DNSSEC', async () => {
  const anchored = trustOf({ anchors: [pem(bravo.certificate)] });
  assert.equal(await word(stranger, anchored), 'untrusted');
  assert.equal(await word(dca, anchored), 'path');
  assert.equal(await word(dca, trustOf({})), 'untrusted');
  assert.equal(await word(stranger, trustOf({ pinned: [pem(stranger)] })), 'pinned');
  const named = { dnssecAnchors: [stranger] };
  assert.equal(await word(stranger, anchored, named), 'dnssec');
  const anchors = { dnssecAnchors: [bravo.certificate] };
  assert.equal(await word(dca, trustOf({}), anchors), 'dnssec');
  assert.equal(await word(dca, anchored, anchors), 'path');
});

test('a CA that is pinned vouches for nobody', async () => {
  assert.equal(await word(dca, trustOf({ pinned: [pem(bravo.certificate)] })), 'untrusted');
});

test('TM-1: anchors of one direction say nothing about the other', async () => {
  const trust = trustOf({
    anchors: [pem(bravo.certificate)],
    signAnchors: [pem(other.certificate)],
  });
  assert.equal(await word(dca, trust), 'path');
  assert.equal(await word(dsa, trust, { direction: 'sign' }), 'untrusted');
});

test('another certificate than the pinned one waits for approval, or is followed and told', async () => {
  const fields = { anchors: [pem(bravo.certificate)], pinned: [pem(dca)] };
  const waiting = await judge(newDca, trustOf(fields));
  assert.ok(waiting.kind === 'untrusted');
  assert.deepEqual([waiting.code, waiting.keyChange?.outcome], ['key-changed', 'waits']);
  const followed = await judge(newDca, trustOf({ ...fields, keyChange: 'follow' }));
  assert.ok(followed.kind === 'trusted');
  assert.equal(followed.keyChange?.outcome, 'followed');
  assert.equal(followed.keyChange?.pinned[0], dca);
  // Without a path it is no change of keys, only somebody's certificate.
  const strange = await judge(stranger, trustOf({ ...fields, keyChange: 'follow' }));
  assert.ok(strange.kind === 'untrusted');
  assert.deepEqual([strange.code, strange.keyChange], ['untrusted', null]);
  // A pin of the one direction is none of the other; nor does DNSSEC stand in for the admin.
  assert.equal(await word(dsa, trustOf(fields), { direction: 'sign' }), 'path');
  assert.equal(await word(newDca, trustOf(fields), { dnssecAnchors: [newDca] }), 'key-changed');
});

test('TM-3: what does not meet the requirements of its direction is unfit, and the field is named', async () => {
  const certificates = { encrypt: { keys: { curves: ['P-384'] } } };
  const trust = trustOf({ anchors: [pem(bravo.certificate)], certificates });
  const unfit = await judge(dca, trust);
  assert.ok(unfit.kind === 'untrusted');
  assert.equal(unfit.code, 'unfit');
  assert.match(unfit.reason, /trust\.certificates\.encrypt\.keys: its key is EC P-256/);
  assert.equal(await word(dsa, trust, { direction: 'sign' }), 'path');
  const policies = { encrypt: { policies: ['1.3.6.1.4.1.99999.1'] } };
  const demanding = trustOf({ anchors: [pem(bravo.certificate)], certificates: policies });
  assert.equal(await word(dca, demanding), 'unfit', 'the path asserts no policy');
  const named = { dnssecAnchors: [dca] };
  assert.equal(await word(dca, demanding, named), 'unfit', 'nor does the certificate itself');
});

test('hard mode takes nothing of which nobody says whether it is revoked; soft records that', async () => {
  const anchors = [pem(bravo.certificate)];
  assert.equal(await word(dca, trustOf({ anchors, revocation: 'hard' })), 'revocation-unavailable');
  const soft = await judge(dca, trustOf({ anchors, revocation: 'soft' }));
  assert.ok(soft.kind === 'trusted');
  const { mode, certificates } = soft.certificate.revocation;
  assert.deepEqual([mode, certificates[0]?.status.kind], ['soft', 'unknown']);
});

test('a proof that is remembered counts for ten seconds, under its own trust and for who is meant', async () => {
  const trust = trustOf({ anchors: [pem(bravo.certificate)], keyChange: 'approve' });
  const at = (ms: number): Date => new Date(NOW.getTime() + ms);
  const proven = async (now: Date, more: Partial<TrustQuestion> = {}) => {
    const trusted = await judge(dca, trust, { now, ...more });
    return trusted.kind === 'trusted' ? trusted.certificate : trusted.code;
  };
  const first = await proven(NOW);
  assert.equal(await proven(at(9_000)), first);
  assert.notEqual(await proven(at(11_000)), first);
  assert.notEqual(await proven(at(-1_000)), first, 'the clock was set back');
  assert.equal(await proven(at(0), { pinned: [newDca] }), 'key-changed');
  // What DNSSEC proved is proven by DNSSEC alone.
  const bare = trustOf({});
  assert.equal(await word(stranger, bare, { dnssecAnchors: [stranger] }), 'dnssec');
  assert.equal(await word(stranger, bare), 'untrusted');
});
