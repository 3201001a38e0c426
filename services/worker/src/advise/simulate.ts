import { MESSAGE_LIMITS, openLayers, protectedSizeEstimate } from '@sallyport/domsec';
import { type adviseProtocol, type CallParams, type CallResult, IpcRefused } from '@sallyport/ipc';
import { bufferContent, type Clock, never, parseMailbox, parseReversePath } from '@sallyport/mail';
import { summariseRevocation } from '@sallyport/pki';
import {
  decideOutward,
  filterRuleFor,
  type OutwardDecision,
  type OutwardFacts,
  outwardRuleFor,
  type PolicyDocument,
  parsePolicyDocument,
  policyFor,
  withListDemand,
} from '@sallyport/policy';
import type { ActivePolicy, PolicyReader } from '@sallyport/policy-store/read';
import type { KnownCapabilities } from '../capabilities/known-capabilities.ts';
import { filterContent } from '../filter/filter.ts';
import { locateForRecipient } from '../outward/certificates.ts';
import { reviewFacts, untreated } from '../outward/decide-recipients.ts';
import { listFacts, messageFacts } from '../outward/facts.ts';
import type { LookupPorts } from '../shared/lookup-ports.ts';

type Params = CallParams<typeof adviseProtocol, 'simulate'>;
type Result = CallResult<typeof adviseProtocol, 'simulate'>;

export interface SimulatePorts {
  readonly policy: PolicyReader;
  readonly lookup: LookupPorts;
  readonly capabilities: KnownCapabilities;
  readonly ownDomains: ReadonlySet<string>;
  readonly clock: Clock;
}

/** What would be decided for one recipient, by the policy in force or by a draft; nothing is sent. */
export async function simulate(params: Params, ports: SimulatePorts): Promise<Result> {
  const recipient = parseMailbox(params.to);
  const author = parseReversePath(params.from);
  if (recipient === null) throw new IpcRefused('mailbox-syntax', 'not an address');
  const own = author !== null && !('null' in author) ? author.domain : null;
  const isOwn = own !== null && ports.ownDomains.has(own);
  const active = await policyOf(params.policy, ports);
  const now = ports.clock.now();
  const content = await contentFacts(params, { active, isOwn, ports, now });
  const policy = policyFor(active.policy, isOwn ? own : null);
  const rule = ports.ownDomains.has(recipient.domain)
    ? untreated(policy, 'own-domain')
    : outwardRuleFor(policy, recipient.domain, recipient.localPart);
  const applied = withListDemand(rule, content.list ?? { kind: 'plain' });
  const located = await locateForRecipient(recipient, applied, ports.lookup, now);
  const asked = { recipient, rule: applied.rule, now };
  const certificate = await ports.capabilities.addTo(located.facts, asked);
  const { outbound } = applied;
  const profile = outbound.sign === 'none' ? 'none' : outbound.profile;
  const encrypted = certificate.kind === 'found';
  const decision = decideOutward(
    {
      originator: content.originator,
      innerSignatures: content.innerSignatures,
      list: content.list ?? { kind: 'plain' },
      review: content.review(outbound),
      certificate,
      filter: content.filter,
      waitedMs: 0,
      protectedBytes: protectedSizeEstimate(content.sizeBytes, {
        profile,
        encrypted,
        headerBytes: content.headerBytes,
      }),
      nextHopLimitBytes: null,
      released: false,
      now,
    },
    applied,
  );
  return {
    steps: located.trace.map((step) => ({ ...step })),
    decision: wordOf(decision),
    rule: decision.rule,
    sentence: decision.sentence,
    algorithms: decision.kind === 'protect' ? algorithmsOf(decision) : null,
    certificate: decision.kind === 'protect' ? certificateOf(decision) : null,
    policyVersion: params.policy === undefined ? active.version : null,
    remarks: [...content.remarks],
  };
}

/** A draft is what the asker has of it: the records that concern the recipient. */
async function policyOf(
  draft: string | undefined,
  { policy }: Pick<SimulatePorts, 'policy'>,
): Promise<ActivePolicy> {
  if (draft === undefined) return await policy.current();
  const parsed = parsePolicyDocument(documentOf(draft));
  if (parsed.kind === 'ok') return { version: 0, sha256: '', policy: parsed.policy };
  const [first] = parsed.faults;
  throw new IpcRefused(null, `the draft is no policy: ${first?.path} ${first?.reason}`);
}

function documentOf(draft: string): unknown {
  try {
    return JSON.parse(draft);
  } catch {
    throw new IpcRefused(null, 'the draft is no JSON');
  }
}

interface ContentFacts extends Pick<OutwardFacts, 'originator' | 'innerSignatures' | 'filter'> {
  readonly list?: NonNullable<OutwardFacts['list']>;
  readonly review: (
    outbound: PolicyDocument['default']['outbound'],
  ) => NonNullable<OutwardFacts['review']>;
  readonly sizeBytes: number;
  readonly headerBytes: number;
  readonly remarks: readonly string[];
}

interface Asked {
  readonly active: ActivePolicy;
  readonly isOwn: boolean;
  readonly ports: SimulatePorts;
  readonly now: Date;
}

const CLEAN = { kind: 'clean', scanned: false } as const;

async function contentFacts(params: Params, asked: Asked): Promise<ContentFacts> {
  const { active, isOwn, ports, now } = asked;
  if (params.message === undefined) {
    return {
      originator: isOwn ? 'authenticated' : 'unknown',
      innerSignatures: 'none',
      filter: CLEAN,
      review: () => ({ kind: 'none' }),
      sizeBytes: 0,
      headerBytes: 0,
      remarks: ['No message was given: as if it were short, unsigned and clean.'],
    };
  }
  const bytes = Buffer.from(params.message, 'base64');
  const read = await openLayers(bufferContent(bytes), {
    // This process holds no key: what is encrypted to us stays closed.
    ownRecipients: [],
    unwrapper: { unwrap: () => Promise.reject(new Error('no key here')) },
    mayOpen: () => Promise.resolve(false),
    knownCertificates: [],
    legacy: false,
    limits: MESSAGE_LIMITS,
  });
  if (read.kind === 'malformed') throw new IpcRefused(read.fault, read.reason);
  const { message } = read;
  const header = { evidence: isOwn ? 'simulated' : null, origin: 'outward' } as const;
  const context = { active, now, receipt: null, lookup: ports.lookup };
  const facts = await messageFacts(header, message, ports.ownDomains, context);
  const rule = filterRuleFor(active.policy, 'outward');
  return {
    originator: facts.originator,
    innerSignatures: facts.innerSignatures,
    list: listFacts(facts.plan),
    filter: await filterContent(message, rule, null),
    review: (outbound) => reviewFacts({ message, facts }, outbound),
    sizeBytes: bytes.length,
    headerBytes: message.root.headerBytes,
    remarks: [
      'The originator counts as logged in, no virus scanner was asked, and nothing that is encrypted to us was opened.',
    ],
  };
}

/** How it would be encrypted, and who chose that. */
function algorithmsOf(decision: Extract<OutwardDecision, { kind: 'protect' }>) {
  const { content, contentSource, keyTransport, keyTransportSource } = decision;
  return { content, contentSource, keyTransport, keyTransportSource };
}

function certificateOf(decision: Extract<OutwardDecision, { kind: 'protect' }>) {
  const { encryptTo, door, owner, proof } = decision;
  const { fingerprint } = encryptTo.certificate;
  const { status } = summariseRevocation(encryptTo.revocation);
  return { fingerprint, door, owner, proof, revocation: status };
}

function wordOf(decision: OutwardDecision): string {
  switch (decision.kind) {
    case 'hold':
    case 'refuse':
    case 'wait':
      return `${decision.kind} (${decision.fault})`;
    case 'protect':
    case 'sign-only':
    case 'pass':
      return decision.kind;
    default:
      return never(decision);
  }
}
