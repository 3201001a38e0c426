import type { Layer, OpenedMessage } from './layers.ts';
import type { JudgedLayer, LayerReport, Verdict } from './verdict-types.ts';

/** What the verdict says of one layer. */
export function reportOf(layer: Layer, judged: ReadonlyMap<Layer, JudgedLayer>): LayerReport {
  switch (layer.kind) {
    case 'broken':
      return { kind: 'broken', reason: layer.reason };
    case 'encrypted':
      return {
        kind: 'encrypted',
        state: layer.state,
        algorithm: layer.contentAlgorithm,
        authenticated: layer.authenticated,
        keyId: layer.keyId,
      };
    default: {
      const found = judged.get(layer);
      if (found === undefined) return { kind: 'empty' };
      const { role, state, mapping, signers } = found;
      return { kind: 'signed', form: layer.form, state, role, mapping, signers };
    }
  }
}

/** What was found and what it means, for people. */
export function sentence(
  message: OpenedMessage,
  state: Verdict['signature'],
  /** The layer that decided, or the one that spoiled it. */
  named: JudgedLayer | null,
  encryption: Verdict['encryption'],
): string {
  const secrecy = {
    domain: 'It was encrypted for our domain',
    user: 'It is encrypted for somebody else, so it could not be looked into',
    none: 'It was not encrypted',
  }[encryption];
  return `${originSentence(message, state, named)} ${secrecy}.`;
}

function originSentence(
  message: OpenedMessage,
  state: Verdict['signature'],
  deciding: JudgedLayer | null,
): string {
  const brokenLayer = message.layers.find((layer) => layer.kind === 'broken');
  if (brokenLayer !== undefined) return `It could not be taken apart: ${brokenLayer.reason}.`;
  if (deciding === null) {
    return message.partial
      ? 'Only a part of it is signed, so nothing says who sent the whole.'
      : 'It is not signed, so nothing proves where it came from.';
  }
  const { name } = deciding;
  if (state !== 'valid') return `The signature of ${name} does not count: ${deciding.reason}.`;
  if (deciding.mapping === 'mismatch') return `Signed by ${name}, but ${deciding.reason}.`;
  switch (deciding.role) {
    case 'domain':
      return `The domain of the author vouches for it: signed by ${name}.`;
    case 'originator':
      return `Signed by the author: ${name}.`;
    default:
      return `Signed by ${name}, which does not prove who wrote it.`;
  }
}
