import type { FaultId } from '@sallyport/faults';
import { type Mailbox, sameMailbox } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';
import type { EncryptedLayer, Layer, LayerSigner, OpenedMessage, SignedLayer } from './layers.ts';
import {
  AUTHORITY_NAMES,
  checkAuthorityName,
  checkNameMapping,
  type NameCheck,
  type NameMappingOptions,
} from './naming.ts';

/** What the message as a whole may claim, in the words of design section 8. */
export interface Verdict {
  readonly signature: 'valid' | 'invalid' | 'none' | 'unverifiable';
  readonly signatureType: 'domain' | 'originator' | 'review' | 'additional-attributes' | null;
  /** The name in the certificate of the signer that decided; null without one. */
  readonly signer: string | null;
  readonly originator: 'authenticated' | 'domain-only' | 'unknown';
  readonly mapping: 'ok' | 'mismatch' | 'exception' | null;
  readonly encryption: 'domain' | 'user' | 'none';
  readonly scope: 'whole' | 'partial';
  /** One sentence: what was found and what it means. */
  readonly reason: string;
  readonly integrity: boolean;
  readonly fault:
    | 'message-integrity'
    | 'signer-not-trusted'
    | 'signer-mismatch'
    | 'algorithm-unsupported'
    | 'decryption-failed'
    | null;
  readonly layers: readonly LayerReport[];
}

export type LayerReport =
  | { readonly kind: 'empty' }
  | { readonly kind: 'broken'; readonly reason: string }
  | {
      readonly kind: 'encrypted';
      readonly state: EncryptedLayer['state'];
      readonly algorithm: string;
      readonly authenticated: boolean;
      readonly keyId: string | null;
    }
  | {
      readonly kind: 'signed';
      readonly form: SignedLayer['form'];
      readonly state: 'valid' | 'invalid' | 'unverifiable';
      readonly role: Role;
      readonly mapping: Verdict['mapping'];
      readonly signers: readonly SignerReport[];
    };

export interface SignerReport {
  readonly name: string;
  readonly state: 'valid' | 'invalid' | 'unverifiable';
  readonly reason: string;
  readonly types: readonly string[] | null;
  readonly fingerprint: string | null;
  readonly signingTime: string | null;
  readonly digestAlgorithm: string;
  readonly signatureAlgorithm: string;
}

export type Role = 'domain' | 'originator' | 'review' | 'additional-attributes' | 'other';

type NamingRule = NameMappingOptions | undefined;

export interface JudgeOptions {
  /** Every outer and protected RFC5322.From mailbox, and Sender: all must be covered (DS-N10). */
  readonly originators: readonly Mailbox[];
  /** Says whether a signer's certificate has a path to an anchor of this partner. */
  readonly validate: (
    certificate: Certificate,
    others: readonly Certificate[],
  ) => { readonly kind: 'valid' } | { readonly kind: 'invalid'; readonly reason: string };
  /**
   * What naming may use. As a function it is asked for each originator apart: an exception or a
   * domain of one partner must not stand for the originators of another.
   */
  readonly naming: NamingRule | ((originator: Mailbox) => NamingRule);
}

interface JudgedLayer {
  readonly layer: SignedLayer;
  readonly index: number;
  readonly role: Role;
  readonly state: 'valid' | 'invalid' | 'unverifiable';
  readonly mapping: Verdict['mapping'];
  readonly fault: FaultId | null;
  readonly reason: string;
  readonly signers: readonly SignerReport[];
  /** The signer that decided for the layer. */
  readonly name: string;
}

/** Judges trust, names and scope of a message that was taken apart. Pure; never throws. */
export function judgeLayers(message: OpenedMessage, options: JudgeOptions): Verdict {
  const judged = new Map<Layer, JudgedLayer>();
  for (const [index, layer] of message.layers.entries()) {
    if (layer.kind === 'signed' && !layer.empty)
      judged.set(layer, judgeLayer(layer, index, options));
  }
  const signed = [...judged.values()];
  const deciding = decidingLayer(signed);
  const encryption = encryptionOf(message);
  const integrity = hasIntegrity(message, signed);
  const state = messageState(message, signed, deciding);
  const reports = message.layers.map((layer) => reportOf(layer, judged));
  const type = deciding === null || deciding.role === 'other' ? null : deciding.role;
  return {
    signature: state,
    signatureType: type,
    signer: deciding?.name ?? null,
    originator: state === 'valid' ? originatorOf(signed, deciding, options) : 'unknown',
    mapping: deciding?.mapping ?? null,
    encryption,
    scope: deciding === null && message.partial ? 'partial' : 'whole',
    reason: sentence(message, state, { deciding, signed }, encryption),
    integrity,
    fault: faultOf(message, state, spoilerOf(signed, deciding) ?? deciding),
    layers: reports,
  };
}

function judgeLayer(layer: SignedLayer, index: number, options: JudgeOptions): JudgedLayer {
  const results = layer.signers.map((signer) => judgeSigner(signer, layer, options));
  // Several signers say the same with other algorithms: a bad one spoils the layer, an unknown one does not.
  const worst =
    results.find((result) => result.report.state === 'invalid') ??
    results.find((result) => result.report.state === 'valid') ??
    results[0];
  const state = worst?.report.state ?? 'unverifiable';
  const types = layer.signers[0]?.types ?? null;
  // Whoever else signed validly must fit too: one that fits does not vouch for a stranger beside it.
  const named = results.filter((result) => result === worst || result.report.state === 'valid');
  const mappings = named.flatMap(({ signer: { certificate } }) =>
    certificate === null ? [] : [mappingOf(certificate, types, options)],
  );
  const mapping = mappings.find((one) => one.word === 'mismatch') ?? mappings[0] ?? null;
  return {
    layer,
    index,
    role: mapping?.role ?? roleOf(types),
    state,
    mapping: mapping?.word ?? null,
    fault: worst?.fault ?? null,
    reason:
      state === 'valid' && mapping?.word === 'mismatch'
        ? mapping.reason
        : (worst?.report.reason ?? ''),
    signers: results.map((result) => result.report),
    name: worst?.report.name ?? 'unknown',
  };
}

interface SignerResult {
  readonly signer: LayerSigner;
  readonly fault: FaultId | null;
  readonly report: SignerReport;
}

function judgeSigner(signer: LayerSigner, layer: SignedLayer, options: JudgeOptions): SignerResult {
  const { certificate, check } = signer;
  const trust =
    check.kind === 'valid' && certificate !== null
      ? options.validate(certificate, layer.certificates)
      : null;
  const untrusted = trust?.kind === 'invalid' ? trust.reason : null;
  const report: SignerReport = {
    name: certificate === null ? 'unknown' : nameOf(certificate),
    state: untrusted === null ? check.kind : 'unverifiable',
    reason: untrusted ?? (check.kind === 'valid' ? 'signature and path are valid' : check.reason),
    types: signer.types,
    fingerprint: certificate?.fingerprint ?? null,
    signingTime: signer.signingTime?.toISOString() ?? null,
    digestAlgorithm: signer.digestAlgorithm,
    signatureAlgorithm: signer.signatureAlgorithm,
  };
  const fault =
    untrusted === null ? (check.kind === 'valid' ? null : check.fault) : 'signer-not-trusted';
  return { signer, fault, report };
}

function nameOf(certificate: Certificate): string {
  return certificate.rfc822Names[0] ?? certificate.commonNames[0] ?? certificate.fingerprint;
}

// DS-V3: without SignatureType it is the originator's. A signature that names several types counts
// as the strongest of them that the naming rule can prove.
function roleOf(types: readonly string[] | null): Role {
  if (types === null) return 'originator';
  for (const role of ['domain', 'originator', 'review', 'additional-attributes'] as const) {
    if (types.includes(role)) return role;
  }
  return 'other';
}

interface Mapping {
  readonly role: Role;
  readonly word: NonNullable<Verdict['mapping']>;
  readonly reason: string;
}

function mappingOf(
  certificate: Certificate,
  types: readonly string[] | null,
  options: JudgeOptions,
): Mapping {
  const role = roleOf(types);
  const check = nameCheckOf(certificate, role, options);
  if (check.kind === 'ok') {
    return { role, word: check.convention === 'exception' ? 'exception' : 'ok', reason: '' };
  }
  // DS-N6, DS-N12: gateways that an exception is for do not write SignatureType; theirs is the
  // signature of a domain all the same, and never that of the author.
  const agreed = types === null ? checkDomainName(certificate, options) : check;
  return agreed.kind === 'ok' && agreed.convention === 'exception'
    ? { role: 'domain', word: 'exception', reason: '' }
    : { role, word: 'mismatch', reason: check.reason };
}

/** The signer's name against every originator: all must be covered (DS-N10). */
function checkDomainName(certificate: Certificate, options: JudgeOptions): NameCheck {
  const { originators, naming } = options;
  if (typeof naming !== 'function') return checkDomainNameFor(certificate, originators, naming);
  const checks = originators.map((one) => checkDomainNameFor(certificate, [one], naming(one)));
  return (
    checks.find((check) => check.kind === 'mismatch') ??
    checks.find((check) => check.kind === 'ok' && check.convention === 'exception') ??
    checks[0] ??
    checkDomainNameFor(certificate, [], undefined)
  );
}

function checkDomainNameFor(
  certificate: Certificate,
  originators: readonly Mailbox[],
  naming: NamingRule,
): NameCheck {
  const named = checkAuthorityName(certificate, 'domain');
  const mapped = checkNameMapping(certificate, originators, naming);
  // An exception (DS-N6) stands in for both rules.
  if (mapped.kind === 'ok' && mapped.convention === 'exception') return mapped;
  return named.kind === 'mismatch' ? named : mapped;
}

function nameCheckOf(certificate: Certificate, role: Role, options: JudgeOptions): NameCheck {
  switch (role) {
    case 'domain':
      return checkDomainName(certificate, options);
    case 'review':
      return checkAuthorityName(certificate, 'review');
    case 'additional-attributes':
      return checkAuthorityName(certificate, 'attribute');
    default:
      return checkOriginatorName(certificate, options.originators);
  }
}

// RFC 8550 section 3 (SM-6): From must be an address of the certificate; one without any address
// is accepted as such but identifies nobody, so it does not match here.
function checkOriginatorName(certificate: Certificate, originators: readonly Mailbox[]): NameCheck {
  const reserved = Object.values(AUTHORITY_NAMES) as readonly string[];
  const stray = originators.find(
    (originator) => !certificate.mailboxes.some((mailbox) => sameMailbox(mailbox, originator)),
  );
  if (originators.length > 0 && stray === undefined) return { kind: 'ok', convention: 'rfc822' };
  const authority = certificate.mailboxes
    .map((mailbox) => mailbox.localPart.toLowerCase())
    .find((name) => reserved.includes(name));
  return {
    kind: 'mismatch',
    reason:
      authority === undefined
        ? 'the certificate is not in the name of the author'
        : `a certificate of ${authority} without the SignatureType attribute is no domain signature`,
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
  return spoilerOf(signed, deciding) === null ? deciding.state : 'invalid';
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
function hasIntegrity(message: OpenedMessage, signed: readonly JudgedLayer[]): boolean {
  return message.layers.every((layer, index) => {
    if (layer.kind === 'broken') return false;
    if (layer.kind !== 'encrypted' || layer.state === 'foreign') return true;
    if (layer.state === 'failed') return false;
    if (layer.authenticated) return true;
    return signed.some(
      (inner) => inner.index > index && inner.state === 'valid' && inner.mapping !== 'mismatch',
    );
  });
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

function faultOf(
  message: OpenedMessage,
  state: Verdict['signature'],
  deciding: JudgedLayer | null,
): Verdict['fault'] {
  const failed = message.layers.some(
    (layer) => layer.kind === 'encrypted' && layer.state === 'failed',
  );
  if (failed) return 'decryption-failed';
  if (state === 'valid') return deciding?.mapping === 'mismatch' ? 'signer-mismatch' : null;
  if (state === 'none') return null;
  const fault = deciding?.fault ?? null;
  if (fault === 'algorithm-unsupported' || fault === 'signer-not-trusted') return fault;
  return state === 'invalid' ? 'message-integrity' : 'signer-not-trusted';
}

function reportOf(layer: Layer, judged: ReadonlyMap<Layer, JudgedLayer>): LayerReport {
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

function sentence(
  message: OpenedMessage,
  state: Verdict['signature'],
  layers: { readonly signed: readonly JudgedLayer[]; readonly deciding: JudgedLayer | null },
  encryption: Verdict['encryption'],
): string {
  const { signed, deciding } = layers;
  const named = state === 'valid' ? deciding : (spoilerOf(signed, deciding) ?? deciding);
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
