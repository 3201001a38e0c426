import type { RecordedEvent } from '@sallyport/audit-log';
import { type Issued, makeCa, type TestCa } from './ca.ts';
import { type CrlServer, startCrlServer } from './crl-server.ts';
import { startDns, type Zone } from './dns.ts';
import { temporaryFolder } from './folder.ts';
import { type Gateway, partnerRecord, startGateway } from './gateway.ts';
import { textMessage } from './messages.ts';
import { freePort } from './ports.ts';
import { politeScript, startScriptedServer } from './scripted-server.ts';
import { type Reply, sendMessage } from './smtp-client.ts';

const AUTHORITIES = {
  encryption: 'domain-confidentiality-authority',
  signing: 'domain-signing-authority',
} as const;

/** One partner: what it shows in the DNS, and our record of it. */
export interface PartnerPlan {
  readonly name: string;
  readonly trust?: object;
  readonly outbound?: object;
  readonly inbound?: object;
  /** Certificates in its CERT records; its one of each kind if left out. */
  readonly published?: (own: PartnerKeys) => Partial<Record<keyof typeof AUTHORITIES, Issued[]>>;
  /** Its encryption certificate stands as SMIMEA in a zone signed with DNSSEC, not as CERT. */
  readonly isSigned?: boolean;
  /** What the record says beside `trust` that only its certificates tell. */
  readonly trustWith?: (own: PartnerKeys) => object;
}

/** The certificates of a partner, with a successor of each. */
interface PartnerKeys {
  readonly encryption: Issued;
  readonly newEncryption: Issued;
  readonly signing: Issued;
  readonly newSigning: Issued;
  /** Bob's own, for signing and for encryption. */
  readonly person: Issued;
}

/** A gateway of acme.example, and partners whose certificates stand in the DNS under one CA. */
export interface PartnerWorld {
  readonly folder: string;
  readonly ca: TestCa;
  readonly lists: CrlServer;
  readonly gateway: Gateway;
  keysOf(partner: string): PartnerKeys;
  /** Path of the partner's revocation list. */
  listOf(partner: string): string;
  /** Mail from alice to bob of the partner. */
  send(partner: string): Promise<Reply>;
  /** The decisions over mail to a partner so far. */
  decisions(partner: string): Promise<readonly RecordedEvent[]>;
}

/** Starts all of it; whatever is started is put on the stack. */
export async function startPartnerWorld(
  stack: AsyncDisposableStack,
  plans: readonly PartnerPlan[],
): Promise<PartnerWorld> {
  const { path: folder } = stack.use(await temporaryFolder('partners'));
  const ca = await makeCa(folder, 'CA of the partners');
  const lists = stack.use(await startCrlServer(ca));
  const keys = new Map<string, PartnerKeys>();
  for (const { name } of plans) keys.set(name, await makeKeys(name, ca, lists));
  const keysOf = (name: string): PartnerKeys => {
    const found = keys.get(name);
    if (found === undefined) throw new Error(`no partner ${name}`);
    return found;
  };
  const dns = stack.use(await startDns(plans.map((plan) => zoneOf(plan, keysOf(plan.name)))));
  const inner = stack.use(
    await startScriptedServer(politeScript(), { host: '127.0.0.1', port: await freePort() }),
  );
  const gateway = stack.use(
    await startGateway(
      {
        domain: 'acme.example',
        innerPort: inner.port,
        dnsPort: dns.port,
        egressPort: await freePort(),
        config: {
          dns: { servers: [`127.0.0.1:${dns.port}`], trusted: true },
          lookup: { allowPrivateAddresses: true, revocationRefresh: '1s' },
          retry: { first: '1s', longest: '1s' },
        },
      },
      { partners: plans.map((plan) => recordOf(plan, keysOf(plan.name), ca)) },
    ),
  );
  return {
    folder,
    ca,
    lists,
    gateway,
    keysOf,
    listOf,
    send: async (partner) => {
      const [from, to] = ['alice@acme.example', `bob@${partner}.example`];
      const data = textMessage({ from, to, text: 'hello' });
      return await sendMessage(gateway.relay, { from, to: [to], data });
    },
    decisions: async (partner) =>
      (await gateway.events('decided')).filter(
        ({ facts }) => facts['rule'] === `partner:${partner}`,
      ),
  };
}

function listOf(partner: string): string {
  return `/${partner}.crl`;
}

async function makeKeys(name: string, ca: TestCa, lists: CrlServer): Promise<PartnerKeys> {
  const domain = `${name}.example`;
  lists.publish(listOf(name));
  const make = (kind: keyof typeof AUTHORITIES, generation: string): Promise<Issued> => {
    const role = AUTHORITIES[kind];
    return ca.issueAuthority(role, domain, {
      key: 'ec',
      name: `${kind}-${generation}-${name}`,
      extensions: [
        `subjectAltName=email:${role}@${domain}`,
        'extendedKeyUsage=emailProtection',
        `keyUsage=critical,${kind === 'signing' ? 'digitalSignature' : 'keyAgreement'}`,
        `crlDistributionPoints=URI:${lists.url(`crl.${domain}`, listOf(name))}`,
      ],
    });
  };
  const [encryption, newEncryption, signing, newSigning] = await Promise.all([
    make('encryption', 'old'),
    make('encryption', 'new'),
    make('signing', 'old'),
    make('signing', 'new'),
  ]);
  const person = await ca.issue({
    name: `person-${name}`,
    commonName: 'Bob',
    key: 'ec',
    extensions: [
      `subjectAltName=email:bob@${domain}`,
      'extendedKeyUsage=emailProtection',
      'keyUsage=critical,digitalSignature,keyAgreement',
    ],
  });
  return { encryption, newEncryption, signing, newSigning, person };
}

/** RFC 8162 section 3 for `domain-confidentiality-authority`. */
const SMIMEA_LABEL = '9d5192e5c4d2026ecac9a6473ead72c5b8870d2ad76d605945bfee26._smimecert';

function zoneOf({ name, published, isSigned }: PartnerPlan, own: PartnerKeys): Zone {
  const shown = published?.(own) ?? { encryption: [own.encryption], signing: [own.signing] };
  const records = (['encryption', 'signing'] as const).flatMap((kind) =>
    (shown[kind] ?? []).map(
      ({ der }) => `${AUTHORITIES[kind]} IN CERT PKIX 0 0 ${der.toString('base64')}`,
    ),
  );
  const hosts = ['@ IN MX 10 mx', 'mx IN A 127.0.0.1', 'crl IN A 127.0.0.1'];
  if (isSigned === true) {
    const smimea = `${SMIMEA_LABEL} IN SMIMEA 3 0 0 ${own.encryption.der.toString('hex')}`;
    return { name: `${name}.example`, kind: 'signed', records: [...hosts, smimea] };
  }
  return { name: `${name}.example`, records: [...hosts, ...records] };
}

function recordOf(plan: PartnerPlan, own: PartnerKeys, ca: TestCa): object {
  const { name, trust = {}, outbound = {}, inbound = {} } = plan;
  return partnerRecord(
    { name, domain: `${name}.example`, anchor: ca.pem },
    {
      outbound: { discovery: ['cert'], ...outbound },
      inbound: { encryption: 'when-present', ...inbound },
      trust: { ...trust, ...plan.trustWith?.(own) },
    },
  );
}
