import {
  bindsAuthor,
  claimedOriginators,
  deliveredMessage,
  formatAuthenticationResults,
  formatVerdict,
  judgeLayers,
  labelsOf,
  MESSAGE_LIMITS,
  type OpenedMessage,
  type Verdict,
} from '@sallyport/domsec';
import { isLimitFault, type LimitFaultId } from '@sallyport/faults';
import type { ClientFacts } from '@sallyport/ipc';
import {
  type Content,
  type Domain,
  isNullPath,
  loadSmall,
  type Mailbox,
  parseReversePath,
  type QueueId,
} from '@sallyport/mail';
import { binaryToBase64, canonicalise, checkCanonical } from '@sallyport/mime';
import {
  decideInward,
  filterRuleFor,
  type InwardDecision,
  type InwardRule,
  inwardRuleFor,
  type SenderLookup,
} from '@sallyport/policy';
import type { ActivePolicy } from '@sallyport/policy-store/read';
import { authenticate } from '../authentication/authenticate.ts';
import type { Authentication } from '../authentication/facts.ts';
import { formatAuthentication } from '../authentication/format.ts';
import { type Heard, heardIn } from '../capabilities/heard.ts';
import { filterContent, type Scanner } from '../filter/filter.ts';
import { type Harvested, harvestOf } from '../harvested/harvest.ts';
import type { Keyring } from '../shared/keyholder-client.ts';
import type { LookupPorts } from '../shared/lookup-ports.ts';
import { openMessage } from '../shared/open-message.ts';
import { certificatesOf } from '../shared/policy-certificates.ts';
import type { KeyChange } from '../shared/proof.ts';
import { trustByOriginator } from '../shared/trust.ts';
import { meetsDemands, observedTls } from './client-name.ts';
import { lookUpSender } from './sender-lookup.ts';

export interface InwardMessage {
  readonly queueId: QueueId;
  readonly client: ClientFacts | null;
  readonly reversePath: string;
  readonly content: Content;
  /** A security admin released it from hold. */
  readonly released: boolean;
}

export interface JudgePorts {
  readonly keyring: Keyring;
  readonly scanner: Scanner | null;
  readonly mayOpen: (encryptedKey: Buffer, contentDigest: Buffer) => Promise<boolean>;
  /** True if a report belongs to a message that we sent. */
  readonly correlates: (message: OpenedMessage) => Promise<boolean>;
  readonly authservId: string;
  /** Of trusted fronts; left out: there are none. */
  readonly frontAuthservIds?: readonly string[];
  /** What finding out about signers needs of the world. */
  readonly lookup: LookupPorts;
  readonly now: Date;
}

export type Judgement =
  | {
      readonly kind: 'malformed';
      readonly fault: 'message-malformed' | LimitFaultId;
      readonly reason: string;
    }
  | {
      readonly kind: 'judged';
      readonly decision: InwardDecision;
      /** By whose rules it was judged, beside that of the reverse-path. */
      readonly claimed: readonly Domain[];
      readonly verdict: Verdict;
      /** Of the outer message as received. */
      readonly authentication: Authentication;
      /** What the inner recipient gets, if the decision is to deliver. */
      readonly delivered: Content;
      /** The outer header as received, for a report about it; null if it is too long to keep. */
      readonly outerHeader: string | null;
      /** What its signers announce that they can read, as far as they may be believed. */
      readonly heard: readonly Heard[];
      /** Certificates to encrypt to that it brought: candidates and no more. */
      readonly harvested: readonly Harvested[];
      /** Signers of whom another certificate is pinned. */
      readonly keyChanges: readonly KeyChange[];
      /** Null if no rule asks for it (TM-4). */
      readonly senderLookup: SenderLookup | null;
    };

/** Judges one message from outside: opens it, finds the rule, verifies, filters, decides. */
export async function judgeMessage(
  message: InwardMessage,
  active: ActivePolicy,
  ports: JudgePorts,
): Promise<Judgement> {
  const records = [...active.policy.partners, active.policy.default];
  const { resolver } = ports.lookup;
  // Side by side: neither depends on what the other finds.
  const [read, authentication] = await Promise.all([
    openMessage({
      content: message.content,
      queueId: message.queueId,
      keyring: ports.keyring,
      knownCertificates: certificatesOf(records.flatMap(({ trust }) => trust.pinned)),
      mayOpen: ports.mayOpen,
      legacy: records.some(({ inbound }) => inbound.legacyAlgorithms === 'accept'),
    }),
    authenticate(message, { resolver, authservId: ports.authservId, now: ports.now }),
  ]);
  if (read.kind === 'malformed') {
    const fault = isLimitFault(read.fault) ? read.fault : 'message-malformed';
    return { kind: 'malformed', fault, reason: read.reason };
  }
  const opened = read.message;
  const claimed = claimedOriginators(opened);
  // What only the inside says must not have a reply of its own before its integrity is proven.
  if (claimed.outer.malformed || (claimed.malformed && !opensUnauthenticated(opened))) {
    const reason = 'the From or Sender field cannot be understood';
    return { kind: 'malformed', fault: 'message-malformed', reason };
  }
  // Without originators no signer's name fits, so nothing proves the integrity of such content.
  const originators = claimed.malformed ? [] : claimed.mailboxes;
  const reversePath = domainOf(message.reversePath);
  const { policy } = active;
  const ruleOf = (domains: readonly Domain[]) =>
    inwardRuleFor(policy, { reversePath, claimed: domains });
  const context = { policy, originators, now: ports.now, ports: ports.lookup };
  const { validate, naming, keyChanges } = await trustByOriginator(opened, context);
  const verdict = judgeLayers(opened, {
    originators,
    validate,
    naming,
    // Strictest of all that are claimed: an unproven inside cannot make it more lenient.
    legacy: ruleOf(domainsOf(originators)).inbound.legacyAlgorithms,
  });
  const isProven = verdict.encryption !== 'domain' || verdict.integrity;
  // A rule that only an unproven inside brings in would answer a question about the plaintext.
  const claims = isProven ? originators : claimed.outer.mailboxes;
  const claimedDomains = domainsOf(claims);
  const rule = ruleOf(claimedDomains);
  const senderLookup = await lookUpSender({
    ...{ opened, verdict, originators, policy, rule },
    ports: ports.lookup,
  });
  const known = { verdict, authentication, senderLookup };
  const decision = await decide({ message, opened, rule, active, ports, ...known });
  const flagged = decision.kind === 'deliver' && decision.flagged;
  const made = deliveredMessage(opened, {
    deliver: decision.kind === 'deliver' ? decision.deliver : 'as-received',
    authservId: ports.authservId,
    frontAuthservIds: ports.frontAuthservIds ?? [],
    isFromBound: bindsAuthor(verdict),
    added: [
      {
        name: 'X-Sallyport-Verdict',
        value: formatVerdict(verdict, flagged, authentication.fromFront),
      },
      { name: 'Authentication-Results', value: resultsField(known, ports.authservId) },
    ],
  });
  const delivered = opened.layers.length === 0 ? made : await forNextHop(made);
  const { queueId } = message;
  const source = { queueId, opened, verdict, originators, policy };
  const heard = heardIn(source);
  const harvested = harvestOf(source);
  const found = { outerHeader: outerHeaderOf(opened), heard, harvested, keyChanges };
  return { kind: 'judged', decision, delivered, claimed: claimedDomains, ...known, ...found };
}

/**
 * What came out of a CMS object was never looked at by ingress: a bare CR or LF in it must not reach
 * the next hop, nor strand the message at egress. In a binary part they are its content.
 */
async function forNextHop(made: Content): Promise<Content> {
  const loaded = await loadSmall(made);
  if ((await checkCanonical(loaded)).kind === 'crlf') return loaded;
  return await canonicalise((await binaryToBase64(loaded, MESSAGE_LIMITS.mime)) ?? loaded);
}

function resultsField(
  { verdict, authentication }: Pick<DecideInput, 'verdict' | 'authentication'>,
  authservId: string,
): string {
  return formatAuthenticationResults(verdict, authservId, formatAuthentication(authentication));
}

/** True if CBC content was opened, which proves nothing by itself (RFC 8551 section 6). */
function opensUnauthenticated(message: OpenedMessage): boolean {
  return message.layers.some(
    (layer) => layer.kind === 'encrypted' && layer.state !== 'foreign' && !layer.authenticated,
  );
}

const MAX_KEPT_HEADER_BYTES = 32 * 1024;

/** For a report about it; null if it is too long to keep. */
function outerHeaderOf({ root }: OpenedMessage): string | null {
  const outer = Buffer.concat(root.header.map((field) => field.raw));
  return outer.length <= MAX_KEPT_HEADER_BYTES ? outer.toString('latin1') : null;
}

function domainsOf(mailboxes: readonly Mailbox[]): readonly Domain[] {
  return [...new Set(mailboxes.map(({ domain }) => domain))];
}

/** Null for the null reverse-path, which is judged by From (design section 5). */
function domainOf(reversePath: string): Domain | null {
  const path = parseReversePath(reversePath);
  return path === null || isNullPath(path) ? null : path.domain;
}

interface DecideInput {
  readonly message: InwardMessage;
  readonly opened: OpenedMessage;
  readonly rule: InwardRule;
  readonly verdict: Verdict;
  readonly authentication: Authentication;
  readonly senderLookup: SenderLookup | null;
  readonly active: ActivePolicy;
  readonly ports: JudgePorts;
}

async function decide(input: DecideInput): Promise<InwardDecision> {
  const { message, opened, rule, verdict, authentication, senderLookup, active, ports } = input;
  // What nothing vouches for is not handed to a scanner: its verdict would answer questions about
  // the plaintext (design section 4). decideInward refuses it before it looks at the filter.
  const isSecret = verdict.encryption === 'domain' && !verdict.integrity;
  const mayLook = !isSecret && verdict.fault !== 'revocation-unavailable';
  const filter = mayLook
    ? await filterContent(opened, filterRuleFor(active.policy, 'inward'), ports.scanner)
    : ({ kind: 'clean', scanned: false } as const);
  const report = message.reversePath === '' && (await ports.correlates(opened));
  return decideInward(
    {
      verdict: senderLookup === null ? verdict : { ...verdict, senderLookup },
      filter,
      dmarc: authentication.dmarc,
      labels: labelsOf(opened, verdict.layers),
      tls: observedTls(message.client),
      clientNameOk: meetsDemands(message.client, rule.clientDemands, ports.now),
      correlatedReport: report,
      released: message.released,
      now: ports.now,
    },
    rule,
  );
}
