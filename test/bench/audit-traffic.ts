import { childQueueId, newQueueId } from '@sallyport/mail';
import type { BenchEvent } from './audit-recorder.ts';

const SENDERS = 5_000;
const RECIPIENTS = 20_000;
const PARTNERS = 300;

/** The events of one outward message, as the gateway tells them; only the first is waited for. */
export function messageEvents(n: number): { first: BenchEvent; rest: BenchEvent[] } {
  const queueId = newQueueId(new Date());
  const output = childQueueId(queueId, 'output');
  const domain = `partner${n % PARTNERS}.example`;
  const personal = {
    reversePath: `user${n % SENDERS}@acme.example`,
    forwardPath: `person${n % RECIPIENTS}@${domain}`,
  };
  const certificates = [(n % PARTNERS).toString(16).padStart(64, 'a')];
  const tls = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' };
  const rule = `partner ${domain}`;
  const encrypted = {
    contentAlgorithm: 'aes256-cbc',
    keyTransport: 'rsa-pkcs1v15',
    certificates,
    door: 'ldap-srv',
    owner: 'domain',
    proof: 'path',
  };
  const sentence = `Protected: signed for the domain and encrypted to the domain certificate of ${domain}.`;
  return {
    first: {
      kind: 'accepted',
      queueId,
      origin: 'outward',
      sizeBytes: 10_000 + (n % 1_000),
      recipients: 1,
      listener: 'relay',
      evidence: 'client-address',
      tls,
      personal: { clientAddress: '10.0.0.7', helo: 'mail.acme.example', ...personal },
    },
    rest: [
      { kind: 'lookup', queueId, door: 'ldap-srv', outcome: 'found', certificates },
      {
        kind: 'decided',
        queueId,
        decision: 'protect',
        recipients: 1,
        domains: [domain],
        ...encrypted,
        sentence,
        rule,
        policyVersion: 7,
      },
      {
        kind: 'protected',
        queueId,
        outputs: [{ id: output, folder: 'outgoing' }],
        profile: 'domsec',
        signed: true,
        encryption: 'domain',
        ...encrypted,
        sentence,
        rule,
      },
      {
        kind: 'relayed',
        queueId: output,
        destination: domain,
        mx: `mx.${domain}`,
        reply: `250 2.0.0 Ok: queued as ${(n * 7_919).toString(36).toUpperCase()}`,
        recipients: 1,
        attempts: 1,
        tls: { ...tls, level: 'secure', result: 'matched' },
        sentence: `relayed to mx.${domain}, TLS 1.3, certificate verified`,
        rule,
        policyVersion: 7,
        personal,
      },
    ],
  };
}
