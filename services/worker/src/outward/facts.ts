import {
  claimedOriginators,
  encapsulatedState,
  judgeLayers,
  type LayerReport,
  type ListPlan,
  namingOptions,
  type OpenedMessage,
  planListHandling,
  type SignedReceipt,
} from '@sallyport/domsec';
import type { Domain, Mailbox } from '@sallyport/mail';
import type { OutwardFacts } from '@sallyport/policy';
import type { ActivePolicy } from '@sallyport/policy-store/read';
import type { QueueFileHeader } from '@sallyport/spool';
import type { LookupPorts } from '../shared/lookup-ports.ts';
import { Unavailable } from '../shared/ports.ts';
import { proveSigners } from '../shared/trust.ts';

/** What is true of a message for every recipient alike. */
export interface MessageFacts {
  readonly originator: OutwardFacts['originator'];
  readonly innerSignatures: OutwardFacts['innerSignatures'];
  /** The domain whose authority would sign; null if the author is not ours. */
  readonly authorDomain: Domain | null;
  /** Where the domain signature would go (RFC 3183 section 5). */
  readonly plan: ListPlan;
  /** What the signatures on it turned out to be, and for whom: a review may be looked for. */
  readonly layers: readonly LayerReport[];
  readonly originators: readonly Mailbox[];
}

/**
 * Establishes who sent it and whether what it carries is sound (DS-G1, DS-G2).
 *
 * @throws Unavailable if nobody says whether a signer inside is revoked and the rule is hard.
 */
export async function messageFacts(
  header: Pick<QueueFileHeader, 'evidence' | 'origin'>,
  message: OpenedMessage,
  ownDomains: ReadonlySet<string>,
  context: {
    readonly active: ActivePolicy;
    readonly now: Date;
    /** A signed receipt that the message is; its signature must be good like any other. */
    readonly receipt: SignedReceipt | null;
    readonly lookup: LookupPorts;
  },
): Promise<MessageFacts> {
  const { active, now, receipt, lookup } = context;
  const claimed = claimedOriginators(message);
  const originators = claimed.mailboxes;
  const [author] = originators;
  const ours = originators.every((mailbox) => ownDomains.has(mailbox.domain));
  const authorDomain = ours && !claimed.malformed ? (author?.domain ?? null) : null;
  const evidence = header.evidence !== null || header.origin === 'gateway';
  const trusts = [active.policy.default.trust];
  const signed =
    receipt === null ? message : { ...message, layers: [...message.layers, receipt.layer] };
  const { validate, isPending } = await proveSigners(signed, trusts, { now, ports: lookup });
  const { layers } = judgeLayers(signed, {
    originators,
    validate,
    naming: namingOptions(trusts, [], now),
  });
  // RFC 3183 section 3.2: all signatures present must be valid, those inside encryption included.
  const innerSignatures = encapsulatedState(layers);
  // It may be known in an hour, so it is no reason to send the message back.
  if (innerSignatures === 'unverifiable' && isPending) {
    throw new Unavailable('revocation-unavailable');
  }
  return {
    originator: evidence && authorDomain !== null ? 'authenticated' : 'unknown',
    innerSignatures,
    authorDomain,
    plan: planListHandling(message, layers),
    layers,
    originators,
  };
}

/** What list handling demands, in the words of policy. */
export function listFacts(plan: ListPlan): NonNullable<OutwardFacts['list']> {
  if (plan.kind === 'refused') {
    return { kind: 'unusable', fault: plan.fault, reason: plan.reason };
  }
  return plan.kind === 'rebuild' && plan.mustEncrypt ? { kind: 'must-encrypt' } : { kind: 'plain' };
}
