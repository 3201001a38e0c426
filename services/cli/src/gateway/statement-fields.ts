import type { GatewayConfig } from '@sallyport/config';
import { type KeyRecord, type StatementFields, signatureAlgorithmSchema } from '@sallyport/ipc';
import type { UntrustedCertificate } from '@sallyport/pki';
import type { PolicyDocument } from '@sallyport/policy';
import { certificateOf } from './keys.ts';
import { ownCapabilities } from './own-capabilities.ts';
import { certificatesToPublish } from './published-certificates.ts';

/** What the schema takes. */
const MAX_CERTIFICATES = 8;

type Demands = StatementFields['demands']['signature'];
const SIGNATURE_DEMAND: Readonly<Record<string, Demands>> = {
  'domain-required': 'domain',
  'any-required': 'any',
  'when-present': 'optional',
};

/**
 * What a domain of ours says of itself (docs/trial-connect.md): its certificates in use, and what the
 * policy's `default` takes and demands. What was agreed with one partner is told to nobody else.
 */
export function statementFields(facts: {
  readonly config: GatewayConfig;
  readonly policy: PolicyDocument;
  readonly records: readonly KeyRecord[];
  readonly domain: string;
  readonly now: Date;
}): StatementFields {
  const { config, policy, records, domain } = facts;
  const { inbound } = policy.default;
  const own = records.filter((record) => record.domain === domain && record.state === 'active');
  const certificatesFor = (keyClass: KeyRecord['class']): readonly UntrustedCertificate[] =>
    own.flatMap((record) => (record.class === keyClass ? (certificateOf(record) ?? []) : []));
  const encryption = certificatesFor('domain-confidentiality');
  // Beside the one in use those that come and go: mail of both is under way (TM-4).
  const of = { keyClass: 'domain-signing', domain, now: facts.now } as const;
  const signing = certificatesToPublish(records, of).slice(0, MAX_CERTIFICATES);
  return {
    certificates: {
      signing: signing.map(base64),
      encryption: encryption.map(base64),
    },
    accepts: {
      profiles: ['domsec', 'compat'],
      ...readable(encryption),
      signatures: [...signatureAlgorithmSchema.options],
    },
    demands: {
      signature: SIGNATURE_DEMAND[inbound.signature] ?? 'domain',
      encryption: inbound.encryption === 'required',
    },
    tls: {
      level: inbound.tls.level,
      minVersion: 'TLSv1.2', // ingress offers nothing older
      mx: [config.gateway.name],
      clientCertificate: inbound.tls.clientName !== undefined,
    },
    contact: `postmaster@${domain}`,
  };
}

function base64(certificate: UntrustedCertificate): string {
  return certificate.der.toString('base64');
}

function readable(
  certificates: readonly UntrustedCertificate[],
): Pick<StatementFields['accepts'], 'content' | 'keyTransport'> {
  const all = [null, ...certificates].flatMap((certificate) => ownCapabilities(certificate));
  const content = all.flatMap((one) => (one.kind === 'content' ? one.name : []));
  const keyTransport = all.flatMap((one) => (one.kind === 'content' ? [] : one.kind));
  return { content: [...new Set(content)], keyTransport: [...new Set(keyTransport)] };
}
