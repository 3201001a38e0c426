import {
  claimedOriginators,
  judgeLayers,
  type OpenedMessage,
  openLayers,
  type Verdict,
} from '@sallyport/domsec';
import { formatMailbox } from '@sallyport/mail';
import { type Certificate, validatePath } from '@sallyport/pki';
import type { InspectTrust } from './inspect-trust.ts';
import type { KeyPair } from './key-file.ts';
import { describeLayers } from './layer-report.ts';
import { LIMITS } from './limits.ts';
import { messageSource } from './source.ts';
import { offlineKeyring } from './unwrapper.ts';

export interface InspectOptions {
  readonly keys: readonly KeyPair[];
  readonly trust: InspectTrust;
  readonly time: Date;
}

/** What is said of something that is no message. */
const NOTHING = {
  signature: 'none',
  signatureType: null,
  signer: null,
  originator: 'unknown',
  mapping: null,
  encryption: 'none',
  scope: 'whole',
} as const;

/** The result for a file that could not be taken for a message at all; the same fields. */
export function notInspected(reason: string, fault: string | null): object {
  return { ...NOTHING, reason, fault, originators: [], layers: [] };
}

/** Takes a message apart and judges it, in the words of design section 8. */
export async function inspectMessage(bytes: Buffer, options: InspectOptions): Promise<object> {
  const source = await messageSource(bytes);
  const { ownRecipients, unwrapper } = offlineKeyring(options.keys);
  const read = await openLayers(source.content, {
    ownRecipients,
    unwrapper,
    mayOpen: async () => true,
    knownCertificates: options.trust.known,
    limits: LIMITS,
  });
  if (read.kind === 'malformed') {
    return notInspected(`It is no message: ${read.reason}.`, read.fault);
  }
  return await report(read.message, source.lineEnds, options);
}

async function report(
  message: OpenedMessage,
  lineEnds: string,
  { trust, time }: InspectOptions,
): Promise<object> {
  const claimed = claimedOriginators(message);
  const rule = trust.ruleFor(claimed.mailboxes);
  const verdict = judgeLayers(message, {
    originators: claimed.mailboxes,
    validate: (leaf, others) => validateSigner(leaf, others, rule.anchors, time),
    naming: rule.naming,
  });
  return {
    ...wordsOf(verdict),
    fault: verdict.fault,
    integrity: verdict.integrity,
    originators: claimed.mailboxes.map(formatMailbox),
    ...(claimed.malformed ? { originatorsMalformed: true } : {}),
    lineEnds,
    layers: await describeLayers(message, verdict),
    ...rule.decide(verdict),
    revocation: 'not-checked',
  };
}

function wordsOf(verdict: Verdict): object {
  const { signature, signatureType, signer, originator, mapping, encryption, scope } = verdict;
  const { reason } = verdict;
  return { signature, signatureType, signer, originator, mapping, encryption, scope, reason };
}

function validateSigner(
  leaf: Certificate,
  others: readonly Certificate[],
  anchors: readonly Certificate[],
  time: Date,
): { readonly kind: 'valid' } | { readonly kind: 'invalid'; readonly reason: string } {
  if (anchors.length === 0) return { kind: 'invalid', reason: 'no trust anchor was given' };
  const found = validatePath({ leaf, intermediates: others, anchors, time, purpose: 'email-sign' });
  return found.kind === 'valid' ? found : { kind: 'invalid', reason: found.reason };
}
