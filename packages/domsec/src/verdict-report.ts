import { never } from '@sallyport/mail';
import type { Layer, OpenedMessage } from './layers.ts';
import type { JudgedLayer, LayerReport, Verdict } from './verdict-types.ts';

/** What the verdict says of one layer. */
export function reportOf(layer: Layer, judged: ReadonlyMap<Layer, JudgedLayer>): LayerReport {
  switch (layer.kind) {
    case 'broken':
      return { kind: 'broken', fault: layer.fault, reason: layer.reason };
    case 'compressed':
      return { kind: 'compressed' };
    case 'encrypted':
      return {
        kind: 'encrypted',
        state: layer.state,
        algorithm: layer.contentAlgorithm,
        authenticated: layer.authenticated,
        keyId: layer.keyId,
        legacy: layer.legacy,
      };
    default: {
      const found = judged.get(layer);
      if (found === undefined) return { kind: 'empty' };
      const { role, state, mapping, signers } = found;
      return { kind: 'signed', form: layer.form, state, role, mapping, signers };
    }
  }
}

interface Found {
  readonly state: Verdict['signature'];
  readonly encryption: Verdict['encryption'];
  /** The layer that decided, or the one that spoiled it. */
  readonly named: JudgedLayer | null;
  readonly legacy: readonly string[];
  readonly integrity: boolean;
}

/** What was found, what it means and what to do, for people (design section 1, rule 10). */
export function sentence(message: OpenedMessage, found: Found): string {
  const { legacy } = found;
  return [
    originSentence(message, found),
    secrecySentence(message, found),
    legacy.length === 0 ? '' : `It rests on ${legacy.join(' and ')}, which is no longer safe.`,
    adviceSentence(message, found),
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function secrecySentence(message: OpenedMessage, { encryption, integrity }: Found): string {
  const isShut = message.layers.some(
    (layer) => layer.kind === 'encrypted' && layer.state === 'failed',
  );
  switch (encryption) {
    case 'domain':
      if (isShut) return 'It was encrypted for our domain and did not open.';
      return integrity
        ? 'It was encrypted for our domain.'
        : 'It was encrypted for our domain, and nothing proves that what came out is what was put in.';
    case 'user':
      return message.layers.some((layer) => layer.kind === 'encrypted' && layer.isUnsupported)
        ? 'It is encrypted in a form that is not supported, so it could not be looked into.'
        : 'It is encrypted for somebody else, so it could not be looked into.';
    case 'none':
      return 'It was not encrypted.';
    default:
      return never(encryption);
  }
}

function originSentence(message: OpenedMessage, { state, named }: Found): string {
  const brokenLayer = message.layers.find((layer) => layer.kind === 'broken');
  if (brokenLayer !== undefined) {
    return `It could not be taken apart: ${brokenLayer.reason.replace(/\.$/, '')}.`;
  }
  if (named === null) {
    return message.partial
      ? 'Only a part of it is signed or encrypted, so nothing says who sent the whole.'
      : 'It is not signed, so nothing proves where it came from.';
  }
  const { name } = named;
  if (isGenuine(state, named)) return `Signed by ${name}, but ${named.reason}.`;
  if (state !== 'valid') return `The signature of ${name} does not count: ${named.reason}.`;
  switch (named.role) {
    case 'domain':
      return `The domain of the author vouches for it: signed by ${name}.`;
    case 'originator':
      return `Signed by the author: ${name}.`;
    default:
      return `Signed by ${name}, which does not prove who wrote it.`;
  }
}

/** A genuine signature of somebody who does not stand for the author. */
function isGenuine(state: Verdict['signature'], named: JudgedLayer | null): boolean {
  return state === 'unverifiable' && named?.state === 'valid' && named.mapping === 'mismatch';
}

function adviceSentence(message: OpenedMessage, { state, named, legacy }: Found): string {
  const broken = message.layers.find((layer) => layer.kind === 'broken');
  if (broken !== undefined) {
    return broken.fault === 'algorithm-unsupported'
      ? 'Ask the sender to send it in another form; do not rely on it.'
      : 'Ask the sender to send it again; do not rely on it.';
  }
  switch (state) {
    case 'invalid':
      return invalidAdvice(named);
    case 'unverifiable':
      if (isGenuine(state, named)) return 'Do not take it for mail of the author named in it.';
      return unverifiableAdvice(named);
    case 'none':
      return message.partial
        ? 'Ask the sender to sign the whole message.'
        : 'Treat it with the care due to any unsigned mail.';
    case 'valid':
      return legacy.length === 0 ? '' : 'Ask the sender for algorithms of today.';
    default:
      return never(state);
  }
}

function unverifiableAdvice(named: JudgedLayer | null): string {
  switch (named?.fault) {
    case 'algorithm-unsupported':
      return 'Treat it as unsigned, or ask the sender for another algorithm.';
    case 'revocation-unavailable':
      return 'Treat it as unsigned until the revocation lists can be had again.';
    default:
      return 'Treat it as unsigned until the issuer of the certificate is trusted.';
  }
}

function invalidAdvice(named: JudgedLayer | null): string {
  switch (named?.fault) {
    case 'signer-mismatch':
    case 'signer-revoked':
      return 'Do not take it for mail of the author named in it.';
    case 'algorithm-unsupported':
      return 'Ask the sender to sign with an algorithm of today; do not rely on it.';
    default:
      return 'Ask the sender to send it again; do not rely on it.';
  }
}
