import {
  claimedOriginators,
  judgeLayers,
  labelsOf,
  MESSAGE_LIMITS,
  type OpenedMessage,
  openLayers,
  readReceipt,
  type Verdict,
} from '@sallyport/domsec';
import { type Content, formatMailbox } from '@sallyport/mail';
import { describeLabels, describeProtection, describeReceipt } from './header-report.ts';
import type { InspectTrust } from './inspect-trust.ts';
import type { KeyPair } from './key-file.ts';
import { algorithmsOf, describeLayers, mismatchesOf } from './layer-report.ts';
import { messageSource } from './source.ts';
import { offlineKeyring } from './unwrapper.ts';

export interface InspectOptions {
  readonly keys: readonly KeyPair[];
  readonly trust: InspectTrust;
  /** Work out SHA-1 signatures and 3DES content; the result names them. A policy decides by itself. */
  readonly legacy: boolean;
  /** How many revocation lists were given. */
  readonly crls: number;
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
  return {
    ...NOTHING,
    reason,
    fault,
    integrity: false,
    mismatches: [],
    algorithms: [],
    legacy: [],
    originators: [],
    layers: [],
  };
}

/** Takes a message apart and judges it, in the words of design section 8. */
export async function inspectMessage(file: Content, options: InspectOptions): Promise<object> {
  const source = await messageSource(file);
  const { ownRecipients, unwrapper } = offlineKeyring(options.keys);
  const read = await openLayers(source.content, {
    ownRecipients,
    unwrapper,
    mayOpen: async () => true,
    knownCertificates: options.trust.known,
    contentForm: source.contentForm,
    legacy: options.legacy || options.trust.mayAcceptLegacy,
    limits: MESSAGE_LIMITS,
  });
  if (read.kind === 'malformed') {
    return notInspected(`It is no message: ${read.reason.replace(/\.$/, '')}.`, read.fault);
  }
  return await report(read.message, source.lineEnds, options);
}

async function report(
  message: OpenedMessage,
  lineEnds: string,
  { trust, legacy, crls }: InspectOptions,
): Promise<object> {
  const claimed = claimedOriginators(message);
  // As at the gateway: an author who is in doubt is covered by nobody.
  const originators = claimed.malformed ? [] : claimed.mailboxes;
  const rule = trust.ruleFor(originators);
  const verdict = judgeLayers(message, {
    originators,
    validate: rule.validate,
    naming: rule.naming,
    legacy: legacy ? 'accept' : rule.legacy,
  });
  const layers = await describeLayers(message, verdict);
  const receipt = await readReceipt(message, {
    limits: MESSAGE_LIMITS,
    knownCertificates: trust.known,
  });
  return {
    ...wordsOf(verdict),
    fault: verdict.fault,
    integrity: verdict.integrity,
    mismatches: mismatchesOf(verdict),
    algorithms: algorithmsOf(layers),
    legacy: verdict.legacy,
    originators: claimed.mailboxes.map(formatMailbox),
    ...(claimed.malformed ? { originatorsMalformed: true } : {}),
    lineEnds,
    layers,
    ...describeProtection(message),
    ...describeLabels(message, verdict),
    ...describeReceipt(receipt),
    ...rule.decide(verdict, labelsOf(message, verdict.layers)),
    ...revocation(crls),
  };
}

function revocation(crls: number): object {
  if (crls === 0) {
    return {
      revocation: 'not-checked',
      revocationReason: 'No lists were given with --crls: a revoked certificate counts as valid.',
    };
  }
  return {
    revocation: 'soft',
    revocationReason: `Checked with the ${crls} list(s) of --crls: a certificate that none of them speaks about counts as not revoked.`,
  };
}

function wordsOf(verdict: Verdict): object {
  const { signature, signatureType, signer, originator, mapping, encryption, scope } = verdict;
  const { reason } = verdict;
  return { signature, signatureType, signer, originator, mapping, encryption, scope, reason };
}
