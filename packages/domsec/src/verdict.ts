import { isLimitFault } from '@sallyport/faults';
import { sameMailbox } from '@sallyport/mail';
import { judgeLayer } from './judge-layer.ts';
import type { Layer, OpenedMessage } from './layers.ts';
import { originatorCertificates } from './naming-originators.ts';
import { shownAddresses } from './shown-addresses.ts';
import { reportOf, sentence } from './verdict-report.ts';
import type { JudgedLayer, JudgeOptions, LayerReport, Verdict } from './verdict-types.ts';

export type { JudgeOptions, LayerReport, SignerReport, Verdict } from './verdict-types.ts';

/** Judges trust, names and scope of a message that was taken apart. Pure; never throws. */
export function judgeLayers(message: OpenedMessage, options: JudgeOptions): Verdict {
  const judged = new Map<Layer, JudgedLayer>();
  const layerOptions = {
    ...options,
    shown: shownAddresses(message),
    originatorCertificates: originatorCertificates(message, options.validate),
  };
  for (const [index, layer] of message.layers.entries()) {
    if (layer.kind === 'signed' && !layer.empty)
      judged.set(layer, judgeLayer(layer, index, layerOptions));
  }
  const signed = [...judged.values()];
  const deciding = decidingLayer(signed);
  const spoiler = spoilerOf(signed, deciding);
  const encryption = encryptionOf(message);
  const integrity = hasIntegrity(message, signed, options);
  const state = messageState(message, signed, deciding);
  const reports = message.layers.map((layer) => reportOf(layer, judged));
  const legacy = legacyOf(reports);
  const type = deciding === null || deciding.role === 'other' ? null : deciding.role;
  return {
    signature: state,
    signatureType: type,
    signer: deciding?.name ?? null,
    originator: state === 'valid' ? originatorOf(signed, deciding, options) : 'unknown',
    mapping: deciding?.mapping ?? null,
    encryption,
    scope: deciding === null && message.partial ? 'partial' : 'whole',
    reason: sentence(message, {
      state,
      encryption,
      named: spoiler ?? deciding,
      legacy,
      integrity,
    }),
    integrity,
    fault: faultOf(message, state, spoiler ?? deciding),
    legacy,
    ...revocationOf(deciding),
    layers: reports,
  };
}

/** Domain signatures first, from the outside; then whatever is outermost. */
function decidingLayer(signed: readonly JudgedLayer[]): JudgedLayer | null {
  const good = (layer: JudgedLayer): boolean =>
    layer.state === 'valid' && layer.mapping !== 'mismatch';
  return (
    signed.find((layer) => layer.role === 'domain' && good(layer)) ??
    signed.find((layer) => layer.role === 'domain') ??
    signed.find((layer) => layer.role === 'originator' && good(layer)) ??
    signed.find((layer) => layer.role === 'originator') ??
    signed[0] ??
    null
  );
}

// A layer outside the deciding one that is invalid spoils the message: somebody changed it. What a
// valid domain signature encapsulates its signer has verified (DS-V5); we report it, no more.
function messageState(
  message: OpenedMessage,
  signed: readonly JudgedLayer[],
  deciding: JudgedLayer | null,
): Verdict['signature'] {
  if (message.layers.some((layer) => layer.kind === 'broken')) return 'invalid';
  if (deciding === null) return 'none';
  if (spoilerOf(signed, deciding) !== null) return 'invalid';
  return isOfSomebodyElse(deciding) ? 'unverifiable' : deciding.state;
}

// A genuine signature of somebody who does not stand for the author proves nothing of this message:
// whoever looks at the one word alone must not read that it is valid.
function isOfSomebodyElse(deciding: JudgedLayer): boolean {
  return deciding.state === 'valid' && deciding.mapping === 'mismatch';
}

function spoilerOf(
  signed: readonly JudgedLayer[],
  deciding: JudgedLayer | null,
): JudgedLayer | null {
  if (deciding === null) return null;
  return signed.find((layer) => layer.index < deciding.index && layer.state === 'invalid') ?? null;
}

function encryptionOf(message: OpenedMessage): Verdict['encryption'] {
  const encrypted = message.layers.filter((layer) => layer.kind === 'encrypted');
  if (encrypted.some((layer) => layer.state !== 'foreign')) return 'domain';
  return encrypted.length > 0 ? 'user' : 'none';
}

// RFC 8551 section 6: each opened CBC layer needs a valid signature inside it; an authenticated
// layer proves itself.
function hasIntegrity(
  message: OpenedMessage,
  signed: readonly JudgedLayer[],
  options: JudgeOptions,
): boolean {
  return message.layers.every((layer, index) => {
    if (layer.kind === 'broken') return false;
    if (layer.kind !== 'encrypted' || layer.state === 'foreign') return true;
    if (layer.state === 'failed') return false;
    if (layer.legacy.length > 0 && options.legacy !== 'accept') return false;
    if (layer.authenticated) return true;
    return signed.some(
      (inner) => inner.index > index && vouches(inner) && inner.mapping !== 'mismatch',
    );
  });
}

// A signature over the plaintext verified, by a key with a path to an anchor of this partner: only who
// knew the plaintext can have made it, and that is what integrity asks. Whether its owner may still
// sign is another question, and a temporary answer to it tells nobody anything about the plaintext.
function vouches({ state, fault }: JudgedLayer): boolean {
  return state === 'valid' || fault === 'revocation-unavailable';
}

function revocationOf(deciding: JudgedLayer | null): Pick<Verdict, 'revocation'> {
  const signer = deciding?.signers.find(({ revocation }) => revocation !== undefined);
  return signer?.revocation === undefined ? {} : { revocation: signer.revocation };
}

/** What any layer rests on that counts: a signature that is not valid is not counted anyway. */
function legacyOf(reports: readonly LayerReport[]): readonly string[] {
  const named = reports.flatMap((report) => {
    if (report.kind === 'encrypted') return report.legacy;
    if (report.kind !== 'signed') return [];
    return report.signers.flatMap((signer) => (signer.state === 'valid' ? signer.legacy : []));
  });
  return [...new Set(named)];
}

function originatorOf(
  signed: readonly JudgedLayer[],
  deciding: JudgedLayer | null,
  options: JudgeOptions,
): Verdict['originator'] {
  const [author] = options.originators;
  const named = signed.some(
    (layer) =>
      layer.role === 'originator' &&
      layer.state === 'valid' &&
      layer.mapping === 'ok' &&
      author !== undefined &&
      options.originators.every((other) => sameMailbox(other, author)),
  );
  if (named) return 'authenticated';
  // DS-V4: a domain signature authenticates the domain, no more.
  const domain = deciding?.role === 'domain' && deciding.state === 'valid';
  return domain && deciding.mapping !== 'mismatch' ? 'domain-only' : 'unknown';
}

const BROKEN_FAULTS = ['message-malformed', 'algorithm-unsupported', 'message-integrity'] as const;

const KEPT_FAULTS = [
  'algorithm-unsupported',
  'signer-not-trusted',
  'signer-revoked',
  'revocation-unavailable',
  'signer-mismatch',
] as const;

function faultOf(
  message: OpenedMessage,
  state: Verdict['signature'],
  deciding: JudgedLayer | null,
): Verdict['fault'] {
  const failed = message.layers.some(
    (layer) => layer.kind === 'encrypted' && layer.state === 'failed',
  );
  if (failed) return 'decryption-failed';
  const broken = message.layers.find((layer) => layer.kind === 'broken');
  if (broken !== undefined && isLimitFault(broken.fault)) return broken.fault;
  if (broken !== undefined)
    return BROKEN_FAULTS.find((known) => known === broken.fault) ?? 'message-malformed';
  if (state === 'valid') return null;
  if (deciding !== null && isOfSomebodyElse(deciding)) return 'signer-mismatch';
  if (state === 'none') {
    const unreadable = message.layers.some(
      (layer) => layer.kind === 'encrypted' && layer.state === 'foreign' && layer.isUnsupported,
    );
    return unreadable ? 'algorithm-unsupported' : null;
  }
  const fault = deciding?.fault ?? null;
  const kept = KEPT_FAULTS.find((known) => known === fault);
  if (kept !== undefined) return kept;
  return state === 'invalid' ? 'message-integrity' : 'signer-not-trusted';
}
