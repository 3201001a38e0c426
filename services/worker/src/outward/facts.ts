import { claimedOriginators, judgeLayers, type OpenedMessage } from '@sallyport/domsec';
import type { Domain } from '@sallyport/mail';
import type { OutwardFacts } from '@sallyport/policy';
import type { ActivePolicy } from '@sallyport/policy-store/read';
import type { QueueFileHeader } from '@sallyport/spool';
import { namingOptions, signerValidator } from '../shared/trust.ts';

/** What is true of a message for every recipient alike. */
export interface MessageFacts {
  readonly originator: OutwardFacts['originator'];
  readonly innerSignatures: OutwardFacts['innerSignatures'];
  /** The domain whose authority would sign; null if the author is not ours. */
  readonly authorDomain: Domain | null;
}

/** Establishes who sent it and whether what it carries is sound (DS-G1, DS-G2). */
export function messageFacts(
  header: QueueFileHeader,
  message: OpenedMessage,
  ownDomains: ReadonlySet<string>,
  active: ActivePolicy,
  now: Date,
): MessageFacts {
  const claimed = claimedOriginators(message);
  const [author] = claimed.mailboxes;
  const ours = claimed.mailboxes.every((mailbox) => ownDomains.has(mailbox.domain));
  const authorDomain = ours && !claimed.malformed ? (author?.domain ?? null) : null;
  const evidence = header.evidence !== null || header.origin === 'gateway';
  return {
    originator: evidence && authorDomain !== null ? 'authenticated' : 'unknown',
    innerSignatures: innerSignatures(message, active, now),
    authorDomain,
  };
}

// RFC 3183 section 3.2: all signatures present must be valid, those inside encryption included.
// What we cannot look into may hold some: it counts as unverifiable.
function innerSignatures(
  message: OpenedMessage,
  active: ActivePolicy,
  now: Date,
): OutwardFacts['innerSignatures'] {
  const trusts = [active.policy.default.trust];
  const verdict = judgeLayers(message, {
    originators: claimedOriginators(message).mailboxes,
    validate: signerValidator(trusts, now),
    naming: namingOptions(trusts, [], now),
  });
  const states = verdict.layers.flatMap((layer) => {
    if (layer.kind === 'broken') return ['invalid'];
    if (layer.kind === 'encrypted') return layer.state === 'opened' ? [] : ['unverifiable'];
    return layer.kind === 'signed' ? [layer.state] : [];
  });
  if (states.includes('invalid')) return 'invalid';
  if (states.includes('unverifiable')) return 'unverifiable';
  return states.length === 0 ? 'none' : 'valid';
}
